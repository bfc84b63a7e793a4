// The codes with which a receipt is refused. Codes of the evidence inside it
// come from @vorta/attestation and pass through unchanged.

import { type ErrorOptions, VerificationError } from '@vorta/core'

/** Every code of this package; the description is its entry in the documentation. */
export const receiptCodes = {
  RECEIPT_TOO_LARGE: 'The file is larger than any receipt can be. It was not read.',
  RECEIPT_MALFORMED: 'The file is not the canonical JSON of a receipt of this version.',
  ENCLAVE_KEY_MALFORMED: 'The claims do not hold a P-256 public key as DER SubjectPublicKeyInfo.',
  KEYID_MISMATCH: 'The envelope names another key than the one in the claims.',
  PAYLOAD_TYPE: 'The envelope holds something else than an in-toto statement.',
  ENVELOPE_SIGNATURE: "The envelope's signature does not verify under the enclave's key.",
  STATEMENT_MALFORMED: 'The signed payload is not the canonical JSON of a receipt statement.',
  SUBJECT_MISMATCH: 'The subject is not the verdict document that the predicate describes.',
  ENCLAVE_KIND_MISMATCH: 'The statement names another kind of enclave than its evidence shows.',
  CLAIMS_MISMATCH: 'The enclave serves one job, and the statement is about another.',
  LOG_ORIGIN_MISMATCH: 'Statement, receipt, log key and checkpoint do not name the same log.',
  LOG_KEY_MALFORMED: 'A log key is not an Ed25519 key in the form of a C2SP vkey.',
  NOTE_MALFORMED: 'The checkpoint is not a C2SP signed note with exactly one signature.',
  CHECKPOINT_KEY: 'The checkpoint is signed with another key than the one the statement names.',
  CHECKPOINT_SIGNATURE: "The checkpoint's signature does not verify under the log's key.",
  CHECKPOINT_MALFORMED: 'The signed text is not a tree head: origin, size, root.',
  INDEX_RANGE: 'The entry lies outside the tree, or the tree sizes are the wrong way round.',
  INCLUSION_MISMATCH: 'The entry is not in the tree of the checkpoint at this index.',
  CONSISTENCY_MISMATCH: 'The larger tree is not the smaller one with entries added.',
  TIME_ORDER: 'The job ended before it started, or after it was logged.',
  LOGGED_IN_FUTURE: 'The receipt was logged later than the time it is verified for.',
  OUTPUT_MISMATCH: 'A file does not have the digest that the statement gives for its name.',
  OUTPUT_UNKNOWN: 'The statement has no output of this name.',
  LOG_NOT_TRUSTED: 'The policy lists log keys, and this log is not among them.',
  VERDICT_NOT_ACCEPTED: 'The policy asks for another verdict.',
  RECEIPT_TOO_OLD: 'The receipt was logged longer ago than the policy allows.',
  EXPECTATION_MISMATCH: 'The receipt is about another key, other inputs or another proof.',
} as const

export type ReceiptFault = keyof typeof receiptCodes

/** `throw refuse('KEYID_MISMATCH', …)`: the receipt is not what it claims to be. */
export const refuse = (
  code: ReceiptFault,
  message: string,
  options?: ErrorOptions,
): VerificationError<ReceiptFault> => new VerificationError(code, message, options)
