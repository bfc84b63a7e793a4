// What an enclave signs: an in-toto Statement v1 about one job. The predicate
// is a tagged union by its last member; today there is `proof`. Times are read
// from a clock that the host controls, so they are only as good as the host.

import { evidenceKind } from '@vorta/attestation/evidence-kind'
import { type Bytes, type Crypto, canonicalBytes, equal, toHex } from '@vorta/core'
import {
  array,
  type Decoded,
  type Decoder,
  integer,
  object,
  oneOf,
  optional,
  refine,
  rfc3339,
  sha256Hex,
  string,
} from '@vorta/core/decode'
import { readDocument } from './document.ts'
import { refuse } from './errors.ts'
import { vkeyText } from './note.ts'

export const payloadType = 'application/vnd.in-toto+json'
export const statementType = 'https://in-toto.io/Statement/v1'
export const predicateType = 'https://vorta.org/receipt/v1'

/** Name of the one output of a proof job. */
export const verdictFile = 'verdict.json'

/** A payload is at most this long already; the depth is that of the predicate. */
const limits = { maxBytes: 64 * 1024, maxDepth: 8 }

const name = string({
  pattern: /^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$/,
  what: 'a name of 1 to 128 letters, digits and . _ / -',
})
const label = string({
  pattern: /^[a-z0-9][a-z0-9.-]{0,63}$/,
  what: 'a name of 1 to 64 lower-case letters, digits, dots and dashes',
})
const printable = string({ pattern: /^[!-~]{1,128}$/, what: '1 to 128 printable characters' })

const proofResult = object({
  system: label,
  curve: label,
  encoding: label,
  verifier: object({ name: printable, version: printable }),
  verificationKey: sha256Hex,
  publicInputs: sha256Hex,
  proof: sha256Hex,
  verdict: oneOf('valid', 'invalid'),
  code: optional(string({ pattern: /^[A-Z][A-Z0-9_]{0,63}$/, what: 'a code in capitals' })),
})

const sealedInputs = object({
  inputs: refine(
    array(oneOf('verificationKey', 'publicInputs', 'proof'), 3),
    (names) => names.length > 0 && new Set(names).size === names.length,
    'at least one input, each once',
  ),
  /** SHA-256 of the key release, hex: the log has an entry that names it. */
  release: sha256Hex,
})

/** What the proof verifier inside the enclave was given and found; digests are SHA-256. */
export type ProofResult = Decoded<typeof proofResult>

const predicate = object({
  job: object({ uid: name, name }),
  attempt: object({
    number: integer(1, 1_000_000),
    token: string({ pattern: /^(?:[0-9a-f]{2}){1,32}$/, what: 'a fencing token in hex' }),
  }),
  spec: sha256Hex,
  enclave: object({ kind: evidenceKind }),
  log: object({ origin: string({ min: 1, max: 256 }), key: vkeyText }),
  startedOn: rfc3339,
  finishedOn: rfc3339,
  trace: sha256Hex,
  /** Inputs that were encrypted; their digests in `proof` are those of the ciphertexts. */
  sealed: optional(sealedInputs),
  proof: refine(
    proofResult,
    ({ verdict, code }) => (verdict === 'invalid') === (code !== undefined),
    'a code exactly where the verdict is "invalid"',
  ),
})

export type ReceiptPredicate = Decoded<typeof predicate>

const statement = object({
  _type: oneOf(statementType),
  subject: refine(
    array(object({ name, digest: object({ sha256: sha256Hex }) }), 1024),
    (outputs) => new Set(outputs.map((output) => output.name)).size === outputs.length,
    'every output once',
  ),
  predicateType: oneOf(predicateType),
  predicate,
})

export type ReceiptStatement = Decoded<typeof statement>

/** Closed: a field this version does not know is refused. */
export const statementDecoder: Decoder<ReceiptStatement> = statement

/** The document a proof job puts out: what was decided, about which key and inputs. */
export const verdictDocument = (proof: ProofResult): Bytes =>
  canonicalBytes({
    verdict: proof.verdict,
    code: proof.code,
    system: proof.system,
    curve: proof.curve,
    verificationKey: proof.verificationKey,
    publicInputs: proof.publicInputs,
  })

function subjectOf(crypto: Crypto, about: ReceiptPredicate): ReceiptStatement['subject'] {
  const sha256 = toHex(crypto.sha256(verdictDocument(about.proof)))
  return [{ name: verdictFile, digest: { sha256 } }]
}

/** The statement for a predicate, its subject computed. */
export const makeStatement = (crypto: Crypto, about: ReceiptPredicate): ReceiptStatement => ({
  _type: statementType,
  subject: subjectOf(crypto, about),
  predicateType,
  predicate: about,
})

/** The payload to sign: canonical JSON. */
export const encodeStatement = (value: ReceiptStatement): Bytes => canonicalBytes(value)

/** Reads a payload whose signature was verified. Throws STATEMENT_MALFORMED. */
export const decodeStatement = (payload: Uint8Array): ReceiptStatement =>
  readDocument('statement', payload, { decoder: statement, limits, fault: 'STATEMENT_MALFORMED' })

/** Throws SUBJECT_MISMATCH where the outputs are not those that the predicate describes. */
export function requireSubject(crypto: Crypto, value: ReceiptStatement): void {
  const expected = canonicalBytes(subjectOf(crypto, value.predicate))
  if (!equal(expected, canonicalBytes(value.subject))) {
    const got = value.subject.map((output) => `${output.name} ${output.digest.sha256}`).join(', ')
    throw refuse(
      'SUBJECT_MISMATCH',
      `statement subject: expected the one output ${verdictFile} that the predicate describes, ` +
        `got ${got.slice(0, 200) || 'none'}`,
    )
  }
}
