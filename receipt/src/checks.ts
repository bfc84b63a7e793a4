// The checks of a receipt, one function each: it gives a fact or throws a
// VerificationError with its code. They are called in this order, each on what
// those before it have established.

import { type TrustAnchor, type VerifiedGuest, verifyEvidence } from '@vorta/attestation'
import { type Bytes, type Crypto, fromBase64, fromRfc3339, toHex, toRfc3339 } from '@vorta/core'
import type { Established } from './checklist.ts'
import { type Checkpoint, parseCheckpoint } from './checkpoint.ts'
import { openEnvelope } from './dsse.ts'
import { refuse } from './errors.ts'
import { encodeLogEntry } from './log-entry.ts'
import { hashLeaf, verifyInclusion } from './merkle.ts'
import { openNote, parseNote, parseVkey } from './note.ts'
import { decodeReceipt, type Receipt } from './receipt.ts'
import { decodeStatement, payloadType, type ReceiptStatement, requireSubject } from './statement.ts'

/** How far the clocks of enclave, log and verifier may be apart. */
export const maxClockSkew = 5 * 60_000

/** The file is the canonical JSON of a receipt. */
export function checkFormat(file: Uint8Array): Established<Receipt> {
  const fact = decodeReceipt(file)
  return { fact, detail: `${fact.mediaType}, ${file.length} bytes` }
}

/** The envelope is signed with the key in the claims; whose key that is, the evidence shows. */
export async function checkEnvelope(crypto: Crypto, receipt: Receipt): Promise<Established<Bytes>> {
  const spki = fromBase64(receipt.evidence.claims.spki) ?? new Uint8Array()
  const fact = await openEnvelope(crypto, receipt.envelope, { payloadType, spki })
  const [signature] = receipt.envelope.signatures
  return { fact, detail: `ECDSA P-256 under enclave key ${signature?.keyid}` }
}

/** The payload is a statement of ours, about the job the enclave serves. */
export function checkStatement(
  payload: Uint8Array,
  receipt: Receipt,
): Established<ReceiptStatement> {
  const statement = decodeStatement(payload)
  const { job, spec, enclave, proof } = statement.predicate
  const { tee, claims } = receipt.evidence
  if (enclave.kind !== tee) {
    throw refuse('ENCLAVE_KIND_MISMATCH', `enclave kind: expected ${tee}, got ${enclave.kind}`)
  }
  if (claims.job !== undefined && claims.job !== job.uid) {
    throw refuse('CLAIMS_MISMATCH', `job: expected ${claims.job}, got ${job.uid}`)
  }
  if (claims.spec !== undefined && claims.spec !== spec) {
    throw refuse('CLAIMS_MISMATCH', `job spec: expected ${claims.spec}, got ${spec}`)
  }
  return {
    fact: statement,
    detail: `job ${job.name}: the ${proof.system} proof is ${proof.verdict}`,
  }
}

/** The subject is the document that follows from the predicate. */
export function checkSubject(crypto: Crypto, statement: ReceiptStatement): Established<void> {
  requireSubject(crypto, statement)
  const outputs = statement.subject.map(({ name, digest }) => `${name} sha256:${digest.sha256}`)
  return { fact: undefined, detail: outputs.join(', ') }
}

/** The quote was genuine when it was logged, and binds the key that signed the envelope. */
export async function checkEvidence(
  crypto: Crypto,
  receipt: Receipt,
  anchors: readonly TrustAnchor[],
): Promise<Established<VerifiedGuest>> {
  const now = loggedAt(receipt)
  const { quote, dstack } = await verifyEvidence(crypto, receipt.evidence, { anchors, now })
  const kind = quote.simulated ? 'SIMULATED quote' : 'genuine quote'
  return {
    fact: { quote, ...(dstack && { dstack }) },
    detail: `${kind} under ${quote.anchor.name}: ${quote.status} at ${receipt.log.time}`,
  }
}

/** The entry that has to be in the log which the enclave was told about. */
export function checkLogEntry(
  crypto: Crypto,
  receipt: Receipt,
  statement: ReceiptStatement,
): Established<Bytes> {
  requireOrigin('receipt', statement, receipt.log.origin)
  const leaf = hashLeaf(crypto, encodeLogEntry(crypto, { ...receipt, time: receipt.log.time }))
  return { fact: leaf, detail: `leaf ${toHex(leaf)} of ${receipt.log.origin}` }
}

/** The checkpoint is signed with the log key of the statement, and by nobody else. */
export async function checkCheckpoint(
  crypto: Crypto,
  receipt: Receipt,
  statement: ReceiptStatement,
): Promise<Established<Checkpoint>> {
  const key = parseVkey(crypto, statement.predicate.log.key)
  requireOrigin('log key', statement, key.name)
  const note = parseNote(receipt.log.checkpoint)
  if (note.signatures.length !== 1) {
    // A second signature would be bytes that nothing here has looked at.
    throw refuse(
      'NOTE_MALFORMED',
      `checkpoint: expected exactly one signature, got ${note.signatures.length}`,
    )
  }
  const checkpoint = parseCheckpoint(await openNote(crypto, note, key))
  requireOrigin('checkpoint', statement, checkpoint.origin)
  return {
    fact: checkpoint,
    detail: `${checkpoint.size} entries, root ${toHex(checkpoint.root)}, signed by ${key.name}`,
  }
}

/** The entry is in the tree at its index. */
export function checkInclusion(
  crypto: Crypto,
  receipt: Receipt,
  leaf: Uint8Array,
  { root, size }: Checkpoint,
): Established<void> {
  const { index, inclusion } = receipt.log
  const proof = inclusion.map((hash) => fromBase64(hash) ?? new Uint8Array())
  verifyInclusion(crypto, { leaf, index, size, root, proof })
  return { fact: undefined, detail: `entry ${index} of ${size}, ${proof.length} hashes` }
}

/** Started, finished, logged, now: in this order, as far as clocks agree. Gives the log time. */
export function checkOrder(
  receipt: Receipt,
  { predicate }: ReceiptStatement,
  now: number,
): Established<number> {
  const { startedOn, finishedOn } = predicate
  const logged = loggedAt(receipt)
  if (!(time(startedOn) <= time(finishedOn))) {
    throw refuse('TIME_ORDER', `job: expected an end after ${startedOn}, got ${finishedOn}`)
  }
  if (!(time(finishedOn) <= logged + maxClockSkew)) {
    throw refuse('TIME_ORDER', `job: expected an end before ${receipt.log.time}, got ${finishedOn}`)
  }
  if (!(logged <= now + maxClockSkew)) {
    throw refuse(
      'LOGGED_IN_FUTURE',
      `log time: expected at most ${describe(now)}, got ${receipt.log.time}`,
    )
  }
  return { fact: logged, detail: `${startedOn} to ${finishedOn}, logged ${receipt.log.time}` }
}

function requireOrigin(what: string, { predicate }: ReceiptStatement, got: string): void {
  const { origin } = predicate.log
  if (got !== origin) {
    throw refuse(
      'LOG_ORIGIN_MISMATCH',
      `origin in the ${what}: expected ${JSON.stringify(origin)}, got ${JSON.stringify(got)}`,
    )
  }
}

/** Milliseconds of a text that the decoder has found to be a time. */
const time = (text: string): number => fromRfc3339(text) ?? Number.NaN
const loggedAt = (receipt: Receipt): number => time(receipt.log.time)
const describe = (now: number): string =>
  Number.isNaN(new Date(now).getTime()) ? String(now) : toRfc3339(now)
