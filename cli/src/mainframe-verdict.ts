// What is to be known of a mainframe: fresh evidence, about the key of the
// connection it came by and the key of its log, accepted by a policy.

import { createClient } from '@connectrpc/connect'
import { MainframeService } from '@vorta/api'
import {
  type AttestationPolicy,
  type MainframeEvidence,
  mainframeEvidenceDecoder,
  type TrustAnchor,
  type Verdict,
  verdictOf,
  verifyMainframeEvidence,
} from '@vorta/attestation'
import { refuse } from '@vorta/attestation/errors'
import { parseCanonicalJson, systemRandom, toHex } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { decode } from '@vorta/core/decode'
import { openCheckpoint } from './log-check.ts'
import { connectOnce } from './single-connection.ts'

export type MainframeVerdict = Verdict & {
  /** Verifier key of its log, proven. */
  readonly log: string
  /** Entries in the log, by its newest checkpoint. */
  readonly logSize: number
  /** SHA-256 of its TLS key, proven; absent for a connection without TLS. */
  readonly tls?: string
  readonly dstack?: object
}

export type MainframeSettings = {
  readonly anchors: readonly TrustAnchor[]
  readonly policy: AttestationPolicy
  /** The log key one knows, as a vkey. */
  readonly pinned?: string
  readonly now: () => number
}

/** Collateral and event log are the largest parts, each bounded by its decoder. */
const maxEvidence = 4 * 1024 * 1024

/**
 * Throws VerificationError: the codes of verifyMainframeEvidence, of a signed note,
 * MAINFRAME_LOG_MISMATCH; and what the mainframe answers, such as NOT_ATTESTED.
 */
export async function verifyMainframe(
  endpoint: string,
  { anchors, policy, pinned, now }: MainframeSettings,
): Promise<MainframeVerdict> {
  const connection = await connectOnce(endpoint)
  try {
    const { tls } = connection
    const client = createClient(MainframeService, connection.transport)
    const nonce = systemRandom(32)
    const answer = await client.getMainframeEvidence({ nonce })
    const { claims, ...guest } = await verifyMainframeEvidence(
      nodeCrypto,
      readEvidence(answer.evidence),
      { anchors, now: now(), nonce: toHex(nonce), ...(tls !== undefined && { tls }) },
    )
    if (pinned !== undefined && claims.log !== pinned) {
      throw refuse('MAINFRAME_LOG_MISMATCH', `log key: expected ${pinned}, got ${claims.log}`)
    }
    // A log without entries has no checkpoint, and nothing to be lied about.
    const { size } =
      answer.checkpoint === '' ? { size: 0 } : await openCheckpoint(answer.checkpoint, claims.log)
    return {
      ...verdictOf(nodeCrypto, policy, guest, now()),
      log: claims.log,
      logSize: size,
      ...(tls !== undefined && { tls }),
      ...(guest.dstack && { dstack: guest.dstack }),
    }
  } finally {
    connection.close()
  }
}

function readEvidence(bytes: Uint8Array): MainframeEvidence {
  const fault = (text: string) => refuse('EVIDENCE_FORMAT', `evidence: ${text}`)
  let json: unknown
  try {
    json = parseCanonicalJson(bytes, { maxBytes: maxEvidence })
  } catch (thrown) {
    throw fault((thrown as Error).message)
  }
  return decode(mainframeEvidenceDecoder, json, fault)
}
