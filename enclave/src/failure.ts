// Why an attempt gave no statement, as the host hears it. What the host
// supplied wrongly, or what broke here, may go better the next time; what is
// wrong with the job itself will not.

import { VerificationError, VortaError } from '@vorta/core'
import type { Failure } from './protocol.ts'

const retryable: ReadonlySet<string> = new Set([
  'DIGEST_MISMATCH',
  'ARTIFACT_NOT_FOUND',
  'ENCLAVE_FAILED',
  'ENGINE_FAILED',
  'INTERNAL',
])

const malformed =
  'check that key, public inputs and proof are in the system, curve and encoding the spec names'

export function failureOf(thrown: unknown): Failure {
  const error = VortaError.from(thrown)
  const again = retryable.has(error.code)
  const hints =
    error.hints.length === 0 && error instanceof VerificationError && !again
      ? [malformed]
      : error.hints
  return {
    code: error.code,
    message: error.message,
    ...(hints.length > 0 ? { hint: hints.join('; ') } : {}),
    retryable: again,
  }
}
