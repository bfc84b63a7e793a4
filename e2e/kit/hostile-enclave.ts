// The key and the quotes of a SIMULATED enclave, in the hands of the test. Anyone
// can have them, which is why simulated evidence proves nothing; here they serve
// to be admitted as genuine and then to misbehave.

import { join } from 'node:path'
import type { Attempt, LogIdentity } from '@vorta/api'
import { type EnclaveKeyClaims, enclaveKeyPurpose, reportDataOf } from '@vorta/attestation/claims'
import { measureProgram } from '@vorta/attestation/measurement/files'
import { simulatedQuoteProvider } from '@vorta/attestation/providers/simulated'
import { encodeRaTlsClaims, raTlsReportData } from '@vorta/attestation/ra-tls/claims'
import type { QuotedClaims } from '@vorta/attestation/ra-tls/issue'
import {
  type Canonical,
  canonicalBytes,
  fromUtf8,
  systemClock,
  systemRandom,
  toBase64,
  toHex,
  toRfc3339,
} from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { createEnclaveKey } from '@vorta/enclave/key'
import {
  type EnvelopeSigner,
  encodeStatement,
  makeStatement,
  payloadType,
  type ReceiptPredicate,
  type ReceiptStatement,
  signEnvelope,
} from '@vorta/receipt'
import { root } from '../../scripts/cluster.ts'

export type Quoted = { readonly claims: Uint8Array; readonly quote: Uint8Array }
export type Result = { readonly envelope: Uint8Array; readonly trace: Uint8Array }

/** How a result differs from an honest one; by default it does not. */
export type Lie = {
  readonly predicate?: (honest: ReceiptPredicate) => ReceiptPredicate
  readonly statement?: (honest: ReceiptStatement) => ReceiptStatement
  readonly signer?: EnvelopeSigner
  readonly trace?: Uint8Array
}

export type HostileEnclave = {
  readonly signer: EnvelopeSigner
  readonly measurement: string
  /** Evidence for a challenge. */
  readonly quote: (nonce: Uint8Array) => Promise<Quoted>
  /** Its word for the TLS key of whoever asks. */
  readonly vouch: (spki: Uint8Array, nonce: Uint8Array) => Promise<QuotedClaims>
  /** A signed result. */
  readonly result: (attempt: Attempt, log: LogIdentity, lie?: Lie) => Promise<Result>
}

export function createHostileEnclave(): HostileEnclave {
  const { measurement } = measureProgram(join(root, 'enclave/src/main.ts'))
  const provider = simulatedQuoteProvider({
    platformId: systemRandom(16),
    measurement,
    now: systemClock.now,
  })
  const signer = createEnclaveKey()
  return {
    signer,
    measurement: toHex(measurement),

    quote: async (nonce) => {
      const claims: EnclaveKeyClaims = {
        purpose: enclaveKeyPurpose,
        spki: toBase64(signer.spki),
        nonce: toHex(nonce),
      }
      const { quote } = await provider.quote(reportDataOf(nodeCrypto, claims))
      return { claims: canonicalBytes(claims as Canonical), quote }
    },

    vouch: async (spki, nonce) => {
      const claims = encodeRaTlsClaims(nodeCrypto, { spki, nonce, holder: 'host' })
      return { claims, ...(await provider.quote(raTlsReportData(nodeCrypto, claims))) }
    },

    result: async (attempt, log, lie = {}) => {
      const trace = canonicalBytes({ type: 'vorta.org/trace/v1', steps: [] })
      const honest = predicateOf(attempt, log, trace)
      const statement = makeStatement(nodeCrypto, lie.predicate?.(honest) ?? honest)
      const payload = encodeStatement(lie.statement?.(statement) ?? statement)
      const envelope = await signEnvelope(nodeCrypto, payloadType, payload, lie.signer ?? signer)
      return { envelope: canonicalBytes(envelope), trace: lie.trace ?? trace }
    },
  }
}

function predicateOf(attempt: Attempt, log: LogIdentity, trace: Uint8Array): ReceiptPredicate {
  const { proof } = JSON.parse(fromUtf8(attempt.spec) ?? '') as { proof: Record<string, string> }
  const hex = (digest = '') => digest.slice('sha256:'.length)
  const now = toRfc3339(Date.now())
  return {
    job: { uid: attempt.jobUid, name: attempt.job },
    attempt: { number: attempt.number, token: toHex(attempt.token) },
    spec: toHex(nodeCrypto.sha256(attempt.spec)),
    enclave: { kind: 'simulated' },
    log: { origin: log.origin, key: log.key },
    startedOn: now,
    finishedOn: now,
    trace: toHex(nodeCrypto.sha256(trace)),
    proof: {
      system: proof.system ?? '',
      curve: proof.curve ?? '',
      encoding: proof.encoding ?? '',
      verifier: { name: 'groth16', version: '0.1.0' },
      verificationKey: hex(proof.verificationKey),
      publicInputs: hex(proof.publicInputs),
      proof: hex(proof.proof),
      verdict: 'valid',
    },
  }
}
