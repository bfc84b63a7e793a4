// Which collateral does a quote need? The platform's certificate says it: in
// the quote, or at the service where the quote only names its platform. The
// certificate has to be genuine and the quote's own, so that nobody can make a
// service ask for kinds of platforms that there are not.

import { type Crypto, concat, fromUtf8, toHex } from '@vorta/core'
import type { TrustAnchor } from '../anchors.ts'
import { refuse } from '../errors.ts'
import { type PckCa, pckCaOf, readPckChain } from '../pck-chain.ts'
import { parsePckExtension } from '../pck-extension.ts'
import { parsePemChain } from '../pem.ts'
import { type ParsedQuote, parseQuote } from '../quote.ts'
import { findAnchor } from '../roots.ts'
import { isSignedBy } from '../signed-der.ts'
import type { CollateralKey } from './fetch-collateral.ts'
import { type PcsClient, platformIdOf } from './pcs-client.ts'
import type { Lookup } from './platform-lookups.ts'

export type Located = Omit<CollateralKey, 'update'> & {
  /** The platform's chain in PEM where the quote does not carry it. */
  readonly pckChain?: string
}

/** Throws VerificationError, or COLLATERAL_UNAVAILABLE where a chain has to be fetched and cannot. */
export async function locateCollateral(
  crypto: Crypto,
  bytes: Uint8Array,
  anchors: readonly TrustAnchor[],
  lookup: Lookup<Located>,
): Promise<Located> {
  const quote = parseQuote(bytes)
  const fetchChain = missingChain(quote)
  if (!fetchChain) return read(crypto, quote, anchors)
  return lookup(nameOf(crypto, quote), async (client) =>
    read(crypto, quote, anchors, await fetchChain(client)),
  )
}

async function read(
  crypto: Crypto,
  { tee, certification, qeReport, qeReportSignature }: ParsedQuote,
  anchors: readonly TrustAnchor[],
  pckChain?: string,
): Promise<Located> {
  const { leaf, intermediate } = readPckChain(certification, pckChain)
  await findAnchor(crypto, intermediate, anchors)
  if (!(await isSignedBy(crypto, intermediate.key, leaf))) {
    throw refuse('CERT_SIGNATURE', `${leaf.commonName}: not issued by ${intermediate.commonName}`)
  }
  const report = { signedData: qeReport.raw, signature: qeReportSignature }
  if (!(await isSignedBy(crypto, leaf.key, report))) {
    throw refuse('QE_REPORT_SIGNATURE', "QE report: not signed by the platform's PCK key")
  }
  const ca = pckCaOf(intermediate)
  if (!ca || !leaf.sgxExtension) {
    throw refuse('PCK_EXTENSION', 'PCK certificate: no SGX extension')
  }
  const { fmspc } = parsePckExtension(leaf.sgxExtension)
  return { tee, fmspc, ca, ...(pckChain === undefined ? {} : { pckChain }) }
}

/** Of everything that `read` and the request depend on, so that no other quote spoils the answer. */
const nameOf = (crypto: Crypto, { tee, certification, ...quote }: ParsedQuote): string => {
  const { qeReport, qeReportSignature } = quote
  const parts = concat(qeIdOf(quote), qeReport.raw, qeReportSignature, certification.data)
  return `${tee}-${certification.type}-${toHex(crypto.sha256(parts))}`
}

/** The identifier of the platform in the user data of the header. */
const qeIdOf = ({ signedData }: Pick<ParsedQuote, 'signedData'>) => signedData.slice(28, 44)

// Certification data types (Intel SGX ECDSA QuoteLibReference, A.4, table 9).
const pckLeaf = 4
/** The platform named by its encrypted PPID, and the length of that. */
const encryptedPpid: Readonly<Record<number, number>> = { 2: 276, 3: 404 }

/** Undefined where the quote carries its chain, or says too little to ask for it. */
function missingChain(quote: ParsedQuote): ((client: PcsClient) => Promise<string>) | undefined {
  const { type, data } = quote.certification
  if (type === pckLeaf) {
    const leaf = fromUtf8(data)?.replace(/\n?\0?$/, '\n') ?? ''
    const ca = issuerOf(leaf)
    return ca && (async (client) => leaf + (await client.pckCrl(ca)).chain)
  }
  if (data.length !== encryptedPpid[type]) return undefined
  return (client) => client.pckChain(platformIdOf(data, qeIdOf(quote)))
}

function issuerOf(leaf: string): PckCa | undefined {
  const issuer = parsePemChain(leaf, 'PCK leaf of the quote')[0]?.issuer
  const name = new TextDecoder('latin1').decode(issuer)
  return (['platform', 'processor'] as const).find((ca) => name.toLowerCase().includes(`${ca} ca`))
}
