// QE identity (Intel PCS API v4, "Get Quoting Enclave Identity"): which enclave
// may vouch for attestation keys, and what Intel thinks of its versions.

import { type Bytes, fromHex, type Json } from '@vorta/core'
import { type Decoder, decode, integer, oneOf, openObject, string } from '@vorta/core/decode'
import { refuse } from './errors.ts'
import { evaluationNumber, hexDigits, time } from './intel-fields.ts'
import { type EnclaveLevel, enclaveLevels } from './judged-levels.ts'
import type { SgxReport } from './sgx-report.ts'

/** Bytes of a report, and which of their bits have to be as said. */
type Masked = { readonly value: Bytes; readonly mask: Bytes }

export type QeIdentity = {
  /** SGX and TDX have quoting enclaves of their own. */
  readonly tee: 'sgx' | 'tdx'
  readonly issueDate: number
  readonly nextUpdate: number
  readonly evaluationNumber: number
  readonly miscSelect: Masked
  readonly attributes: Masked
  /** Lower-case hex, as in a report. */
  readonly mrsigner: string
  readonly isvProdId: number
  /** Highest first. */
  readonly levels: readonly EnclaveLevel[]
}

const tees: Readonly<Record<string, 'sgx' | 'tdx'>> = { QE: 'sgx', TD_QE: 'tdx' }

const bytes =
  (length: number): Decoder<Bytes> =>
  (value) =>
    fromHex(hexDigits(2 * length)(value))!

const head = openObject({ version: oneOf(2), id: string({ max: 16 }) })

const body = openObject({
  issueDate: time,
  nextUpdate: time,
  tcbEvaluationDataNumber: evaluationNumber,
  miscselect: bytes(4),
  miscselectMask: bytes(4),
  attributes: bytes(16),
  attributesMask: bytes(16),
  mrsigner: hexDigits(64),
  isvprodid: integer(0, 0xffff),
  tcbLevels: enclaveLevels,
})

const fault = (text: string) => refuse('QEID_FORMAT', `QE identity: ${text}`)

/** Throws QEID_FORMAT, or QEID_MISMATCH for an enclave that is no quoting enclave. */
export function parseQeIdentity(json: Json): QeIdentity {
  const { id } = decode(head, json, fault)
  const tee = Object.hasOwn(tees, id) ? tees[id] : undefined
  if (tee === undefined) {
    throw refuse('QEID_MISMATCH', `QE identity: expected id QE or TD_QE, got ${id}`)
  }
  const identity = decode(body, json, fault)
  return {
    tee,
    issueDate: identity.issueDate,
    nextUpdate: identity.nextUpdate,
    evaluationNumber: identity.tcbEvaluationDataNumber,
    miscSelect: { value: identity.miscselect, mask: identity.miscselectMask },
    attributes: { value: identity.attributes, mask: identity.attributesMask },
    mrsigner: identity.mrsigner,
    isvProdId: identity.isvprodid,
    levels: identity.tcbLevels,
  }
}

/** Refuses a report that is not from the enclave the identity describes. */
export function checkQeReport(identity: QeIdentity, tee: 'sgx' | 'tdx', report: SgxReport): void {
  const fits: Readonly<Record<string, boolean>> = {
    tee: identity.tee === tee,
    miscSelect: equalMasked(report.raw.subarray(16, 20), identity.miscSelect),
    attributes: equalMasked(report.raw.subarray(48, 64), identity.attributes),
    mrsigner: report.mrsigner === identity.mrsigner,
    isvProdId: report.isvProdId === identity.isvProdId,
  }
  for (const [field, ok] of Object.entries(fits)) {
    if (!ok) throw refuse('QEID_MISMATCH', `QE report: ${field} is not that of the QE identity`)
  }
}

/** The value counts under the mask too: a bit outside of it is not looked at on either side. */
const equalMasked = (bytes: Uint8Array, { value, mask }: Masked): boolean =>
  bytes.every((byte, i) => ((byte ^ value[i]!) & mask[i]!) === 0)

/** The highest level that this version of the enclave reaches. */
export function matchQeLevel(identity: QeIdentity, report: SgxReport): EnclaveLevel {
  const level = identity.levels.find(({ isvSvn }) => isvSvn <= report.isvSvn)
  if (!level) {
    throw refuse('TCB_NOT_SUPPORTED', 'quoting enclave: older than every level of the QE identity')
  }
  return level
}
