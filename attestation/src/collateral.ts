// The collateral that a quote is judged by, as one object: that day's TCB info,
// QE identity, CRLs and the chains that sign them. Field names are those of
// Intel's sgx_ql_qve_collateral_t, as other tools exchange them. The decoder
// bounds sizes and alphabets only: nothing in here is believed before its
// signature was checked.

import { type Decoder, object, optional, string } from '@vorta/core/decode'

// Real chains are 2 to 4 KiB, TCB info up to 20 KiB, a CRL some KiB. The limits
// leave room for growth and keep the work on hostile input small.
const maxChain = 32 * 1024
/** Longest TCB info or QE identity, in characters. */
export const maxDocument = 512 * 1024
const maxCrlHexDigits = 2 * 1024 * 1024

export type Collateral = {
  /** Carries nothing that is believed: the PCK CRL has to be signed by the CA that issued the PCK certificate. */
  readonly pck_crl_issuer_chain: string
  /** DER in lower-case hex, as all CRLs here. */
  readonly root_ca_crl: string
  readonly pck_crl: string
  /** PEM certificates, in any order. */
  readonly tcb_info_issuer_chain: string
  /** The exact characters that were signed; never serialised anew. */
  readonly tcb_info: string
  /** r||s as 128 hex digits. */
  readonly tcb_info_signature: string
  readonly qe_identity_issuer_chain: string
  readonly qe_identity: string
  readonly qe_identity_signature: string
  /** Only used for a quote that does not carry its chain itself. */
  readonly pck_certificate_chain?: string
}

/** What the decoder asks of a PEM chain, for those that know the rest already. */
export const isPemChain = (value: unknown): boolean =>
  typeof value === 'string' && value.length > 0 && value.length <= maxChain

const pemChain = string({ min: 1, max: maxChain, what: 'PEM certificates, at most 32 KiB' })
const signedJson = string({ min: 2, max: maxDocument, what: 'a JSON text, at most 512 KiB' })
const crl = string({
  min: 2,
  max: maxCrlHexDigits,
  pattern: /^[0-9a-f]+$/,
  what: 'a DER CRL in lower-case hex, at most 1 MiB',
})
const signature = string({ pattern: /^[0-9a-f]{128}$/, what: '128 lower-case hex digits' })

export const collateralDecoder: Decoder<Collateral> = object({
  pck_crl_issuer_chain: pemChain,
  root_ca_crl: crl,
  pck_crl: crl,
  tcb_info_issuer_chain: pemChain,
  tcb_info: signedJson,
  tcb_info_signature: signature,
  qe_identity_issuer_chain: pemChain,
  qe_identity: signedJson,
  qe_identity_signature: signature,
  pck_certificate_chain: optional(pemChain),
})
