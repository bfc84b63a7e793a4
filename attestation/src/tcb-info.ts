// TCB info (Intel PCS API v3 and v4, "Get TCB Info"): for one kind of platform
// the patch levels and what Intel thinks of each. Version 2 is still served by
// older caches and is for SGX only. Fields that Intel may add are ignored;
// those that are judged by must be there and in range.

import type { Json } from '@vorta/core'
import {
  array,
  type Decoder,
  decode,
  integer,
  oneOf,
  openObject,
  optional,
  refine,
  string,
} from '@vorta/core/decode'
import { refuse } from './errors.ts'
import { advisories, evaluationNumber, hexDigits, time } from './intel-fields.ts'
import type { PckExtension } from './pck-extension.ts'
import { type TcbStatus, tcbStatuses } from './tcb-status.ts'

export type TcbLevel = {
  readonly componentSvns: readonly number[]
  readonly pceSvn: number
  readonly tcbDate: number
  readonly status: TcbStatus
  readonly advisoryIds: readonly string[]
}

export type TcbInfo = {
  readonly issueDate: number
  readonly nextUpdate: number
  readonly fmspc: string
  readonly pceId: string
  readonly evaluationNumber: number
  /** Highest first. */
  readonly levels: readonly TcbLevel[]
}

const components = 16
const svn = integer(0, 255)
const fault = (text: string) => refuse('TCB_FORMAT', `TCB info: ${text}`)

type Tcb = Pick<TcbLevel, 'componentSvns' | 'pceSvn'>

const tcbVersion3: Decoder<Tcb> = (value) => {
  const { sgxtcbcomponents, pcesvn } = openObject({
    // Lists of unequal length would silently compare fewer components.
    sgxtcbcomponents: refine(
      array(openObject({ svn }), components),
      ({ length }) => length === components,
      `${components} components`,
    ),
    pcesvn: integer(0, 0xffff),
  })(value)
  return { componentSvns: sgxtcbcomponents.map((component) => component.svn), pceSvn: pcesvn }
}

const version2Names = Array.from(
  { length: components },
  (_, i) => `sgxtcbcomp${String(i + 1).padStart(2, '0')}svn`,
)
const version2Shape = openObject(Object.fromEntries(version2Names.map((name) => [name, svn])))

const tcbVersion2: Decoder<Tcb> = (value) => {
  const svns = version2Shape(value)
  const { pcesvn } = openObject({ pcesvn: integer(0, 0xffff) })(value)
  return { componentSvns: version2Names.map((name) => svns[name] ?? 0), pceSvn: pcesvn }
}

const body = (tcb: Decoder<Tcb>) =>
  openObject({
    issueDate: time,
    nextUpdate: time,
    fmspc: hexDigits(12),
    pceId: hexDigits(4),
    tcbType: oneOf(0),
    tcbEvaluationDataNumber: evaluationNumber,
    tcbLevels: array(
      openObject({
        tcb,
        tcbDate: time,
        tcbStatus: oneOf(...tcbStatuses),
        advisoryIDs: optional(advisories),
      }),
      1024,
    ),
  })

const head = openObject({ version: oneOf(2, 3), id: optional(string({ max: 16 })) })

/** Reads TCB info for SGX. Throws TCB_FORMAT, or TCB_MISMATCH for another kind of enclave. */
export function parseTcbInfo(json: Json): TcbInfo {
  const { version, id } = decode(head, json, fault)
  if (version === 3 && id !== 'SGX') {
    throw refuse('TCB_MISMATCH', `TCB info: expected id SGX, got ${id ?? 'none'}`)
  }
  const info = decode(body(version === 3 ? tcbVersion3 : tcbVersion2), json, fault)
  const levels = info.tcbLevels.map((level) => ({
    ...level.tcb,
    tcbDate: level.tcbDate,
    status: level.tcbStatus,
    advisoryIds: level.advisoryIDs ?? [],
  }))
  return {
    issueDate: info.issueDate,
    nextUpdate: info.nextUpdate,
    fmspc: info.fmspc,
    pceId: info.pceId,
    evaluationNumber: info.tcbEvaluationDataNumber,
    levels: levels.sort(descending),
  }
}

/** Components first, then PCE SVN: the order in which Intel's library tries the levels. */
function descending(a: TcbLevel, b: TcbLevel): number {
  for (const [i, value] of b.componentSvns.entries()) {
    const difference = value - (a.componentSvns[i] ?? 0)
    if (difference !== 0) return difference
  }
  return b.pceSvn - a.pceSvn
}

/** Refuses TCB info that is about another kind of platform. */
export function checkPlatform(info: TcbInfo, pck: PckExtension): void {
  for (const field of ['fmspc', 'pceId'] as const) {
    if (info[field] !== pck[field]) {
      throw refuse('TCB_MISMATCH', `TCB info: expected ${field} ${pck[field]}, got ${info[field]}`)
    }
  }
}

/** The highest level that the platform reaches in every component. */
export function matchTcbLevel(info: TcbInfo, pck: PckExtension): TcbLevel {
  const level = info.levels.find(
    ({ componentSvns, pceSvn }) =>
      pck.pceSvn >= pceSvn &&
      componentSvns.every((least, i) => (pck.componentSvns[i] ?? -1) >= least),
  )
  if (!level) throw refuse('TCB_NOT_SUPPORTED', 'platform: older than every level of the TCB info')
  return level
}
