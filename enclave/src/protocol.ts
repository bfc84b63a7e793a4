// The messages between an enclave and its host. The host asks; every request
// has one closing answer with its id, and `run` has any number of partial ones
// before it. Both sides read what they get through these closed decoders.

import { maxEventLog } from '@vorta/attestation/dstack/limits'
import { evidenceKind } from '@vorta/attestation/evidence-kind'
import { maxReleaseBytes } from '@vorta/attestation/sealing/release'
import { fail, type Json, parseJson } from '@vorta/core'
import {
  array,
  base64,
  base64Bytes,
  boolean,
  type Decoded,
  type Decoder,
  decode,
  integer,
  number,
  object,
  oneOf,
  optional,
  record,
  refine,
  string,
} from '@vorta/core/decode'
import { maxFrameBytes } from './frames.ts'

/** Attempts in one `run`; a host with more sends several. */
export const maxAttempts = 4096
/** A spec is well under 2 KiB. */
export const maxSpecBytes = 64 * 1024
/**
 * Artifact bytes in one `run`. The largest proof job needs 0.6 MiB; a larger
 * message would keep both sides from anything else while it is read.
 */
export const maxArtifactBytes = 8 * 1024 * 1024

const hex = (digits: number): Decoder<string> =>
  string({ pattern: new RegExp(`^[0-9a-f]{${digits}}$`), what: `${digits} lower-case hex digits` })
const text = string({ min: 1, max: 256 })
const requestId = integer(0, Number.MAX_SAFE_INTEGER)

/** First request: makes the key and the quote provider. Answered with a Description. */
export const startParams = refine(
  object({
    tee: oneOf('simulated', 'gramine', 'dstack'),
    /** Of the simulated platform. */
    platformId: optional(hex(32)),
    /** Socket or address of the dstack guest agent; by default the usual socket. */
    endpoint: optional(string({ min: 1, max: 4096 })),
  }),
  ({ tee, platformId, endpoint }) =>
    (tee === 'simulated') === (platformId !== undefined) &&
    (tee === 'dstack' || endpoint === undefined),
  'a platformId for simulated, an endpoint for dstack only',
)
/** A fresh quote over the key and a challenge. Answered with an Attestation. */
export const attestParams = object({ nonce: hex(64) })
/**
 * A quote that ties a TLS key of the host's to this enclave, and answers a challenge. The
 * claims are made inside and say that the host holds the key. Answered with a Voucher.
 */
export const vouchParams = object({ spki: base64Bytes(256), nonce: hex(64) })
/** Verifies the proofs of a batch. Artifacts are shared by the attempts that name them. */
export const runParams = object({
  log: object({ origin: text, key: text }),
  attempts: array(
    object({
      job: object({ uid: text, name: text }),
      attempt: object({ number: integer(1, 1_000_000), token: string({ max: 64 }) }),
      /** Canonical JSON of the job spec. */
      spec: base64Bytes(maxSpecBytes),
      /** The requester's key release, for a job with sealed inputs. */
      release: optional(base64Bytes(maxReleaseBytes)),
    }),
    maxAttempts,
  ),
  artifacts: record(base64Bytes(maxArtifactBytes), 3 * maxAttempts),
})
/** Gives up what is still waiting of these jobs. */
export const abortParams = object({ jobs: array(text) })

export type StartParams = Decoded<typeof startParams>
/** StartParams as a host makes them. */
export type StartMessage =
  | { readonly tee: 'simulated'; readonly platformId: string }
  | { readonly tee: 'gramine' }
  | { readonly tee: 'dstack'; readonly endpoint?: string }
export type VouchParams = Decoded<typeof vouchParams>
export type RunParams = Decoded<typeof runParams>
export type AttemptOrder = RunParams['attempts'][number]

/** RunParams as they travel: bytes in base64. */
export type RunMessage = {
  readonly log: RunParams['log']
  readonly attempts: readonly (Omit<AttemptOrder, 'spec' | 'release'> & {
    readonly spec: string
    readonly release?: string
  })[]
  readonly artifacts: Readonly<Record<string, string>>
}

const json: Decoder<Json> = (value) => value as Json
const request = object({ id: requestId, method: string({ max: 64 }), params: json })
export type Request = Decoded<typeof request>

export const description = object({
  /** DER SubjectPublicKeyInfo of the enclave's key, base64. */
  spki: base64(1, 256),
  tee: evidenceKind,
  /** MRENCLAVE, or MRTD: 32 or 48 bytes. */
  measurement: string({
    pattern: /^(?:[0-9a-f]{64}|[0-9a-f]{96})$/,
    what: '32 or 48 bytes in lower-case hex',
  }),
  proofs: array(
    object({
      system: text,
      curves: array(text),
      engine: text,
      proofsPerSecond: number(0, Number.MAX_SAFE_INTEGER),
    }),
  ),
})
export type Description = Decoded<typeof description>

const quoted = {
  quote: base64Bytes(64 * 1024),
  /** Of a dstack guest. */
  eventLog: optional(string({ max: maxEventLog })),
}

export const attestation = object({
  /** Canonical JSON of the claims that the quote binds. */
  claims: string({ max: 4096 }),
  ...quoted,
})
export type Attestation = Decoded<typeof attestation>

export const voucher = object({
  /** RA-TLS claims (CBOR) that the quote binds. */
  claims: base64Bytes(1024),
  ...quoted,
})
export type Voucher = Decoded<typeof voucher>

const failure = object({
  code: text,
  message: string(),
  hint: optional(string()),
  retryable: boolean,
})
/** Why an attempt gave no signed result, and whether another attempt may. */
export type Failure = Decoded<typeof failure>

const outcome = object({
  job: text,
  number: integer(1, 1_000_000),
  result: optional(
    object({
      /** Canonical JSON of the DSSE envelope. */
      envelope: string({ max: 128 * 1024 }),
      /** Canonical JSON of the execution trace whose digest the statement has. */
      trace: string({ max: 128 * 1024 }),
    }),
  ),
  failure: optional(failure),
})
/** What became of one attempt: a result or a failure. */
export type Outcome = Decoded<typeof outcome>

const answer = object({
  id: requestId,
  /** Closing answer of start, attest, vouch, abort. */
  result: optional(json),
  /** Closing answer of any request that could not be served. */
  error: optional(object({ code: text, message: string(), hints: array(string()) })),
  /** Partial answer of run: what became ready together. */
  outcomes: optional(array(outcome, maxAttempts)),
  /** Closing answer of run. */
  done: optional(boolean),
})
export type Answer = Decoded<typeof answer>

/** Reads one frame body. Throws MALFORMED_JSON, TOO_LARGE or INVALID_ARGUMENT. */
function read<T>(decoder: Decoder<T>, what: string, body: Uint8Array): T {
  return decode(decoder, parseJson(body, { maxBytes: maxFrameBytes }), (fault) =>
    invalid(`${what}: ${fault}`),
  )
}

export const readRequest = (body: Uint8Array): Request => read(request, 'enclave request', body)
export const readAnswer = (body: Uint8Array): Answer => read(answer, 'enclave answer', body)

/** Reads the params of a request or the result of an answer. Throws INVALID_ARGUMENT. */
export const readPart = <T>(decoder: Decoder<T>, what: string, value: unknown): T =>
  decode(decoder, value, (fault) => invalid(`${what}: ${fault}`))

const invalid = (message: string) => fail('INVALID_ARGUMENT', message)
