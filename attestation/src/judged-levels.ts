// Levels of Intel's judgement, as TCB info and QE identity list them: for each
// version of something, what Intel thinks of it.

import {
  array,
  type Decoder,
  integer,
  oneOf,
  openObject,
  optional,
  rfc3339,
} from '@vorta/core/decode'
import { advisories } from './intel-fields.ts'
import { type EnclaveTcbStatus, enclaveTcbStatuses } from './tcb-status.ts'

/** The longest list has about 20. */
export const maxLevels = 1024

/** One level of Intel's judgement, of a platform or of an enclave. */
export type Judged<Status> = {
  /** As Intel spells it: the later date is the greater text. */
  readonly tcbDate: string
  readonly status: Status
  readonly advisoryIds: readonly string[]
  /** The earliest date of the levels above this one; absent for the highest. */
  readonly supersededOn?: string
}

export type EnclaveLevel = Judged<EnclaveTcbStatus> & { readonly isvSvn: number }

/** Levels of an enclave that Intel signs: its versions and what Intel thinks of each. */
export const enclaveLevels: Decoder<readonly EnclaveLevel[]> = (value) => {
  const levels = enclaveLevelList(value).map(({ tcb, tcbDate, tcbStatus, advisoryIDs }) => ({
    isvSvn: tcb.isvsvn,
    tcbDate,
    status: tcbStatus,
    advisoryIds: advisoryIDs ?? [],
  }))
  return withSuccessors(levels.sort((a, b) => b.isvSvn - a.isvSvn))
}

const enclaveLevelList = array(
  openObject({
    tcb: openObject({ isvsvn: integer(0, 0xffff) }),
    tcbDate: rfc3339,
    tcbStatus: oneOf(...enclaveTcbStatuses),
    advisoryIDs: optional(advisories),
  }),
  maxLevels,
)

/** Adds `supersededOn` to levels, highest first. */
export function withSuccessors<L extends Judged<unknown>>(levels: readonly L[]): readonly L[] {
  let above: string | undefined
  return levels.map((level) => {
    const dated = above === undefined ? level : { ...level, supersededOn: above }
    if (above === undefined || level.tcbDate < above) above = level.tcbDate
    return dated
  })
}
