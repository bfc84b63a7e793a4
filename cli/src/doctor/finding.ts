// What a check found. The status is for exit codes and colours, the code for
// programs and for `doctor --explain`.

import { type DoctorCode, doctorCodes } from './codes.ts'

/** `absent`: this machine has no such thing, which is a fault only where it is needed. */
export type Status = 'ok' | 'warn' | 'fail' | 'absent'

export type Result = {
  readonly status: Status
  readonly code: string | null
  readonly detail: string
  readonly remedy: string | null
}

export type Finding = Result & { readonly name: string }

export const ok = (detail: string): Result => ({ status: 'ok', code: null, detail, remedy: null })

const not =
  (status: Status) =>
  (code: DoctorCode, detail: string): Result => ({
    status,
    code,
    detail,
    remedy: doctorCodes[code].fix,
  })

export const warn = not('warn')
export const fails = not('fail')
export const absent = not('absent')

export const named = (name: string, result: Result): Finding => ({ name, ...result })

/** An address without what may be a secret: user, password and query. A report is meant to be shown. */
export const shownAddress = (address: string): string =>
  address.replace(/\/\/[^/?#]*@/, '//').replace(/[?#].*$/s, '')
