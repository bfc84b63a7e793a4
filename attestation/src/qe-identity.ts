// QE identity (Intel PCS API v4, "Get Quoting Enclave Identity"): which enclave
// may vouch for attestation keys, and what Intel thinks of its versions.

import { fromHex, isZero, type Json } from '@vorta/core'
import { array, decode, integer, oneOf, openObject, optional, string } from '@vorta/core/decode'
import { refuse } from './errors.ts'
import { advisories, evaluationNumber, hexDigits, time } from './intel-fields.ts'
import type { SgxReport } from './quote.ts'
import { type EnclaveTcbStatus, enclaveTcbStatuses } from './tcb-status.ts'

export type QeLevel = {
  readonly isvSvn: number
  readonly tcbDate: number
  readonly status: EnclaveTcbStatus
  readonly advisoryIds: readonly string[]
}

export type QeIdentity = {
  readonly issueDate: number
  readonly nextUpdate: number
  readonly evaluationNumber: number
  /** Lower-case hex, as the fields of a report. */
  readonly miscSelect: string
  readonly miscSelectMask: string
  readonly attributes: string
  readonly attributesMask: string
  readonly mrsigner: string
  readonly isvProdId: number
  /** Highest first. */
  readonly levels: readonly QeLevel[]
}

const head = openObject({ version: oneOf(2), id: string({ max: 16 }) })

const body = openObject({
  issueDate: time,
  nextUpdate: time,
  tcbEvaluationDataNumber: evaluationNumber,
  miscselect: hexDigits(8),
  miscselectMask: hexDigits(8),
  attributes: hexDigits(32),
  attributesMask: hexDigits(32),
  mrsigner: hexDigits(64),
  isvprodid: integer(0, 0xffff),
  tcbLevels: array(
    openObject({
      tcb: openObject({ isvsvn: integer(0, 0xffff) }),
      tcbDate: time,
      tcbStatus: oneOf(...enclaveTcbStatuses),
      advisoryIDs: optional(advisories),
    }),
    1024,
  ),
})

const fault = (text: string) => refuse('QEID_FORMAT', `QE identity: ${text}`)

/** Reads the identity of the SGX quoting enclave. Throws QEID_FORMAT, or QEID_MISMATCH for another enclave's. */
export function parseQeIdentity(json: Json): QeIdentity {
  const { id } = decode(head, json, fault)
  if (id !== 'QE') throw refuse('QEID_MISMATCH', `QE identity: expected id QE, got ${id}`)
  const identity = decode(body, json, fault)
  const levels = identity.tcbLevels.map((level) => ({
    isvSvn: level.tcb.isvsvn,
    tcbDate: level.tcbDate,
    status: level.tcbStatus,
    advisoryIds: level.advisoryIDs ?? [],
  }))
  return {
    issueDate: identity.issueDate,
    nextUpdate: identity.nextUpdate,
    evaluationNumber: identity.tcbEvaluationDataNumber,
    miscSelect: identity.miscselect,
    miscSelectMask: identity.miscselectMask,
    attributes: identity.attributes,
    attributesMask: identity.attributesMask,
    mrsigner: identity.mrsigner,
    isvProdId: identity.isvprodid,
    levels: levels.sort((a, b) => b.isvSvn - a.isvSvn),
  }
}

/** Refuses a report that is not from the enclave the identity describes. */
export function checkQeReport(identity: QeIdentity, report: SgxReport): void {
  const attributes = report.attributes.flags + report.attributes.xfrm
  const fits: Readonly<Record<string, boolean>> = {
    miscSelect: equalMasked(report.miscSelect, identity.miscSelect, identity.miscSelectMask),
    attributes: equalMasked(attributes, identity.attributes, identity.attributesMask),
    mrsigner: report.mrsigner === identity.mrsigner,
    isvProdId: report.isvProdId === identity.isvProdId,
  }
  for (const [field, ok] of Object.entries(fits)) {
    if (!ok) throw refuse('QEID_MISMATCH', `QE report: ${field} is not that of the QE identity`)
  }
}

/** Compares the bits under the mask; all three are hex of one length. */
function equalMasked(a: string, b: string, mask: string): boolean {
  const [left, right, bits] = [fromHex(a)!, fromHex(b)!, fromHex(mask)!]
  return isZero(bits.map((bit, i) => bit & ((left[i] ?? 0) ^ (right[i] ?? 0))))
}

/** The highest level that this version of the enclave reaches. */
export function matchQeLevel(identity: QeIdentity, report: SgxReport): QeLevel {
  const level = identity.levels.find(({ isvSvn }) => isvSvn <= report.isvSvn)
  if (!level) {
    throw refuse('TCB_NOT_SUPPORTED', 'quoting enclave: older than every level of the QE identity')
  }
  return level
}
