// Every refusal in Vorta is one of these. The text says what failed, what was
// expected and what was got; the code is what programs and the documentation
// hold on to; hints say what to do next.

export type ErrorMeta = Readonly<Record<string, string | number | boolean>>

export type ErrorOptions = {
  readonly meta?: ErrorMeta
  readonly hints?: readonly string[]
  readonly cause?: unknown
}

/** The base of all errors with a code. `message` is for people, `code` and `meta` for programs. */
export class VortaError<C extends string = string> extends Error {
  readonly code: C
  readonly meta: ErrorMeta
  readonly hints: readonly string[]

  constructor(code: C, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = new.target.name
    this.code = code
    this.meta = options.meta ?? {}
    this.hints = options.hints ?? []
  }

  /** Normalises whatever was thrown; what carries no code becomes INTERNAL. */
  static from(thrown: unknown): VortaError {
    if (thrown instanceof VortaError) return thrown
    const text = thrown instanceof Error ? thrown.message : String(thrown)
    return new VortaError('INTERNAL', text, { cause: thrown })
  }
}

/** The evidence, proof or receipt is not what it claims to be. */
export class VerificationError<C extends string = string> extends VortaError<C> {}

/** The evidence is genuine, and the policy does not accept it. */
export class PolicyError<C extends string = string> extends VortaError<C> {}

/** What a request, a job or a command can fail with; the description is the entry in docs/errors.md. */
export const codes = {
  INTERNAL: 'A fault in Vorta itself. Please report it with the log lines around it.',
  USAGE: 'The command line is not understood.',
  FILE_UNREADABLE: 'A file named on the command line does not exist or cannot be read.',
  CONFIG_INVALID: 'A configuration file has a missing, unknown or wrong field.',
  INVALID_ARGUMENT: 'A field of the request is missing, unknown or out of range.',
  INVALID_JOB_SPEC: 'The job spec has a missing, unknown or wrong field.',
  MALFORMED_JSON: 'The text is not JSON, repeats a key, or is nested too deeply.',
  TOO_LARGE: 'The input exceeds a size limit. Nothing of it was stored.',
  DIGEST_MISMATCH: 'The bytes do not have the digest they were announced with. Nothing was stored.',
  OFFSET_MISMATCH: 'An upload went on from another offset than the one already stored.',
  ARTIFACT_NOT_FOUND:
    'No artifact with this digest is stored. Upload it before the job that names it.',
  JOB_NOT_FOUND: 'No job has this name.',
  JOB_EXISTS: 'Another job has this name already.',
  JOB_NOT_FINISHED: 'The job has no receipt yet: it has not succeeded.',
  JOB_FINISHED: 'The job has ended; its state cannot be changed any more.',
  WORKER_NOT_FOUND: 'No worker has this name.',
  RECEIPT_NOT_FOUND: 'The log has no receipt at this index.',
  REQUEST_ID_REUSED: 'The request id was used before with another request body.',
  PAGE_TOKEN_INVALID: 'The page token was not issued for this list and filter.',
  FILTER_INVALID: 'The list filter is not understood.',
  LOG_RANGE: 'The tree sizes do not fit the log.',
  LOG_DAMAGED: 'The stored log is not the one its newest checkpoint signs. Going on would fork it.',
  UNAUTHENTICATED: 'The request carries no token, or one that is not known.',
  PERMISSION_DENIED: 'The token is genuine but its role may not do this.',
  COMPACTED:
    'The events after this resume token are no longer kept. List again and watch from there.',
  UNAVAILABLE: 'The server cannot be reached or is shutting down. Safe to try again.',
  TIMED_OUT: 'The deadline passed before an answer came.',
  STORE_LOCKED: 'Another mainframe holds this data folder.',
  STORE_CONFLICT: 'The row was changed by somebody else in between.',
  FENCED: 'A newer leader has taken over; this one may not write any more.',
  NO_WORKER_FITS:
    'No worker passes every filter for this job. The placement report says why, worker by worker.',
  WORKER_LOST:
    'The connection to the worker ended while it ran the job, and all retries were used up.',
  ENCLAVE_LOST: 'The enclave ended while it ran the job, and all retries were used up.',
  ENCLAVE_FAILED: 'The enclave could not do what was asked of it.',
  ATTEMPT_FENCED: 'The result belongs to an attempt that is no longer the current one.',
  RESULT_MISMATCH: 'The signed statement does not describe the job that was dispatched.',
  JOIN_REFUSED: 'The worker was not admitted to the cluster.',
  NONCE_MISMATCH: 'The evidence answers another challenge: it is a replay, or it came too late.',
  CHALLENGE_UNKNOWN:
    'The nonce was not issued by this service, or before its last start. Ask for a new one.',
  CHALLENGE_USED: 'The nonce was used before: evidence that answers it again is a replay.',
  CHALLENGE_EXPIRED: 'The nonce is older than challenges may get. Ask for a new one.',
  POLICY_NOT_FOUND: 'The attestation service has no policy of this name.',
  APPRAISAL_NOT_FOUND: 'No result has this name, or it is older than results are kept.',
  EVIDENCE_NOT_FOUND: 'No evidence with this digest is stored.',
  OVERLOADED: 'The server has as much to do as it takes on at once. Safe to try again.',
  NOT_ATTESTED: 'The mainframe runs in no enclave, so there is no evidence about it.',
  SECRET_REQUEST: 'A client of the secret provisioning port does not speak its protocol.',
  SECRET_UNKNOWN: 'No secret is kept for this enclave.',
  SECRET_LIMIT: 'The secret of this enclave was given out as often as its limit allows.',
  COLLATERAL_UNAVAILABLE: 'There is no collateral at hand to judge this kind of evidence by.',
  KEY_NOT_AWAITED: 'The job waits for no key: it has one, has ended, or is not placed yet.',
  KEY_RELEASE_TIMEOUT: 'The requester did not release the key of the sealed inputs in time.',
  KEY_UNKNOWN: "The key of the job's sealed inputs is not kept on this machine.",
  RELEASES_EXHAUSTED: 'The key was released as often as the requester allows. It stays closed now.',
  JOB_CANCELLED: 'The job was cancelled.',
  JOB_EXPIRED: 'The job did not end before its deadline.',
} as const

export type Code = keyof typeof codes

/** `throw fail('JOB_NOT_FOUND', …)`: the everyday operational error. */
export function fail(code: Code, message: string, options?: ErrorOptions): VortaError<Code> {
  return new VortaError(code, message, options)
}
