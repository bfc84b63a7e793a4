// Which collateral does a quote need? The platform's certificate says it: in
// the quote, or at the service where the quote only names its platform. The
// certificate's chain is verified first, so that nobody can make a service ask
// for kinds of platforms that there are not.

import { type Crypto, fromUtf8 } from '@vorta/core'
import type { TrustAnchor } from '../anchors.ts'
import { refuse } from '../errors.ts'
import { type PckCa, pckCaOf, readPckChain } from '../pck-chain.ts'
import { parsePckExtension } from '../pck-extension.ts'
import { parsePemChain } from '../pem.ts'
import { type Certification, parseQuote } from '../quote.ts'
import { findAnchor } from '../roots.ts'
import { isSignedBy } from '../signed-der.ts'
import type { CollateralKey } from './fetch-collateral.ts'
import { type PcsClient, platformIdOf } from './pcs-client.ts'

export type Located = Omit<CollateralKey, 'update'> & {
  /** The platform's chain in PEM where the quote does not carry it. */
  readonly pckChain?: string
}

/** Asks endpoints in order until one has an answer. */
export type Ask = <T>(use: (client: PcsClient) => Promise<T>) => Promise<T>

/** Throws VerificationError, or COLLATERAL_UNAVAILABLE where a chain has to be fetched and cannot. */
export async function locateCollateral(
  crypto: Crypto,
  bytes: Uint8Array,
  anchors: readonly TrustAnchor[],
  ask: Ask,
): Promise<Located> {
  const quote = parseQuote(bytes)
  const pckChain = await missingChain(quote.certification, quote.signedData.slice(28, 44), ask)
  const { leaf, intermediate } = readPckChain(quote.certification, pckChain)
  await findAnchor(crypto, intermediate, anchors)
  if (!(await isSignedBy(crypto, intermediate.key, leaf))) {
    throw refuse('CERT_SIGNATURE', `${leaf.commonName}: not issued by ${intermediate.commonName}`)
  }
  const ca = pckCaOf(intermediate)
  if (!ca || !leaf.sgxExtension) {
    throw refuse('PCK_EXTENSION', 'PCK certificate: no SGX extension')
  }
  const { fmspc } = parsePckExtension(leaf.sgxExtension)
  return { tee: quote.tee, fmspc, ca, ...(pckChain === undefined ? {} : { pckChain }) }
}

// Certification data types (Intel SGX ECDSA QuoteLibReference, A.4, table 9).
const pckLeaf = 4
/** The platform named by its encrypted PPID, and the length of that. */
const encryptedPpid: Readonly<Record<number, number>> = { 2: 276, 3: 404 }

/** Undefined where the quote carries its chain, or says too little to ask for it. */
async function missingChain({ type, data }: Certification, qeId: Uint8Array, ask: Ask) {
  if (type === pckLeaf) {
    const leaf = fromUtf8(data)?.replace(/\n?\0?$/, '\n') ?? ''
    const ca = issuerOf(leaf)
    return ca && leaf + (await ask((client) => client.pckCrl(ca))).chain
  }
  if (data.length !== encryptedPpid[type]) return undefined
  return ask((client) => client.pckChain(platformIdOf(data, qeId)))
}

function issuerOf(leaf: string): PckCa | undefined {
  const issuer = parsePemChain(leaf, 'PCK leaf of the quote')[0]?.issuer
  const name = new TextDecoder('latin1').decode(issuer)
  return (['platform', 'processor'] as const).find((ca) => name.toLowerCase().includes(`${ca} ca`))
}
