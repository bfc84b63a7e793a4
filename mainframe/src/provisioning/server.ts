// Gives secrets to enclaves, by Gramine's own protocol, so that unmodified
// Gramine enclaves can be served. The client shows an RA-TLS certificate: who is
// genuine, accepted by the policy, and holds its TLS key itself, gets the secret
// kept for its measurement. Anybody else gets not one byte.

import { constants } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer, type TLSSocket } from 'node:tls'
import {
  type AttestationPolicy,
  type Collateral,
  intelAnchor,
  measurementOf,
  policyDecoder,
  requireAccepted,
  requireEnclaveKey,
  simulatedAnchor,
  type VerifiedQuote,
  verifyRaTlsCertificate,
} from '@vorta/attestation'
import { type Clock, concat, fail, VortaError } from '@vorta/core'
import { loadConfig } from '@vorta/core/config'
import { threadedCrypto } from '@vorta/core/crypto-threads'
import type { Logger } from '@vorta/core/log'
import { loadTls, splitAddress } from '@vorta/core/server/listen'
import type { Metrics } from '../metrics.ts'
import type { ProvisioningConfig } from './config.ts'
import { encodeResponse, isRequest, requestLength } from './protocol.ts'
import { loadSecrets, type Secrets } from './secrets.ts'

export type ProvisioningDeps = {
  readonly collateral: (quote: Uint8Array) => Promise<Collateral>
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
}

export type Provisioning = {
  readonly address: string
  close(): void
}

/** For the TLS handshake, and again for the request. */
const patienceMs = 10_000
/** Each may cost ten signatures. */
const maxConnections = 64

// Gramine's mbed TLS may know 1.2 only; then with forward secrecy.
const ciphers =
  'TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:ECDHE+AESGCM:ECDHE+CHACHA20'

const anchors = [intelAnchor, simulatedAnchor]

/** Throws CONFIG_INVALID. */
export async function openProvisioning(
  config: ProvisioningConfig,
  deps: ProvisioningDeps,
): Promise<Provisioning> {
  const { certFile, keyFile, listen } = config
  const policy = loadConfig(config.policyFile, policyDecoder)
  const secrets = loadSecrets(config.secrets, deps.clock)
  const tls = { certFile, keyFile }
  const sockets = new Set<TLSSocket>()
  const server = createServer(
    {
      ...loadTls({ tls }),
      minVersion: 'TLSv1.2',
      ciphers,
      // A certificate is verified once, at the handshake: there is no second one.
      secureOptions: constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_NO_TICKET,
      requestCert: true,
      rejectUnauthorized: false,
      handshakeTimeout: patienceMs,
    },
    (socket) => {
      sockets.add(socket)
      socket.on('error', () => socket.destroy()).once('close', () => sockets.delete(socket))
      void serve(socket, policy, secrets, deps)
    },
  )
  server.maxConnections = maxConnections
  server.on('tlsClientError', (_, socket) => socket.destroy()) // Node leaves that to us
  const [host, port] = splitAddress({ listen, tls, insecure: false })
  server.listen(port, host)
  await once(server, 'listening').catch((cause: Error) => {
    const text = `secretProvisioning.listen: ${listen} cannot be used: ${cause.message}`
    throw fail('CONFIG_INVALID', text, { cause })
  })
  return {
    address: `${host}:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

/** Never rejects. */
async function serve(
  socket: TLSSocket,
  policy: AttestationPolicy,
  secrets: Secrets,
  deps: ProvisioningDeps,
): Promise<void> {
  const { log, metrics } = deps
  const late = setTimeout(() => socket.destroy(), patienceMs)
  socket.once('close', () => clearTimeout(late))
  const client = { from: socket.remoteAddress }
  try {
    const [quote] = await Promise.all([appraise(socket, policy, deps), readRequest(socket)])
    if (socket.destroyed) throw fail('SECRET_REQUEST', 'the client did not wait for its secret')
    const measurement = measurementOf(quote)
    const secret = secrets.take(measurement)
    metrics.secretReleases.inc({ code: 'OK' })
    const tier = quote.simulated ? 'SIMULATED' : 'hardware'
    const released = { measurement, platform: quote.ppidSha256, tier, bytes: secret.length }
    log.info({ ...client, ...released }, 'secret released')
    socket.end(encodeResponse(secret))
  } catch (thrown) {
    const { code, message } = VortaError.from(thrown)
    metrics.secretReleases.inc({ code })
    log.warn({ ...client, code, reason: message }, 'secret refused')
    socket.destroy()
  }
}

async function appraise(
  socket: TLSSocket,
  policy: AttestationPolicy,
  { collateral, clock }: ProvisioningDeps,
): Promise<VerifiedQuote> {
  const certificate = socket.getPeerX509Certificate()?.raw
  // A resumed session proves the key of an earlier handshake, not of this one.
  if (!certificate || socket.isSessionReused()) {
    throw fail('SECRET_REQUEST', 'secret provisioning: expected an RA-TLS certificate, got none')
  }
  const now = clock.now()
  const options = { anchors, now, collateral }
  const verified = await verifyRaTlsCertificate(threadedCrypto, certificate, options)
  requireEnclaveKey(verified)
  requireAccepted(policy, verified.quote, now, verified.dstack)
  return verified.quote
}

/** What comes after the request is for whoever goes on talking; here nobody does. */
function readRequest(socket: TLSSocket): Promise<void> {
  let seen = new Uint8Array()
  return new Promise((resolve, reject) => {
    const refuse = () =>
      reject(fail('SECRET_REQUEST', "expected the request of Gramine's protocol"))
    socket.once('close', refuse)
    socket.on('data', (chunk) => {
      seen = concat(seen, chunk).subarray(0, requestLength)
      if (seen.length < requestLength) return
      if (isRequest(seen)) resolve()
      else refuse()
    })
  })
}
