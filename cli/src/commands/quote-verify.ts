// `quote verify FILE`: is the quote genuine, and does the policy accept it?
// Offline: the collateral comes from a file.

import { docsUrl, exitCodes } from '@vorta/api/errors'
import {
  type AttestationPolicy,
  type Collateral,
  judge,
  type VerifiedQuote,
  verifyQuote,
} from '@vorta/attestation'
import { fail, parseJson, toRfc3339, VerificationError, VortaError } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { command as define, verdictOptions } from '../command.ts'
import { maxDocumentBytes, readInput } from '../input.ts'
import type { Io } from '../io.ts'
import { details } from '../output.ts'
import { readQuote } from '../quotes.ts'
import { anchorsOf, defaultPolicy, momentOf, readPolicy, trustOptions } from '../trust.ts'
import type { Paint } from '../ui.ts'
import { checkLines, simulatedNotice, verdictJson } from '../verdicts.ts'

export const command = define({
  summary: 'verify an attestation quote, offline',
  description: `Whether it is genuine, and whether the policy accepts it, are two answers. Exit code 5 if it is
not genuine, if a --policy refuses it, or if it is SIMULATED without --allow-simulated.`,
  options: {
    collateral: {
      type: 'string',
      value: 'FILE',
      summary:
        "JSON with the fields of Intel's quote collateral, unless it stands beside the quote",
    },
    policy: { type: 'string', value: 'FILE', summary: 'attestation policy in YAML or JSON' },
    ...trustOptions,
    ...verdictOptions,
  },
  arguments: [{ name: 'file', summary: 'quote: raw, hex, base64 or JSON', completes: 'file' }],
  examples: ['quote verify quote.bin --collateral collateral.json --at 1780272000 -o json'],
  run: async (ui, values, [path]) => {
    const now = momentOf(ui.io, values.at)
    const policy = await policyOf(ui.io, values.policy, values['allow-simulated'])
    const result = await verify(ui.io, path!, values, policy, now)
    if (values.json || values.format === 'json') ui.print(verdictJson(result))
    else ui.print(text(ui.paint, path!, result))
    if (result.outcome === 'rejected') {
      ui.docs(docsUrl(result.rejectCode ?? ''))
      return exitCodes.verification
    }
    const refused = values.policy !== undefined && !result.accepted
    const simulated = result.simulated && !policy.simulated
    return refused || simulated ? exitCodes.verification : exitCodes.ok
  },
})

async function policyOf(io: Io, path: string | undefined, simulated: true | undefined) {
  if (path === undefined) return defaultPolicy(simulated ?? false, [])
  return (await readPolicy(io, path, simulated)).attestation
}

type Inputs = { readonly collateral?: string; readonly root?: string }

async function verify(
  io: Io,
  path: string,
  inputs: Inputs,
  policy: AttestationPolicy,
  now: number,
) {
  try {
    const anchors = await anchorsOf(io, inputs.root)
    const file = await readQuote(io, path)
    const collateral =
      inputs.collateral === undefined
        ? file.collateral
        : parseJson(await readInput(io, inputs.collateral), { maxBytes: maxDocumentBytes })
    if (collateral === undefined) {
      throw fail('USAGE', 'option --collateral is missing', {
        hints: ['a quote alone does not tell whether its platform is up to date'],
      })
    }
    // verifyQuote decodes the collateral itself, whatever it is.
    const untrusted = collateral as Collateral
    const quote = await verifyQuote(nodeCrypto, file.quote, untrusted, { anchors, now })
    return verified(quote, policy, now)
  } catch (thrown) {
    const isVerdict =
      thrown instanceof VerificationError ||
      (thrown instanceof VortaError && thrown.code === 'MALFORMED_JSON')
    if (!isVerdict) throw thrown
    return rejected(thrown)
  }
}

function verified(quote: VerifiedQuote, policy: AttestationPolicy, now: number) {
  const { accepted, findings } = judge(policy, quote, now)
  return { outcome: 'verified', accepted, ...quote, findings, rejectCode: null } as const
}

/** The keys a script may ask for are there in any case. */
const rejected = ({ code, message }: VortaError) =>
  ({
    outcome: 'rejected',
    accepted: false,
    tee: null,
    simulated: null,
    status: null,
    platformStatus: null,
    qeStatus: null,
    advisoryIds: [],
    tcbDate: null,
    tcbEvaluationDataNumber: null,
    debug: null,
    mrenclave: null,
    mrsigner: null,
    findings: [],
    rejectCode: code,
    rejectDetail: message,
  }) as const

type Result = Awaited<ReturnType<typeof verify>>

function text(paint: Paint, path: string, result: Result): string {
  if (result.outcome === 'rejected') {
    return `${paint('failed', '✗ REJECTED')} ${result.rejectCode}: ${result.rejectDetail}`
  }
  const findings = result.findings.map(({ rule, ok, code, detail }) => ({
    name: rule,
    outcome: ok ? 'passed' : 'failed',
    detail,
    ...(code === undefined ? {} : { code }),
  })) satisfies Parameters<typeof checkLines>[1]
  return [
    ...(result.simulated ? [simulatedNotice(paint)] : []),
    details(paint, [
      ['tee', result.tee],
      ['root', result.anchor.name],
      ['TCB status', result.status],
      ['platform', result.platformStatus],
      ['quoting enclave', result.qeStatus],
      ['advisories', result.advisoryIds.join(', ') || 'none'],
      ['TCB date', result.tcbDate],
      ['evaluation', String(result.tcbEvaluationDataNumber)],
      ['MRENCLAVE', result.mrenclave],
      ['MRSIGNER', result.mrsigner],
      ['product, SVN', `${result.isvProdId}, ${result.isvSvn}`],
      ['debug', String(result.debug)],
      ['FMSPC', result.fmspc],
      ['collateral until', toRfc3339(result.collateralExpires)],
    ]),
    paint('strong', 'Policy'),
    checkLines(paint, findings),
    `${paint('good', '✓ GENUINE')}${result.simulated ? paint('simulated', ' SIMULATED') : ''}, ${
      result.accepted ? 'accepted' : 'not accepted'
    } by the policy: ${path}`,
  ].join('\n')
}
