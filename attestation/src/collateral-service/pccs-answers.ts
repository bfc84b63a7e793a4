// Answers a PCS request (Intel PCS API v4) out of collateral at hand, as a PCCS
// does: for workers and clients, among them Intel's own, that are to fetch it
// here instead of at Intel. They verify it themselves.

import { type Bytes, fromHex, utf8 } from '@vorta/core'
import type { Collateral } from '../collateral.ts'
import type { PckCa } from '../pck-chain.ts'
import type { HardwareTee, Update } from './pcs-client.ts'

/** What a request asks for; what it leaves open may be anything. */
export type Wanted = {
  readonly document: 'tcb' | 'qe/identity' | 'pckcrl' | 'rootcacrl'
  readonly tee: HardwareTee
  readonly update: Update
  readonly fmspc?: string
  readonly ca?: PckCa
}

export type PccsAnswer = {
  readonly headers: Readonly<Record<string, string>>
  readonly body: Bytes
}

const request = /^\/(sgx|tdx)\/certification\/v4\/(tcb|qe\/identity|pckcrl|rootcacrl)$/

/** Undefined for what is no such request. */
export function readWanted(target: string): Wanted | undefined {
  const url = URL.parse(target, 'http://pccs.invalid')
  const [, tee, document] = request.exec(url?.pathname ?? '') ?? []
  if (!url || !document) return undefined
  const query = url.searchParams
  const number = query.get('tcbEvaluationDataNumber')
  const update = number === null ? (query.get('update') ?? 'standard') : readNumber(number)
  const fmspc = query.get('fmspc')?.toLowerCase()
  const ca = query.get('ca')
  const isSound =
    (typeof update === 'number' || update === 'standard' || update === 'early') &&
    (document === 'tcb' ? /^[0-9a-f]{12}$/.test(fmspc ?? '') : true) &&
    (document === 'pckcrl' ? ca === 'platform' || ca === 'processor' : true)
  if (!isSound) return undefined
  return {
    document: document as Wanted['document'],
    tee: tee as HardwareTee,
    update,
    ...(fmspc === undefined ? {} : { fmspc }),
    ...(ca === null ? {} : { ca: ca as PckCa }),
  }
}

const readNumber = (text: string): number | '' => (/^\d{1,7}$/.test(text) ? Number(text) : '')

/** The document that was asked for, out of a set that has it. */
export function answerFrom(collateral: Collateral, { document }: Wanted): PccsAnswer {
  switch (document) {
    case 'tcb':
      return {
        headers: { ...json, 'tcb-info-issuer-chain': encode(collateral.tcb_info_issuer_chain) },
        body: signed('tcbInfo', collateral.tcb_info, collateral.tcb_info_signature),
      }
    case 'qe/identity':
      return {
        headers: {
          ...json,
          'sgx-enclave-identity-issuer-chain': encode(collateral.qe_identity_issuer_chain),
        },
        body: signed('enclaveIdentity', collateral.qe_identity, collateral.qe_identity_signature),
      }
    case 'pckcrl':
      return {
        headers: {
          ...der,
          'sgx-pck-crl-issuer-chain': encode(collateral.pck_crl_issuer_chain),
        },
        body: fromHex(collateral.pck_crl)!,
      }
    case 'rootcacrl': // hex here, by the custom of Intel's PCCS
      return { headers: { 'content-type': 'text/plain' }, body: utf8(collateral.root_ca_crl) }
  }
}

const json = { 'content-type': 'application/json' } as const
const der = { 'content-type': 'application/pkix-crl' } as const
const encode = (pem: string): string => encodeURIComponent(pem)

const signed = (member: string, text: string, signature: string): Bytes =>
  utf8(`{"${member}":${text},"signature":"${signature}"}`)
