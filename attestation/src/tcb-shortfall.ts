// What a platform lacks for a TCB status that is accepted: the parts of Intel's
// TCB level that it does not reach, by their names in the TCB info. A verdict
// says OutOfDate; this says which firmware to update.

import { parseJson } from '@vorta/core'
import { array, type Decoded, openObject, optional, string, withDefault } from '@vorta/core/decode'
import { maxDocument } from './collateral.ts'
import type { QeIdentity } from './qe-identity.ts'
import type { TcbInfo, TcbLevel } from './tcb-info.ts'
import type { TcbStatus } from './tcb-status.ts'
import { identityOf, majorVersionOf } from './tdx-module.ts'

/** The patch levels of a platform and its enclaves, as its quote and certificate tell them. */
export type PatchLevels = {
  readonly componentSvns: readonly number[]
  readonly pceSvn: number
  readonly qeIsvSvn: number
  /** TDX only. */
  readonly teeTcbSvn?: readonly number[]
}

export type Shortfall = {
  readonly part: 'SGX component' | 'PCE' | 'TDX component' | 'TDX module' | 'quoting enclave'
  /** Of a component, 1 to 16 as Intel counts; else 0. */
  readonly component: number
  /** What the TCB info calls it, such as `BIOS: Early Microcode Update`; may be empty. */
  readonly name: string
  readonly have: number
  readonly need: number
}

/**
 * Compares with the lowest TCB level, module level and QE level that have an accepted status.
 * Empty where all are reached, and where there is no such level.
 */
export function tcbShortfalls(
  levels: PatchLevels,
  { tcbInfo, qeIdentity }: { readonly tcbInfo: TcbInfo; readonly qeIdentity: QeIdentity },
  tcbInfoText: string,
  accepted: readonly string[],
): readonly Shortfall[] {
  const isAccepted = ({ status }: { readonly status: TcbStatus }) => accepted.includes(status)
  const level = tcbInfo.levels.findLast(isAccepted)
  const qe = qeIdentity.levels.findLast(isAccepted)
  return [
    ...(level ? componentShortfalls(levels, level, namesIn(tcbInfoText)) : []),
    ...moduleShortfall(levels, tcbInfo, isAccepted),
    ...lacks('quoting enclave', 0, '', levels.qeIsvSvn, qe?.isvSvn ?? 0),
  ]
}

function componentShortfalls(
  { componentSvns, pceSvn, teeTcbSvn }: PatchLevels,
  level: TcbLevel,
  names: Names,
): readonly Shortfall[] {
  // From major version 1 on the module has levels of its own.
  const from = teeTcbSvn && majorVersionOf(teeTcbSvn) > 0 ? 2 : 0
  return [
    ...level.componentSvns.flatMap((need, i) =>
      lacks('SGX component', i + 1, names.sgx[i] ?? '', componentSvns[i] ?? 0, need),
    ),
    ...lacks('PCE', 0, '', pceSvn, level.pceSvn),
    ...(teeTcbSvn ? level.tdxSvns : []).flatMap((need, i) =>
      i < from ? [] : lacks('TDX component', i + 1, names.tdx[i] ?? '', teeTcbSvn?.[i] ?? 0, need),
    ),
  ]
}

function moduleShortfall(
  { teeTcbSvn }: PatchLevels,
  tcbInfo: TcbInfo,
  isAccepted: (level: { readonly status: TcbStatus }) => boolean,
): readonly Shortfall[] {
  if (!teeTcbSvn || majorVersionOf(teeTcbSvn) === 0) return []
  const identity = identityOf(tcbInfo, majorVersionOf(teeTcbSvn))
  const need = identity?.levels.findLast(isAccepted)?.isvSvn ?? 0
  return lacks('TDX module', 0, identity?.id ?? '', teeTcbSvn[0] ?? 0, need)
}

const lacks = (
  part: Shortfall['part'],
  component: number,
  name: string,
  have: number,
  need: number,
): readonly Shortfall[] => (have < need ? [{ part, component, name, have, need }] : [])

/** One line for people: `SGX component 7 (BIOS: Early Microcode Update) has 2, needs 3`. */
export function shortfallText({ part, component, name, have, need }: Shortfall): string {
  const which = component > 0 ? `${part} ${component}` : part
  return `${which}${name ? ` (${name})` : ''} has ${have}, needs ${need}`
}

const components = withDefault(
  array(
    openObject({ category: optional(string({ max: 64 })), type: optional(string({ max: 64 })) }),
    16,
  ),
  [],
)
const namedLevels = openObject({
  tcbLevels: array(
    openObject({
      tcb: openObject({ sgxtcbcomponents: components, tdxtcbcomponents: components }),
    }),
    1024,
  ),
})

type Names = { readonly sgx: readonly string[]; readonly tdx: readonly string[] }

/** All levels name the components alike. Version 2 of the format has no names. */
function namesIn(text: string): Names {
  const first = firstLevelOf(text)
  const join = (named: Decoded<typeof components>) =>
    named.map(({ category, type }) => [category, type].filter(Boolean).join(': '))
  return {
    sgx: join(first?.tcb.sgxtcbcomponents ?? []),
    tdx: join(first?.tcb.tdxtcbcomponents ?? []),
  }
}

function firstLevelOf(text: string) {
  try {
    return namedLevels(parseJson(text, { maxBytes: maxDocument })).tcbLevels[0]
  } catch {
    return undefined // names that cannot be read are no reason to say less about the rest
  }
}
