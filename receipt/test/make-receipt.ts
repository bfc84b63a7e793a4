// Receipts for tests, made the way they are made in earnest: a key, a quote of
// the simulated platform, a signed statement, a log in memory with its key. Any
// step can be changed, so that one receipt is wrong in just one place.

import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import {
  type EnclaveKeyClaims,
  type Evidence,
  enclaveKeyPurpose,
  reportDataOf,
  simulatedAnchor,
} from '@vorta/attestation'
import { simulatedQuoteProvider } from '@vorta/attestation/providers/simulated'
import { simulatedCollateral } from '@vorta/attestation/simulated/collateral'
import { type Canonical, canonicalBytes, fakeClock, toBase64, toRfc3339, utf8 } from '@vorta/core'
import { nodeCrypto as crypto } from '@vorta/core/crypto-node'
import {
  type Checkpoint,
  completedNodes,
  encodeLogEntry,
  encodeReceipt,
  formatCheckpoint,
  formatVkey,
  hashLeaf,
  inclusionProof,
  makeReceipt,
  makeStatement,
  type NodeSource,
  noteKey,
  payloadType,
  type Receipt,
  type ReceiptPolicy,
  type ReceiptPredicate,
  type ReceiptStatement,
  receiptPolicyDecoder,
  signEnvelope,
  signNote,
  treeRoot,
} from '../src/index.ts'

/** The moment at which test receipts are logged. */
export const loggedAt = fakeClock().now()
export const measurement = new Uint8Array(32).fill(0x5a)
export const anchors = [simulatedAnchor]

const collateral = simulatedCollateral(loggedAt)
const provider = simulatedQuoteProvider({
  platformId: new Uint8Array(16).fill(1),
  measurement,
  now: () => loggedAt,
})

export function newEnclaveKey() {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const signP256 = (data: Uint8Array) =>
    new Uint8Array(sign('sha256', data, { key: privateKey, dsaEncoding: 'ieee-p1363' }))
  return {
    spki: new Uint8Array(publicKey.export({ format: 'der', type: 'spki' })),
    sign: signP256,
  }
}

export function newLogKey(origin = 'log.example/simulated') {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const raw = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }).subarray(-32))
  return { key: noteKey(crypto, origin, raw), sign: signEd25519(privateKey) }
}

const signEd25519 = (key: KeyObject) => (data: Uint8Array) => new Uint8Array(sign(null, data, key))

export type EnclaveKey = ReturnType<typeof newEnclaveKey>
export type LogKey = ReturnType<typeof newLogKey>

/** Evidence for a key, as an enclave hands it to the mainframe. */
export async function makeEvidence(
  key: EnclaveKey,
  more: Partial<EnclaveKeyClaims> = {},
): Promise<Evidence> {
  const claims: EnclaveKeyClaims = {
    purpose: enclaveKeyPurpose,
    spki: toBase64(key.spki),
    nonce: '11'.repeat(32),
    ...more,
  }
  const { quote } = await provider.quote(reportDataOf(crypto, claims))
  return { tee: 'simulated', claims, quote: toBase64(quote), collateral }
}

export function makePredicate(log: LogKey): ReceiptPredicate {
  return {
    job: { uid: 'j01k9x3m2h8q5c7e1fz0v4t6b', name: 'jobs/example' },
    attempt: { number: 1, token: '00000000000000a7' },
    spec: '21'.repeat(32),
    enclave: { kind: 'simulated' },
    log: { origin: log.key.name, key: formatVkey(log.key) },
    startedOn: toRfc3339(loggedAt - 4000),
    finishedOn: toRfc3339(loggedAt - 1000),
    trace: '22'.repeat(32),
    proof: {
      system: 'groth16',
      curve: 'bn254',
      encoding: 'snarkjs',
      verifier: { name: 'vorta-groth16', version: '1' },
      verificationKey: '31'.repeat(32),
      publicInputs: '32'.repeat(32),
      proof: '33'.repeat(32),
      verdict: 'valid',
    },
  }
}

/** What a test wants to be different, step by step; each is given what would have been. */
export type Changes = {
  readonly enclaveKey?: EnclaveKey
  readonly logKey?: LogKey
  /** Who signs the checkpoint, where that is not the log that the statement names. */
  readonly checkpointKey?: LogKey
  readonly claims?: Partial<EnclaveKeyClaims>
  readonly predicate?: (predicate: ReceiptPredicate) => ReceiptPredicate
  /** May give anything: what is signed need not be a statement. */
  readonly statement?: (statement: ReceiptStatement) => unknown
  readonly payloadType?: string
  readonly evidence?: (evidence: Evidence) => Evidence
  readonly time?: number
  readonly checkpoint?: (checkpoint: Checkpoint) => Checkpoint
  readonly note?: (note: string) => string
}

/** A receipt in a log of 11 entries, this one the eighth. */
export async function makeTestReceipt(changes: Changes = {}): Promise<Receipt> {
  const enclaveKey = changes.enclaveKey ?? newEnclaveKey()
  const logKey = changes.logKey ?? newLogKey()
  const same = <T>(value: T): T => value

  const predicate = (changes.predicate ?? same)(makePredicate(logKey))
  const statement = (changes.statement ?? same)(makeStatement(crypto, predicate))
  const payload = canonicalBytes(statement as Canonical)
  const type = changes.payloadType ?? payloadType
  const envelope = await signEnvelope(crypto, type, payload, enclaveKey)
  const evidence = (changes.evidence ?? same)(await makeEvidence(enclaveKey, changes.claims))

  const time = toRfc3339(changes.time ?? loggedAt)
  const entries = Array.from({ length: 11 }, (_, at) => utf8(`another entry ${at}`))
  const index = 7
  entries[index] = encodeLogEntry(crypto, { envelope, evidence, time })
  const nodes = memoryLog(entries)
  const signer = changes.checkpointKey ?? logKey
  const head = (changes.checkpoint ?? same)({
    origin: logKey.key.name,
    size: entries.length,
    root: treeRoot(crypto, nodes, entries.length),
  })
  const checkpoint = await signNote(formatCheckpoint(head), signer.key, signer.sign)
  return makeReceipt({
    envelope,
    evidence,
    log: {
      origin: logKey.key.name,
      index,
      time,
      inclusion: inclusionProof(crypto, nodes, index, entries.length),
      checkpoint: (changes.note ?? same)(checkpoint),
    },
  })
}

export const makeTestFile = async (changes?: Changes) =>
  encodeReceipt(await makeTestReceipt(changes))

function memoryLog(entries: readonly Uint8Array[]): NodeSource {
  const stored = new Map<string, Uint8Array>()
  const nodes: NodeSource = (level, index) => stored.get(`${level}/${index}`) ?? new Uint8Array()
  entries.forEach((entry, at) => {
    for (const node of completedNodes(crypto, nodes, at, hashLeaf(crypto, entry))) {
      stored.set(`${node.level}/${node.index}`, node.hash)
    }
  })
  return nodes
}

/** A policy that accepts the test enclave and knows it to be simulated. */
export const policy: ReceiptPolicy = receiptPolicyDecoder({
  attestation: { simulated: true, measurements: { mrenclave: ['5a'.repeat(32)] } },
})
