// A simulated enclave without a process, for tests: it has a key, makes
// evidence and signs statements as the real one does, or as a test bids it.

import { generateKeyPairSync, sign } from 'node:crypto'
import type { Attempt } from '@vorta/api'
import {
  type EnclaveKeyClaims,
  type Evidence,
  enclaveKeyPurpose,
  reportDataOf,
} from '@vorta/attestation'
import { simulatedQuoteProvider } from '@vorta/attestation/providers/simulated'
import { encodeRaTlsClaims, raTlsReportData } from '@vorta/attestation/ra-tls/claims'
import type { QuotedClaims } from '@vorta/attestation/ra-tls/issue'
import { createRecipient } from '@vorta/attestation/sealing/recipient'
import { simulatedCollateral } from '@vorta/attestation/simulated/collateral'
import {
  type Canonical,
  type Clock,
  canonicalBytes,
  own,
  toBase64,
  toHex,
  toRfc3339,
  utf8,
} from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import {
  encodeStatement,
  makeStatement,
  payloadType,
  type ReceiptPredicate,
  signEnvelope,
} from '@vorta/receipt'
import type { LogIdentity } from '../cluster/session.ts'
import { specMessage } from '../jobs/spec.ts'

export const testMeasurement = new Uint8Array(32).fill(0x5a)

export type TestEnclave = ReturnType<typeof makeEnclave>

export function makeEnclave(
  clock: Clock,
  measurement: Uint8Array = testMeasurement,
  platformId: Uint8Array = new Uint8Array(16).fill(3),
) {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const spki = own(publicKey.export({ type: 'spki', format: 'der' }))
  const signer = {
    spki,
    sign: (data: Uint8Array) =>
      own(sign('sha256', data, { key: privateKey, dsaEncoding: 'ieee-p1363' })),
  }
  // The half that opens what is sealed to it; a real enclave's opening is tested there.
  const recipient = createRecipient()
  const provider = simulatedQuoteProvider({
    platformId,
    measurement,
    now: clock.now,
  })

  async function attest(nonce: Uint8Array) {
    const claims: EnclaveKeyClaims = {
      purpose: enclaveKeyPurpose,
      spki: toBase64(spki),
      nonce: toHex(nonce),
      hpke: toBase64((await recipient).publicKey),
    }
    const { quote } = await provider.quote(reportDataOf(nodeCrypto, claims))
    return { claims, quote }
  }

  return {
    spki,
    attest,

    /** Its word for a TLS key of its host, and the identity that it opens a connection by. */
    vouch: async (hostKey: Uint8Array, nonce: Uint8Array): Promise<QuotedClaims> => {
      const key = { spki: hostKey, nonce, holder: 'host' } as const
      const claims = encodeRaTlsClaims(nodeCrypto, key)
      return { claims, ...(await provider.quote(raTlsReportData(nodeCrypto, claims))) }
    },
    identity: { measurement: toHex(measurement), ppid: toHex(platformId) },

    /** Evidence as it stands in a receipt. */
    evidence: async (nonce = new Uint8Array(32)): Promise<Evidence> => {
      const { claims, quote } = await attest(nonce)
      const collateral = simulatedCollateral(clock.now())
      return { tee: 'simulated', claims, quote: toBase64(quote), collateral }
    },

    /** A result for an attempt; `change` puts other facts into what is signed. */
    result: async (
      attempt: Attempt,
      log: LogIdentity,
      change: (predicate: ReceiptPredicate) => ReceiptPredicate = (same) => same,
    ) => {
      const trace = utf8(`{"trace":"of ${attempt.jobUid} ${attempt.number}"}`)
      const predicate = change(predicateOf(attempt, log, trace, toRfc3339(clock.now())))
      const payload = encodeStatement(makeStatement(nodeCrypto, predicate))
      const envelope = await signEnvelope(nodeCrypto, payloadType, payload, signer)
      return { envelope: canonicalBytes(envelope as Canonical), trace }
    },
  }
}

function predicateOf(
  attempt: Attempt,
  log: LogIdentity,
  trace: Uint8Array,
  time: string,
): ReceiptPredicate {
  const { work } = specMessage(attempt.spec)
  if (work.case !== 'proof') throw new Error('the attempt is about no proof')
  const { system, curve, encoding, verificationKey, publicInputs, proof } = work.value
  const hex = (digest: string) => digest.replace('sha256:', '')
  return {
    job: { uid: attempt.jobUid, name: attempt.job },
    attempt: { number: attempt.number, token: toHex(attempt.token) },
    spec: toHex(nodeCrypto.sha256(attempt.spec)),
    enclave: { kind: 'simulated' },
    log,
    startedOn: time,
    finishedOn: time,
    trace: toHex(nodeCrypto.sha256(trace)),
    proof: {
      system,
      curve,
      encoding,
      verifier: { name: 'test', version: '1' },
      verificationKey: hex(verificationKey),
      publicInputs: hex(publicInputs),
      proof: hex(proof),
      verdict: 'valid',
    },
  }
}
