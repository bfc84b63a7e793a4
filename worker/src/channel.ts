// The connection inside the connection: mutual TLS with RA-TLS certificates.
// The worker's key is its own; the enclave vouches for it, so that the mainframe
// knows that it talks to the host that runs this very enclave. The mainframe is
// verified where the configuration asks for that. Then it says one line, its
// verdict on the worker, and what follows is HTTP/2.

import type { TLSSocket } from 'node:tls'
import {
  type AttestationPolicy,
  type Collateral,
  intelAnchor,
  requireAccepted,
  requireEnclaveKey,
  simulatedAnchor,
  verifyRaTlsCertificate,
} from '@vorta/attestation'
import { openChannel } from '@vorta/attestation/ra-tls/channel'
import {
  createRaTlsKey,
  issueCertificate,
  type QuotedClaims,
} from '@vorta/attestation/ra-tls/issue'
import { hearVerdict } from '@vorta/attestation/ra-tls/verdict'
import { VortaError } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import type { Dialled } from './dial.ts'

/** How a worker knows its mainframe by what that runs. */
export type MainframePolicy = {
  readonly policy: AttestationPolicy
  /** Finds the collateral for the mainframe's quote; it is verified here. */
  readonly collateral: () => Promise<Collateral>
}

export type ChannelOptions = {
  readonly workerId: string
  /** The enclave's word for a TLS key of this process, with the challenge in it. */
  readonly vouch: (spki: Uint8Array, nonce: Uint8Array) => Promise<QuotedClaims>
  /** Absent where the outer TLS, or the loopback, is what the mainframe is known by. */
  readonly mainframe: MainframePolicy | undefined
  readonly now: () => number
  readonly signal: AbortSignal
}

/** For the handshake, both verifications and the verdict; a quote is made before. */
const handshakeMs = 15_000
/** A certificate serves one connection, and only its handshake. */
const lifetime = 3_600_000

const anchors = [intelAnchor, simulatedAnchor]

/**
 * Gives the socket to serve HTTP/2 on. Throws ENCLAVE_LOST, RATLS_*, the codes of
 * verification and policy where the mainframe is refused, and the mainframe's own code where
 * the worker is.
 */
export async function openMainframeChannel(
  { socket: stream, nonce }: Dialled,
  { workerId, vouch, mainframe, now, signal }: ChannelOptions,
): Promise<TLSSocket> {
  try {
    const key = createRaTlsKey()
    const evidence = await vouch(key.spki, nonce)
    const identity = issueCertificate({ key, commonName: workerId, evidence, now: now(), lifetime })
    const limit = AbortSignal.any([signal, AbortSignal.timeout(handshakeMs)])
    const { socket, peer } = await openChannel(stream, {
      ...identity,
      role: 'client',
      signal: limit,
    })
    if (mainframe) await verifyMainframe(peer, mainframe, now())
    await hearVerdict(socket, limit)
    return socket
  } catch (thrown) {
    stream.destroy()
    throw thrown
  }
}

async function verifyMainframe(
  certificate: Uint8Array,
  { policy, collateral }: MainframePolicy,
  now: number,
): Promise<void> {
  try {
    const options = { anchors, now, collateral }
    const verified = await verifyRaTlsCertificate(nodeCrypto, certificate, options)
    requireEnclaveKey(verified)
    requireAccepted(policy, verified.quote, now, verified.dstack)
  } catch (thrown) {
    const { code, message, hints } = VortaError.from(thrown)
    throw new VortaError(code, `the mainframe is not accepted: ${message}`, {
      hints,
      cause: thrown,
    })
  }
}
