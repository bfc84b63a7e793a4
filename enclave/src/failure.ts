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
  // Another release may fit; it is for the requester to make one.
  'RELEASE_FORMAT',
  'RELEASE_MISSING',
  'RELEASE_WRONG_JOB',
  'RELEASE_WRONG_SPEC',
  'RELEASE_WRONG_ENCLAVE',
  'RELEASE_EXPIRED',
  'RELEASE_UNREADABLE',
  'RELEASE_WRONG_KEY',
  'RELEASE_USED_UP',
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

/** The same where the inputs were opened: their code may leave the enclave, words about them may not. */
export function failureOfSealed(thrown: unknown): Failure {
  const { code, retryable } = failureOf(thrown)
  const message = 'the inputs are sealed, so what was found in them stays in the enclave'
  return { code, message, retryable }
}
