// The part of a quote that vouches for its attestation key, with the PCK chain
// that it names: nothing in it is proven yet. One that was proven before is
// found again by comparing every byte of it.

import { type Bytes, type Crypto, concat, equal, own, type P256PublicKey } from '@vorta/core'
import { refuse } from './errors.ts'
import type { Session } from './memory.ts'
import { once } from './once.ts'
import { type PckChain, readPckChain } from './pck-chain.ts'
import { parsePemChain } from './pem.ts'
import { type CutQuote, type Endorsement, readEndorsement } from './quote.ts'
import type { SgxReport } from './sgx-report.ts'
import { isSignedBy, type Signed } from './signed-der.ts'
import type { Certificate } from './x509.ts'

export type OpenedEndorsement = {
  readonly bytes: Bytes
  readonly isWrapped: boolean
  readonly pckChain: string | undefined
  readonly attestationKey: P256PublicKey
  readonly qeReport: SignedQeReport
  readonly chain: PckChain
  /** The chain from the collateral, whether the quote needs it or not. */
  readonly spares: readonly Certificate[]
}

/** Throws VerificationError with the codes of a quote's layout and of certificates. */
export function openEndorsement(
  session: Session,
  { endorsement: given, version }: CutQuote,
  pckChain: string | undefined,
): OpenedEndorsement {
  const isWrapped = version > 3
  const key = keyOf(given)
  const known = session.memory.endorsements.get(key)
  if (
    known &&
    known.isWrapped === isWrapped &&
    known.pckChain === pckChain &&
    equal(known.bytes, given)
  ) {
    return known
  }
  const bytes = own(given)
  const parts = readEndorsement(bytes, version)
  const { crypto, parseCertificate } = session
  const opened = {
    bytes,
    isWrapped,
    pckChain,
    attestationKey: parts.attestationKey,
    qeReport: signedQeReport(crypto, parts),
    chain: readPckChain(parts.certification, pckChain, parseCertificate),
    spares: parsePemChain(pckChain ?? '', 'PCK chain of the collateral', parseCertificate),
  }
  session.keep((memory) => memory.endorsements.set(key, opened))
  return opened
}

/** Where to look: the first bytes of the attestation key. */
const keyOf = (bytes: Uint8Array): string => String.fromCharCode(...bytes.subarray(0, 16))

export type SignedQeReport = Signed & {
  /** The report, once it is known to be about this attestation key. Throws QE_REPORT_DATA. */
  readonly read: () => SgxReport
}

/** The quoting enclave's report data is SHA-256(attestation key, auth data), then zeros. */
const signedQeReport = (crypto: Crypto, parts: Endorsement): SignedQeReport => ({
  signedData: parts.qeReport.raw,
  signature: parts.qeReportSignature,
  read: once(() => {
    const { x, y } = parts.attestationKey
    const digest = crypto.sha256(concat(x, y, parts.qeAuthData))
    if (!equal(parts.qeReport.reportData, concat(digest, new Uint8Array(32)))) {
      throw refuse('QE_REPORT_DATA', 'QE report: not about this attestation key and auth data')
    }
    return parts.qeReport
  }),
})

/** Proves that the platform vouches for its quoting enclave, and that for the attestation key. */
export async function verifyQeReport(
  crypto: Crypto,
  pckKey: P256PublicKey,
  report: SignedQeReport,
): Promise<SgxReport> {
  if (!(await isSignedBy(crypto, pckKey, report))) {
    throw refuse('QE_REPORT_SIGNATURE', "QE report: not signed by the platform's PCK key")
  }
  return report.read()
}
