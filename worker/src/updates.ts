// The updates an attempt can have, as messages.

import type { MessageInitShape } from '@bufbuild/protobuf'
import type { AttemptUpdateSchema } from '@vorta/api'
import { utf8, VortaError } from '@vorta/core'
import type { Failure, Outcome } from '@vorta/enclave'

export type Update = NonNullable<MessageInitShape<typeof AttemptUpdateSchema>['update']>

export const starting: Update = { case: 'starting', value: {} }
export const running: Update = { case: 'running', value: {} }

export const failed = ({ code, message, hint = '', retryable }: Failure): Update => ({
  case: 'failure',
  value: { code, message, hint, retryable },
})

/** A failure of this side: worth another attempt, here or elsewhere, unless the job is too large for any. */
export function failedHere(thrown: unknown): Update {
  const { code, message, hints } = VortaError.from(thrown)
  return failed({ code, message, hint: hints.join('; '), retryable: code !== 'TOO_LARGE' })
}

export function ended({ result, failure }: Outcome): Update {
  if (failure) return failed(failure)
  if (!result) return failedHere(new VortaError('ENCLAVE_FAILED', 'an outcome without a result'))
  const { envelope, trace } = result
  return { case: 'result', value: { envelope: utf8(envelope), trace: utf8(trace) } }
}
