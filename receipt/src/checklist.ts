// What a verification reports: every check by name, whether it was performed
// and how it came out. After the first failure nothing more is performed, and
// the list says so.

import { VerificationError, VortaError } from '@vorta/core'
import type { ReceiptFault } from './errors.ts'

/** `not-performed` is neither good nor bad: nothing was found out. */
export type Outcome = 'passed' | 'failed' | 'not-performed'

export type Check<N extends string = string> = {
  readonly name: N
  readonly outcome: Outcome
  /** Present where the check failed. */
  readonly code?: string
  /** One line for people. */
  readonly detail: string
}

/** What a check established, and how to say so. */
export type Established<T> = { readonly fact: T; readonly detail: string }

export type Checklist<N extends string> = {
  /** Runs the next check: gives its fact or throws its VerificationError. */
  readonly run: <T>(name: N, check: () => Established<T> | Promise<Established<T>>) => Promise<T>
  /** All checks in order, those not reached as not performed. */
  readonly report: () => readonly Check<N>[]
}

export function createChecklist<N extends string>(names: readonly N[]): Checklist<N> {
  const done = new Map<N, Check<N>>()
  return {
    run: async (name, check) => {
      try {
        const { fact, detail } = await check()
        done.set(name, { name, outcome: 'passed', detail })
        return fact
      } catch (thrown) {
        const { code, message } = asVerificationError(thrown)
        done.set(name, { name, outcome: 'failed', code, detail: message })
        throw thrown
      }
    },
    report: () =>
      names.map(
        (name) =>
          done.get(name) ?? {
            name,
            outcome: 'not-performed',
            detail: 'not performed: an earlier check failed',
          },
      ),
  }
}

/** The judgement of one rule. */
export const finding = (name: string, code: ReceiptFault, holds: boolean, detail: string): Check =>
  holds ? { name, outcome: 'passed', detail } : { name, outcome: 'failed', code, detail }

/** What was thrown, as a refusal. Nothing thrown is ever taken for anything else. */
export function asVerificationError(thrown: unknown): VerificationError {
  if (thrown instanceof VerificationError) return thrown
  const { code, message } = VortaError.from(thrown)
  return new VerificationError(code, message, { cause: thrown })
}
