// Collateral taken apart: nothing in it is proven yet. A set that was proven
// before is found again by comparing every character of it.

import { decode } from '@vorta/core/decode'
import { type Collateral, collateralDecoder, isPemChain } from './collateral.ts'
import { openCrl, type SignedCrl } from './crl.ts'
import { refuse } from './errors.ts'
import type { Memory, Session } from './memory.ts'
import { parsePemChain } from './pem.ts'
import { parseQeIdentity, type QeIdentity } from './qe-identity.ts'
import { readSignerChain, type SignedJson, type SignerChain, signedJson } from './signed-json.ts'
import { parseTcbInfo, type TcbInfo } from './tcb-info.ts'
import type { Certificate } from './x509.ts'

/** Without the one member that belongs to a single platform. */
type Documents = Omit<Collateral, 'pck_certificate_chain'>

export type OpenedCollateral = {
  readonly source: Documents
  readonly rootCrl: SignedCrl
  readonly pckCrl: SignedCrl
  readonly tcbChain: SignerChain
  readonly qeChain: SignerChain
  readonly tcbInfo: SignedJson<TcbInfo>
  readonly qeIdentity: SignedJson<QeIdentity>
  /** The chain of the PCK CRL, which is that of the PCK certificate too. */
  readonly spares: readonly Certificate[]
}

type Opened = { readonly collateral: OpenedCollateral; readonly pckChain: string | undefined }

/** Throws COLLATERAL_FORMAT and the codes of the parts. */
export function openCollateral(session: Session, untrusted: Collateral): Opened {
  const known = recall(session.memory, untrusted)
  if (known) return known
  const { pck_certificate_chain: pckChain, ...source } = decode(
    collateralDecoder,
    untrusted,
    (text) => refuse('COLLATERAL_FORMAT', `collateral: ${text}`),
  )
  const { parseCertificate } = session
  const collateral: OpenedCollateral = {
    source,
    tcbChain: readSignerChain(source.tcb_info_issuer_chain, 'TCB info chain', parseCertificate),
    qeChain: readSignerChain(
      source.qe_identity_issuer_chain,
      'QE identity chain',
      parseCertificate,
    ),
    spares: parsePemChain(source.pck_crl_issuer_chain, 'PCK CRL chain', parseCertificate),
    rootCrl: openCrl(source.root_ca_crl, 'root CRL'),
    pckCrl: openCrl(source.pck_crl, 'PCK CRL'),
    tcbInfo: signedJson(source.tcb_info, source.tcb_info_signature, 'TCB_FORMAT', parseTcbInfo),
    qeIdentity: signedJson(
      source.qe_identity,
      source.qe_identity_signature,
      'QEID_FORMAT',
      parseQeIdentity,
    ),
  }
  session.keep(({ collaterals }) => collaterals.set(keyOf(source), collateral))
  return { collateral, pckChain }
}

/** Where to look: what is found there has to be the same in full. */
const keyOf = (source: Documents): string =>
  source.tcb_info_signature.slice(-keyDigits) +
  source.qe_identity_signature.slice(-keyDigits) +
  // A CRL ends with its signature.
  source.root_ca_crl.slice(-keyDigits) +
  source.pck_crl.slice(-keyDigits)

const keyDigits = 32

const members = Object.keys({
  pck_crl_issuer_chain: true,
  root_ca_crl: true,
  pck_crl: true,
  tcb_info_issuer_chain: true,
  tcb_info: true,
  tcb_info_signature: true,
  qe_identity_issuer_chain: true,
  qe_identity: true,
  qe_identity_signature: true,
} satisfies Record<keyof Documents, true>) as readonly (keyof Documents)[]

function recall({ collaterals }: Memory, untrusted: Collateral): Opened | undefined {
  // A caller's type may promise more than it holds: the decoder says what is wrong then.
  if (typeof untrusted !== 'object' || untrusted === null) return undefined
  if (members.some((member) => typeof untrusted[member] !== 'string')) return undefined
  const known = collaterals.get(keyOf(untrusted))
  if (!known || members.some((member) => known.source[member] !== untrusted[member])) {
    return undefined
  }
  const { pck_certificate_chain: pckChain, ...documents } = untrusted
  if (Object.keys(documents).length !== members.length) return undefined
  if (pckChain !== undefined && !isPemChain(pckChain)) return undefined
  return { collateral: known, pckChain }
}
