// What the mainframe is itself: the ordinary process, or a program in an enclave
// or a confidential VM, which can make quotes about its keys.

import { X509Certificate } from 'node:crypto'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { QuoteProvider } from '@vorta/attestation'
import { measureProgram } from '@vorta/attestation/measurement/files'
import { openGramineProvider } from '@vorta/attestation/providers/gramine'
import { simulatedQuoteProvider } from '@vorta/attestation/providers/simulated'
import { type Clock, fail, own, toHex, utf8 } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { loadTls } from '@vorta/core/server/listen'
import type { MainframeConfig } from '../config.ts'

export type Self = {
  /** Undefined where it is an ordinary process. */
  readonly provider: QuoteProvider | undefined
  /** How it speaks TLS, if it does. */
  readonly tls: ServerTls | undefined
}

export type ServerTls = { readonly cert: string | Buffer; readonly key: string | Buffer }

// The SDK takes 20 MB and 50 ms: only who runs in dstack loads it.
const loadDstack = () => import('@vorta/attestation/providers/dstack')

/** Throws QUOTE_UNAVAILABLE, CONFIG_INVALID. */
export async function openSelf(
  config: Pick<MainframeConfig, 'attestation' | 'tls' | 'listen' | 'insecure'>,
  clock: Clock,
): Promise<Self> {
  const { endpoint, tlsName } = config.attestation.self
  if (tlsName !== undefined && config.tls) {
    throw fail('CONFIG_INVALID', 'attestation.self.tlsName: there is a certificate in tls already')
  }
  const provider = await openOwnProvider(config.attestation.self, clock)
  const tls =
    tlsName === undefined
      ? loadTls(config)
      : await (await loadDstack()).connectDstack(endpoint).tlsKey(tlsName)
  return { provider, tls }
}

async function openOwnProvider(
  { provider, endpoint }: MainframeConfig['attestation']['self'],
  clock: Clock,
): Promise<QuoteProvider | undefined> {
  switch (provider) {
    case 'none':
      return undefined
    case 'dstack':
      return (await loadDstack()).openDstackProvider(endpoint)
    case 'gramine':
      return openGramineProvider()
    case 'simulated':
      return simulatedQuoteProvider({
        platformId: nodeCrypto.sha256(utf8(hostname())).slice(0, 16),
        measurement: measureProgram(join(import.meta.dirname, '../main.ts')).measurement,
        now: clock.now,
      })
  }
}

/** SHA-256, in hex, of the key of the first certificate, as DER SubjectPublicKeyInfo. */
export function keyHashOf({ cert }: ServerTls): string {
  const { publicKey } = new X509Certificate(cert) // PEM, and the first of it
  return toHex(nodeCrypto.sha256(own(publicKey.export({ type: 'spki', format: 'der' }))))
}
