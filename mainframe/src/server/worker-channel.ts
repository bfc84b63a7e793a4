// The connection inside a worker's connection: mutual TLS with RA-TLS
// certificates, so that it is the worker's host that is talked to, whatever ends
// the outer TLS. The worker's certificate is verified and judged before anything
// else is said; then one line tells the worker the verdict.

import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import {
  type AttestationPolicy,
  type Collateral,
  intelAnchor,
  requireAccepted,
  simulatedAnchor,
  VerifierMemory,
  verifyRaTlsCertificate,
} from '@vorta/attestation'
import { openChannel } from '@vorta/attestation/ra-tls/channel'
import type { TlsIdentity } from '@vorta/attestation/ra-tls/issue'
import { type EnclaveIdentity, identityOf } from '@vorta/attestation/ra-tls/same-enclave'
import { sayRefusal, sayWelcome } from '@vorta/attestation/ra-tls/verdict'
import { type Clock, VortaError } from '@vorta/core'
import { threadedCrypto } from '@vorta/core/crypto-threads'
import type { Logger } from '@vorta/core/log'
import type { Metrics } from '../metrics.ts'

export type ChannelDeps = {
  /** What the mainframe shows. */
  readonly identity: () => Promise<TlsIdentity>
  readonly collateral: (quote: Uint8Array) => Promise<Collateral>
  readonly policy: AttestationPolicy
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
}

export type WorkerChannel = {
  readonly socket: TLSSocket
  /** The enclave that vouches for the other end. */
  readonly peer: EnclaveIdentity
}

/** For making a quote, and for the handshake. */
const handshakeMs = 15_000

// Both anchors, as in the appraiser: simulated evidence is refused for what it is.
const anchors = [intelAnchor, simulatedAnchor]

// After a restart of the mainframe all workers come back at once.
const memory = new VerifierMemory()

/**
 * Opens the channel to a worker that was sent this challenge. A refusal is told to the worker,
 * logged, counted and thrown.
 */
export async function openWorkerChannel(
  deps: ChannelDeps,
  workerId: string,
  stream: Duplex,
  nonce: Uint8Array,
): Promise<WorkerChannel> {
  const { clock, policy, collateral, log, metrics } = deps
  let socket: TLSSocket | undefined
  try {
    const signal = AbortSignal.timeout(handshakeMs)
    const channel = await openChannel(stream, {
      ...(await deps.identity()),
      role: 'server',
      signal,
    })
    socket = channel.socket
    const options = { anchors, now: clock.now(), memory, collateral, nonce }
    const { quote, dstack } = await verifyRaTlsCertificate(threadedCrypto, channel.peer, options)
    requireAccepted(policy, quote, clock.now(), dstack)
    await sayWelcome(socket)
    return { socket, peer: identityOf(quote) }
  } catch (thrown) {
    const refusal = VortaError.from(thrown)
    const { code, message } = refusal
    metrics.raTlsRefused.inc({ code })
    log.warn({ worker: workerId, code, reason: message }, 'RA-TLS connection refused')
    if (socket) sayRefusal(socket, refusal)
    else stream.destroy()
    throw thrown
  }
}
