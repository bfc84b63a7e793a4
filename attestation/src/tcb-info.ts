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
  rfc3339,
  string,
  withDefault,
} from '@vorta/core/decode'
import { refuse } from './errors.ts'
import { advisories, evaluationNumber, hexDigits, time } from './intel-fields.ts'
import {
  type EnclaveLevel,
  enclaveLevels,
  type Judged,
  maxLevels,
  withSuccessors,
} from './judged-levels.ts'
import type { PckExtension } from './pck-extension.ts'
import { type PlatformTcbStatus, platformTcbStatuses } from './tcb-status.ts'

export type TcbLevel = Judged<PlatformTcbStatus> & {
  readonly componentSvns: readonly number[]
  readonly pceSvn: number
  /** TDX only. */
  readonly tdxSvns: readonly number[]
}

/** What a TDX module must be; hex in lower case. */
export type TdxModule = {
  readonly mrsigner: string
  readonly attributes: string
}

/** A module of one major version, with levels of its own. */
export type TdxModuleIdentity = TdxModule & {
  readonly id: string
  /** Highest first. */
  readonly levels: readonly EnclaveLevel[]
}

export type TcbInfo = {
  readonly tee: 'sgx' | 'tdx'
  readonly issueDate: number
  readonly nextUpdate: number
  readonly fmspc: string
  readonly pceId: string
  readonly evaluationNumber: number
  /** Highest first. */
  readonly levels: readonly TcbLevel[]
  /** TDX: the module of major version 0, and those of later ones. */
  readonly tdxModule?: TdxModule
  readonly tdxModuleIdentities: readonly TdxModuleIdentity[]
}

const components = 16
const svn = integer(0, 255)
const fault = (text: string) => refuse('TCB_FORMAT', `TCB info: ${text}`)

// Lists of unequal length would silently compare fewer components.
const svns: Decoder<readonly number[]> = (value) =>
  refine(
    array(openObject({ svn }), components),
    ({ length }) => length === components,
    `${components} components`,
  )(value).map((component) => component.svn)

type Tcb = Pick<TcbLevel, 'componentSvns' | 'pceSvn' | 'tdxSvns'>

const tcbVersion3Sgx: Decoder<Tcb> = (value) => {
  const tcb = openObject({ sgxtcbcomponents: svns, pcesvn: integer(0, 0xffff) })(value)
  return { componentSvns: tcb.sgxtcbcomponents, pceSvn: tcb.pcesvn, tdxSvns: [] }
}

const tcbVersion3Tdx: Decoder<Tcb> = (value) => {
  const { tdxtcbcomponents } = openObject({ tdxtcbcomponents: svns })(value)
  return { ...tcbVersion3Sgx(value), tdxSvns: tdxtcbcomponents }
}

const version2Names = Array.from(
  { length: components },
  (_, i) => `sgxtcbcomp${String(i + 1).padStart(2, '0')}svn`,
)
const version2Shape = openObject(Object.fromEntries(version2Names.map((name) => [name, svn])))

const tcbVersion2: Decoder<Tcb> = (value) => {
  const tcb = version2Shape(value)
  const { pcesvn } = openObject({ pcesvn: integer(0, 0xffff) })(value)
  return { componentSvns: version2Names.map((name) => tcb[name] ?? 0), pceSvn: pcesvn, tdxSvns: [] }
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
        tcbDate: rfc3339,
        tcbStatus: oneOf(...platformTcbStatuses),
        advisoryIDs: optional(advisories),
      }),
      maxLevels,
    ),
  })

const bodies = {
  2: { SGX: body(tcbVersion2) },
  3: { SGX: body(tcbVersion3Sgx), TDX: body(tcbVersion3Tdx) },
} as const

const moduleFields = { mrsigner: hexDigits(96), attributes: hexDigits(16) }

const tdxParts = openObject({
  tdxModule: openObject(moduleFields),
  // Absent in documents from before the second major version.
  tdxModuleIdentities: withDefault(
    array(openObject({ ...moduleFields, id: string({ max: 16 }), tcbLevels: enclaveLevels }), 256),
    [],
  ),
})

const head = openObject({ version: oneOf(2, 3), id: optional(string({ max: 16 })) })

/** Throws TCB_FORMAT, or TCB_MISMATCH for a document about something else than SGX or TDX. */
export function parseTcbInfo(json: Json): TcbInfo {
  const { version, id } = decode(head, json, fault)
  // Version 2 has no id: it is from before TDX.
  const known = version === 2 ? (id ?? 'SGX') : id
  const decoder = known === 'SGX' || (known === 'TDX' && version === 3) ? known : undefined
  if (decoder === undefined) {
    throw refuse('TCB_MISMATCH', `TCB info: expected id SGX or TDX, got ${id ?? 'none'}`)
  }
  const isTdx = decoder === 'TDX'
  const info = decode(isTdx ? bodies[3].TDX : bodies[version].SGX, json, fault)
  const levels = info.tcbLevels.map((level) => ({
    ...level.tcb,
    tcbDate: level.tcbDate,
    status: level.tcbStatus,
    advisoryIds: level.advisoryIDs ?? [],
  }))
  return {
    tee: isTdx ? 'tdx' : 'sgx',
    issueDate: info.issueDate,
    nextUpdate: info.nextUpdate,
    fmspc: info.fmspc,
    pceId: info.pceId,
    evaluationNumber: info.tcbEvaluationDataNumber,
    levels: withSuccessors(levels.sort(descending)),
    ...(isTdx ? readTdxParts(json) : { tdxModuleIdentities: [] }),
  }
}

function readTdxParts(json: Json): Pick<TcbInfo, 'tdxModule' | 'tdxModuleIdentities'> {
  const { tdxModule, tdxModuleIdentities } = decode(tdxParts, json, fault)
  const identities = tdxModuleIdentities.map(({ tcbLevels, ...identity }) => ({
    ...identity,
    id: identity.id.toUpperCase(),
    levels: tcbLevels,
  }))
  if (new Set(identities.map(({ id }) => id)).size < identities.length) {
    throw fault('a TDX module identity stands twice')
  }
  return { tdxModule, tdxModuleIdentities: identities }
}

/** Components first, then PCE SVN, then TDX components: the order in which Intel's library tries the levels. */
function descending(a: TcbLevel, b: TcbLevel): number {
  const [left, right] = [a, b].map(({ componentSvns, pceSvn, tdxSvns }) => [
    ...componentSvns,
    pceSvn,
    ...tdxSvns,
  ]) as [number[], number[]]
  const differs = left.findIndex((value, i) => value !== right[i])
  return differs < 0 ? 0 : right[differs]! - left[differs]!
}

/** Refuses TCB info that is about another kind of enclave or platform. */
export function checkPlatform(info: TcbInfo, tee: 'sgx' | 'tdx', pck: PckExtension): void {
  if (info.tee !== tee) {
    throw refuse('TCB_MISMATCH', `TCB info: expected one for ${tee}, got one for ${info.tee}`)
  }
  for (const field of ['fmspc', 'pceId'] as const) {
    if (info[field] !== pck[field]) {
      throw refuse('TCB_MISMATCH', `TCB info: expected ${field} ${pck[field]}, got ${info[field]}`)
    }
  }
}
