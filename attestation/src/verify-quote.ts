// Is a quote genuine? The checks in order; each returns a fact or refuses with
// its own code. Follows Intel's SGX DCAP Quote Verification Library and is
// stricter: notBefore and issueDate count, CAs must be CAs, the signed JSON is
// taken character by character, collateral past its date is refused, the QE's
// report data must end in zeros, and no byte of the collateral goes unread.
// Whether the enclave in the quote is wanted is another question: policy.ts.

import { type Crypto, concat, equal, toHex, toRfc3339 } from '@vorta/core'
import { decode } from '@vorta/core/decode'
import { requireSoundAnchor, type TrustAnchor } from './anchors.ts'
import { type Collateral, collateralDecoder } from './collateral.ts'
import { verifyCrl } from './crl.ts'
import { refuse } from './errors.ts'
import { readPckChain, type VerifiedPck, verifyPckChain } from './pck-chain.ts'
import { parsePemChain } from './pem.ts'
import { requireInForce } from './period.ts'
import { checkQeReport, matchQeLevel, parseQeIdentity, type QeIdentity } from './qe-identity.ts'
import { type ParsedQuote, parseQuote } from './quote.ts'
import { checkRoots, checkSpares, findAnchor } from './roots.ts'
import { openSignedJson, readSignerChain, verifySigner } from './signed-json.ts'
import { checkPlatform, matchTcbLevel, parseTcbInfo, type TcbInfo } from './tcb-info.ts'
import { converge } from './tcb-status.ts'
import type { VerifiedQuote } from './verified-quote.ts'
import type { Certificate } from './x509.ts'

export type VerifyOptions = {
  /** The roots to trust; there is no default. */
  readonly anchors: readonly TrustAnchor[]
  /** The moment to judge by, in milliseconds since the epoch, from a clock the caller trusts. */
  readonly now: number
}

/** Throws VerificationError with one of `verificationCodes`, nothing else. */
export async function verifyQuote(
  crypto: Crypto,
  quote: Uint8Array,
  collateral: Collateral,
  options: VerifyOptions,
): Promise<VerifiedQuote> {
  for (const anchor of options.anchors) requireSoundAnchor(anchor)
  return verifyUnder(crypto, quote, collateral, options)
}

/** verifyQuote without the guard on anchors: only for tests under Intel's public test root. */
export async function verifyUnder(
  crypto: Crypto,
  bytes: Uint8Array,
  untrusted: Collateral,
  { anchors, now }: VerifyOptions,
): Promise<VerifiedQuote> {
  const quote = parseQuote(bytes)
  const collateral = decode(collateralDecoder, untrusted, (text) =>
    refuse('COLLATERAL_FORMAT', `collateral: ${text}`),
  )
  const chain = readPckChain(quote.certification, collateral.pck_certificate_chain)
  const tcbChain = readSignerChain(collateral.tcb_info_issuer_chain, 'TCB info chain')
  const qeChain = readSignerChain(collateral.qe_identity_issuer_chain, 'QE identity chain')
  const spares = readSpares(collateral)

  const anchor = await findAnchor(crypto, chain.intermediate, anchors)
  await checkRoots(crypto, [...chain.roots, ...tcbChain.roots, ...qeChain.roots], anchor)
  await checkSpares(crypto, spares, [chain.leaf, chain.intermediate, ...chain.roots], anchor)
  const rootCrl = await verifyCrl(crypto, collateral.root_ca_crl, anchor, 'root CRL', now)
  const trust = { anchor, rootCrl, now }
  await verifySigner(crypto, tcbChain.signer, trust)
  if (!equal(qeChain.signer.raw, tcbChain.signer.raw)) {
    await verifySigner(crypto, qeChain.signer, trust)
  }
  const tcbInfo = await verifyTcbInfo(crypto, tcbChain.signer, collateral, now)
  const qeIdentity = await verifyQeIdentity(crypto, qeChain.signer, collateral, now)
  const pck = await verifyPckChain(crypto, chain, rootCrl, collateral.pck_crl, now)
  checkPlatform(tcbInfo, pck.extension)
  await verifyQuotingEnclave(crypto, quote, pck, qeIdentity)
  await verifySignature(crypto, quote)

  return {
    tee: quote.tee,
    version: quote.version,
    anchor: { kind: anchor.kind, name: anchor.name },
    simulated: anchor.kind !== 'intel',
    ...judgeTcb(tcbInfo, qeIdentity, quote, pck),
    ...enclaveOf(quote),
    ...platformOf(pck),
    tcbIssued: Math.min(tcbInfo.issueDate, qeIdentity.issueDate),
    collateralIssued: Math.max(
      tcbInfo.issueDate,
      qeIdentity.issueDate,
      rootCrl.thisUpdate,
      pck.crl.thisUpdate,
    ),
    collateralExpires: Math.min(
      tcbInfo.nextUpdate,
      qeIdentity.nextUpdate,
      rootCrl.nextUpdate,
      pck.crl.nextUpdate,
      pck.notAfter,
      tcbChain.signer.notAfter,
      qeChain.signer.notAfter,
    ),
    signedDigest: toHex(crypto.sha256(quote.signedData)),
  }
}

/** The PCK chain may stand here a second time, besides that of the quote. */
const readSpares = (collateral: Collateral): readonly Certificate[] => [
  ...parsePemChain(collateral.pck_crl_issuer_chain, 'PCK CRL chain'),
  ...parsePemChain(collateral.pck_certificate_chain ?? '', 'PCK chain of the collateral'),
]

async function verifyTcbInfo(
  crypto: Crypto,
  signer: Certificate,
  { tcb_info, tcb_info_signature }: Collateral,
  now: number,
): Promise<TcbInfo> {
  const faults = { signature: 'TCB_SIGNATURE', format: 'TCB_FORMAT' } as const
  const json = await openSignedJson(crypto, signer, tcb_info, tcb_info_signature, faults)
  const info = parseTcbInfo(json)
  requireInForce('TCB', 'TCB info', info.issueDate, info.nextUpdate, now)
  return info
}

async function verifyQeIdentity(
  crypto: Crypto,
  signer: Certificate,
  { qe_identity, qe_identity_signature }: Collateral,
  now: number,
): Promise<QeIdentity> {
  const faults = { signature: 'QEID_SIGNATURE', format: 'QEID_FORMAT' } as const
  const json = await openSignedJson(crypto, signer, qe_identity, qe_identity_signature, faults)
  const identity = parseQeIdentity(json)
  requireInForce('QEID', 'QE identity', identity.issueDate, identity.nextUpdate, now)
  return identity
}

/** The platform vouches for its quoting enclave, and that for the attestation key. */
async function verifyQuotingEnclave(
  crypto: Crypto,
  quote: ParsedQuote,
  pck: VerifiedPck,
  identity: QeIdentity,
): Promise<void> {
  const { qeReport, qeReportSignature, qeAuthData, attestationKey } = quote
  if (!(await crypto.verifyP256(pck.key, qeReport.raw, qeReportSignature))) {
    throw refuse('QE_REPORT_SIGNATURE', "QE report: not signed by the platform's PCK key")
  }
  const { x, y } = attestationKey
  const bound = concat(crypto.sha256(concat(x, y, qeAuthData)), new Uint8Array(32))
  if (!equal(qeReport.reportData, bound)) {
    throw refuse('QE_REPORT_DATA', 'QE report: not about this attestation key and auth data')
  }
  checkQeReport(identity, qeReport)
}

async function verifySignature(crypto: Crypto, quote: ParsedQuote): Promise<void> {
  if (!(await crypto.verifyP256(quote.attestationKey, quote.signedData, quote.signature))) {
    throw refuse('QUOTE_SIGNATURE', 'quote: not signed by its attestation key')
  }
}

/** The status of platform and quoting enclave together. The date is the earlier: the TCB is as old as its oldest part. */
function judgeTcb(
  tcbInfo: TcbInfo,
  identity: QeIdentity,
  quote: ParsedQuote,
  { extension }: VerifiedPck,
) {
  const platform = matchTcbLevel(tcbInfo, extension)
  const qe = matchQeLevel(identity, quote.qeReport)
  return {
    status: converge(platform.status, qe.status),
    platformStatus: platform.status,
    qeStatus: qe.status,
    advisoryIds: [...new Set([...platform.advisoryIds, ...qe.advisoryIds])].sort(),
    tcbDate: toRfc3339(Math.min(platform.tcbDate, qe.tcbDate)),
    tcbEvaluationDataNumber: Math.min(tcbInfo.evaluationNumber, identity.evaluationNumber),
  }
}

const enclaveOf = ({ report }: ParsedQuote) => ({
  debug: report.attributes.debug,
  attributes: report.attributes,
  mrenclave: report.mrenclave,
  mrsigner: report.mrsigner,
  isvProdId: report.isvProdId,
  isvSvn: report.isvSvn,
  reportData: report.reportData,
})

const platformOf = ({ extension }: VerifiedPck) => ({
  fmspc: extension.fmspc,
  ppid: extension.ppid,
  platform: {
    pceId: extension.pceId,
    sgxType: extension.sgxType,
    ...(extension.instanceId !== undefined && { instanceId: extension.instanceId }),
    ...extension.configuration,
  },
})
