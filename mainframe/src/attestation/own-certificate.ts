// The certificate that the mainframe shows its workers inside their connections.
// Where the mainframe runs in an enclave itself, it carries a quote that binds
// its key; where not, it proves nothing, and the outer TLS or the loopback is
// what workers know the mainframe by.

import type { QuoteProvider } from '@vorta/attestation'
import { encodeRaTlsClaims, raTlsReportData } from '@vorta/attestation/ra-tls/claims'
import {
  createRaTlsKey,
  issueCertificate,
  type QuotedClaims,
  type RaTlsKey,
  type TlsIdentity,
} from '@vorta/attestation/ra-tls/issue'
import type { Clock } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'

export type OwnIdentity = TlsIdentity & {
  /** The quote in the certificate, where there is one. */
  readonly quote?: Uint8Array
}

const hour = 3_600_000
const lifetime = 24 * hour
/** A new key and a new quote twice in a certificate's life, so that none is near its end. */
const renewAfter = lifetime / 2

/** Gives the certificate of the moment; made anew in time, once for all who ask meanwhile. */
export function createOwnIdentity(
  provider: QuoteProvider | undefined,
  clock: Clock,
): () => Promise<OwnIdentity> {
  let current: { readonly identity: Promise<OwnIdentity>; readonly madeAt: number } | undefined

  async function make(now: number): Promise<OwnIdentity> {
    const key = createRaTlsKey()
    const evidence = provider && (await quoteFor(key, provider))
    const commonName = 'Vorta mainframe'
    const identity = issueCertificate({
      key,
      commonName,
      now,
      lifetime,
      ...(evidence && { evidence }),
    })
    return { ...identity, ...(evidence && { quote: evidence.quote }) }
  }

  return () => {
    const now = clock.now()
    if (!current || now - current.madeAt >= renewAfter) {
      const made = { identity: make(now), madeAt: now }
      current = made
      // A quote that could not be made is asked for again by the next one.
      made.identity.catch(() => {
        if (current === made) current = undefined
      })
    }
    return current.identity
  }
}

async function quoteFor({ spki }: RaTlsKey, provider: QuoteProvider): Promise<QuotedClaims> {
  const claims = encodeRaTlsClaims(nodeCrypto, { spki })
  return { claims, ...(await provider.quote(raTlsReportData(nodeCrypto, claims))) }
}
