// `attestation verify FILE`: is this a result that the service signed, and is it
// about what I asked? Offline: the key set comes from a file.

import { docsUrl, exitCodes } from '@vorta/api/errors'
import { verifyEar } from '@vorta/attestation/ear-jwt'
import {
  type Canonical,
  canonicalDigest,
  fail,
  fromUtf8,
  parseJson,
  toRfc3339,
  VerificationError,
  VortaError,
} from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { command as define, verdictOptions } from '../command.ts'
import { maxDocumentBytes, readInput } from '../input.ts'
import type { Io } from '../io.ts'
import { details } from '../output.ts'
import { evidenceIn } from '../presented.ts'
import { momentOf } from '../trust.ts'
import { simulatedNotice, verdictJson } from '../verdicts.ts'

// Far more than any token or key set takes.
const maxBytes = 1 << 20

export const command = define({
  summary: 'verify a signed result of an attestation service, offline',
  description: `Checks the signature under a key set that you trust, the dates, and whatever you ask for with
--nonce, --evidence and --policy-id. Exit code 5 if anything does not fit, or if the result is a
refusal.`,
  options: {
    jwks: {
      type: 'string',
      value: 'FILE',
      summary: "the service's key set, from /.well-known/jwks.json",
    },
    nonce: { type: 'string', value: 'HEX', summary: 'the challenge it must answer' },
    evidence: { type: 'string', value: 'FILE', summary: 'the evidence it must be about' },
    'policy-id': { type: 'string', value: 'HEX', summary: 'digest of the policy that must judge' },
    at: {
      type: 'string',
      value: 'TIME',
      summary: 'moment to judge by: Unix seconds or 2026-01-31T12:00:00Z (default now)',
    },
    ...verdictOptions,
  },
  arguments: [{ name: 'file', summary: 'token (EAR as JWT); - for stdin', completes: 'file' }],
  examples: ['attestation verify result.jwt --jwks jwks.json --nonce $NONCE -o json'],
  run: async (ui, values, [path]) => {
    const { io } = ui
    if (values.jwks === undefined) {
      throw fail('USAGE', 'option --jwks is missing', {
        hints: ['a result proves nothing without a key that you trust'],
      })
    }
    const keys = parseJson(await readInput(io, values.jwks, maxBytes), { maxBytes })
    const token = (fromUtf8(await readInput(io, path!, maxBytes)) ?? '').trim()
    const expect = {
      now: momentOf(io, values.at),
      ...(values.nonce !== undefined && { nonce: values.nonce }),
      ...(values['policy-id'] !== undefined && { policyDigest: values['policy-id'] }),
      ...(values.evidence !== undefined && {
        evidenceSha256: await digestOfEvidence(io, values.evidence),
      }),
    }
    try {
      const ear = await verifyEar(token, keys, expect)
      const affirmed = ear.status === 'affirming' || ear.status === 'warning'
      if (values.json || values.format === 'json') {
        ui.print(verdictJson({ outcome: 'verified', ...ear, rejectCode: null }))
      } else {
        if (ear.evidence.simulated) ui.print(simulatedNotice(ui.paint))
        ui.print(
          details(ui.paint, [
            ['outcome', '✓ signed by the service', 'good'],
            ['status', ear.status, affirmed ? 'good' : 'failed'],
            ['policy', ear.policyId],
            ['evidence', ear.evidence.evidence ?? ''],
            ['enclave key', ear.evidence.key ?? ''],
            ['challenge', ear.nonce ?? 'none: it may be about evidence of long ago'],
            ['verifier', `${ear.verifierId.developer}, ${ear.verifierId.build}`],
            ['issued', toRfc3339(ear.issued)],
            ['expires', toRfc3339(ear.expires)],
          ]),
        )
      }
      return affirmed ? exitCodes.ok : exitCodes.verification
    } catch (thrown) {
      if (!(thrown instanceof VerificationError)) throw thrown
      const { code, message } = VortaError.from(thrown)
      if (values.json || values.format === 'json') {
        ui.print(verdictJson({ outcome: 'rejected', rejectCode: code, rejectDetail: message }))
      } else ui.print(`${ui.paint('failed', '✗ REJECTED')} ${code}: ${message}`)
      ui.docs(docsUrl(code))
      return exitCodes.verification
    }
  },
})

/** The service names evidence by the digest of its canonical JSON. */
async function digestOfEvidence(io: Io, path: string): Promise<string> {
  const evidence = evidenceIn(await readInput(io, path))
  if (!evidence) throw fail('USAGE', `--evidence: ${path} has no evidence in it`)
  return canonicalDigest(
    nodeCrypto,
    parseJson(evidence, { maxBytes: maxDocumentBytes }) as Canonical,
  )
}
