// One table from our codes to Connect codes and to exit codes of the command
// line, and the two conversions. On the wire an error carries ErrorInfo (reason
// = our code, domain = "vorta.org"), Help with the page, and RetryInfo where
// trying again may help (AIP-193).

import { create } from '@bufbuild/protobuf'
import { Code as ConnectCode, ConnectError } from '@connectrpc/connect'
import { type Code, codes, VortaError } from '@vorta/core'
import {
  BadRequestSchema,
  ErrorInfoSchema,
  HelpSchema,
  RetryInfoSchema,
} from './gen/google/rpc/error_details_pb.ts'

export const domain = 'vorta.org'

/** Exit codes of the command line; `vorta-cli help exit-codes` prints them. */
export const exitCodes = {
  ok: 0,
  failed: 1,
  usage: 2,
  unschedulable: 3,
  denied: 4,
  verification: 5,
  notFound: 6,
  unavailable: 7,
  interrupted: 130,
} as const

type Mapping = readonly [connect: ConnectCode, exit: keyof typeof exitCodes]

const {
  InvalidArgument,
  NotFound,
  AlreadyExists,
  FailedPrecondition,
  OutOfRange,
  ResourceExhausted,
} = ConnectCode

export const mappings: Readonly<Record<Code, Mapping>> = {
  INTERNAL: [ConnectCode.Internal, 'failed'],
  USAGE: [InvalidArgument, 'usage'],
  FILE_UNREADABLE: [NotFound, 'notFound'],
  CONFIG_INVALID: [InvalidArgument, 'usage'],
  INVALID_ARGUMENT: [InvalidArgument, 'usage'],
  INVALID_JOB_SPEC: [InvalidArgument, 'usage'],
  MALFORMED_JSON: [InvalidArgument, 'usage'],
  TOO_LARGE: [ResourceExhausted, 'usage'],
  DIGEST_MISMATCH: [InvalidArgument, 'failed'],
  OFFSET_MISMATCH: [FailedPrecondition, 'failed'],
  ARTIFACT_NOT_FOUND: [NotFound, 'notFound'],
  JOB_NOT_FOUND: [NotFound, 'notFound'],
  JOB_EXISTS: [AlreadyExists, 'failed'],
  JOB_NOT_FINISHED: [FailedPrecondition, 'failed'],
  JOB_FINISHED: [FailedPrecondition, 'failed'],
  WORKER_NOT_FOUND: [NotFound, 'notFound'],
  RECEIPT_NOT_FOUND: [NotFound, 'notFound'],
  REQUEST_ID_REUSED: [InvalidArgument, 'failed'],
  PAGE_TOKEN_INVALID: [InvalidArgument, 'usage'],
  FILTER_INVALID: [InvalidArgument, 'usage'],
  LOG_RANGE: [OutOfRange, 'failed'],
  LOG_DAMAGED: [ConnectCode.DataLoss, 'failed'],
  UNAUTHENTICATED: [ConnectCode.Unauthenticated, 'denied'],
  PERMISSION_DENIED: [ConnectCode.PermissionDenied, 'denied'],
  COMPACTED: [OutOfRange, 'failed'],
  UNAVAILABLE: [ConnectCode.Unavailable, 'unavailable'],
  TIMED_OUT: [ConnectCode.DeadlineExceeded, 'unavailable'],
  STORE_LOCKED: [ConnectCode.Unavailable, 'unavailable'],
  STORE_CONFLICT: [ConnectCode.Aborted, 'failed'],
  FENCED: [ConnectCode.Unavailable, 'unavailable'],
  NO_WORKER_FITS: [FailedPrecondition, 'unschedulable'],
  WORKER_LOST: [ConnectCode.Unavailable, 'failed'],
  ENCLAVE_LOST: [ConnectCode.Unavailable, 'failed'],
  ENCLAVE_FAILED: [ConnectCode.Internal, 'failed'],
  ATTEMPT_FENCED: [ConnectCode.Aborted, 'failed'],
  RESULT_MISMATCH: [ConnectCode.Aborted, 'verification'],
  JOIN_REFUSED: [ConnectCode.PermissionDenied, 'denied'],
  NONCE_MISMATCH: [ConnectCode.PermissionDenied, 'verification'],
  CHALLENGE_UNKNOWN: [FailedPrecondition, 'verification'],
  CHALLENGE_USED: [FailedPrecondition, 'verification'],
  CHALLENGE_EXPIRED: [FailedPrecondition, 'verification'],
  POLICY_NOT_FOUND: [NotFound, 'notFound'],
  APPRAISAL_NOT_FOUND: [NotFound, 'notFound'],
  EVIDENCE_NOT_FOUND: [NotFound, 'notFound'],
  OVERLOADED: [ResourceExhausted, 'unavailable'],
  NOT_ATTESTED: [FailedPrecondition, 'verification'],
  SECRET_REQUEST: [InvalidArgument, 'usage'],
  SECRET_UNKNOWN: [ConnectCode.PermissionDenied, 'denied'],
  SECRET_LIMIT: [ResourceExhausted, 'denied'],
  COLLATERAL_UNAVAILABLE: [FailedPrecondition, 'unavailable'],
  KEY_NOT_AWAITED: [FailedPrecondition, 'failed'],
  KEY_RELEASE_TIMEOUT: [ConnectCode.DeadlineExceeded, 'failed'],
  KEY_UNKNOWN: [NotFound, 'notFound'],
  RELEASES_EXHAUSTED: [FailedPrecondition, 'verification'],
  JOB_CANCELLED: [ConnectCode.Canceled, 'failed'],
  JOB_EXPIRED: [ConnectCode.DeadlineExceeded, 'failed'],
}

const isCode = (code: string): code is Code => Object.hasOwn(codes, code)

export const docsUrl = (code: string): string => `docs/errors.md#${code.toLowerCase()}`

/** Our error as Connect sends it. Only code, text, facts and hints cross the wire, never the cause. */
export function toConnectError(thrown: unknown): ConnectError {
  if (thrown instanceof ConnectError) return thrown
  const error = VortaError.from(thrown)
  const connect = isCode(error.code) ? mappings[error.code][0] : FailedPrecondition
  const text =
    error.code === 'INTERNAL' ? 'internal error; the server log has the details' : error.message
  const metadata = Object.fromEntries(
    Object.entries(error.meta).map(([key, value]) => [key, String(value)]),
  )
  const links = [{ description: error.hints.join('; '), url: docsUrl(error.code) }]
  const wrapped = new ConnectError(text, connect, undefined, [
    {
      desc: ErrorInfoSchema,
      value: create(ErrorInfoSchema, { reason: error.code, domain, metadata }),
    },
    { desc: HelpSchema, value: create(HelpSchema, { links }) },
  ])
  if (connect === InvalidArgument && typeof error.meta.field === 'string') {
    const fieldViolations = [
      { field: error.meta.field, description: error.message, reason: error.code },
    ]
    wrapped.details.push({
      desc: BadRequestSchema,
      value: create(BadRequestSchema, { fieldViolations }),
    })
  }
  if (
    connect === ConnectCode.Unavailable ||
    (connect === ResourceExhausted && error.meta.retry === true)
  ) {
    const value = create(RetryInfoSchema, { retryDelay: { seconds: 1n, nanos: 0 } })
    wrapped.details.push({ desc: RetryInfoSchema, value })
  }
  return wrapped
}

const byConnectCode: Partial<Record<ConnectCode, Code>> = {
  [InvalidArgument]: 'INVALID_ARGUMENT',
  [ConnectCode.Unauthenticated]: 'UNAUTHENTICATED',
  [ConnectCode.PermissionDenied]: 'PERMISSION_DENIED',
  [ConnectCode.Unavailable]: 'UNAVAILABLE',
  [ConnectCode.DeadlineExceeded]: 'TIMED_OUT',
  [ConnectCode.Canceled]: 'TIMED_OUT',
  [ResourceExhausted]: 'TOO_LARGE',
}

/** What a client makes of a failed call: the server's code, text and hints if it sent them. */
export function fromConnectError(thrown: unknown): VortaError {
  if (thrown instanceof VortaError) return thrown
  const error = ConnectError.from(thrown)
  const info = error.findDetails(ErrorInfoSchema)[0]
  const link = error.findDetails(HelpSchema)[0]?.links[0]
  const code = info?.domain === domain ? info.reason : (byConnectCode[error.code] ?? 'INTERNAL')
  const hints = link?.description ? [link.description] : []
  return new VortaError(code, error.rawMessage, {
    meta: info?.metadata ?? {},
    hints,
    cause: thrown,
  })
}

/** Exit code of the command line for an error code. Codes of the verifiers all end in 5. */
export const exitCodeOf = (code: string): number =>
  exitCodes[isCode(code) ? mappings[code][1] : 'verification']
