// The example proof of artifacts/ as orders for an enclave, for tests.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Canonical, canonicalBytes, toBase64, toHex, utf8 } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { formatVkey, noteKey } from '@vorta/receipt/note'
import type { RunMessage } from '../protocol.ts'

const read = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(join(import.meta.dirname, '../../../artifacts', name)))

export type Files = {
  readonly verificationKey: Uint8Array
  readonly publicInputs: Uint8Array
  readonly proof: Uint8Array
}

export const exampleFiles: Files = {
  verificationKey: read('verification_key.json'),
  publicInputs: read('public.json'),
  proof: read('proof.bin'),
}

/** The number is off by two, so the proof does not hold. */
export const falseFiles: Files = {
  ...exampleFiles,
  publicInputs: utf8('["151059027439332767049977454450760542601"]'),
}

export const exampleLog = {
  origin: 'log.example.org/test',
  key: formatVkey(noteKey(nodeCrypto, 'log.example.org/test', new Uint8Array(32).fill(7))),
}

export const sha256 = (bytes: Uint8Array): string => toHex(nodeCrypto.sha256(bytes))

/** Canonical spec of a job over these files, with the members given put in. */
export const specOf = (files: Files, members: Readonly<Record<string, Canonical>> = {}) =>
  canonicalBytes({
    proof: {
      system: 'groth16',
      curve: 'bn254',
      encoding: 'snarkjs',
      verificationKey: `sha256:${sha256(files.verificationKey)}`,
      publicInputs: `sha256:${sha256(files.publicInputs)}`,
      proof: `sha256:${sha256(files.proof)}`,
    },
    resources: { epcBytes: '1048576', memoryBytes: '1048576' },
    ...members,
  })

export const artifactsOf = (...all: readonly Files[]): RunMessage['artifacts'] =>
  Object.fromEntries(
    all.flatMap(Object.values).map((bytes: Uint8Array) => [sha256(bytes), toBase64(bytes)]),
  )

export const orderOf = (uid: string, spec: Uint8Array): RunMessage['attempts'][number] => ({
  job: { uid, name: `jobs/${uid}` },
  attempt: { number: 1, token: '00112233445566778899aabbccddeeff' },
  spec: toBase64(spec),
})

/** A batch of the example proof, once for each uid. */
export const exampleRun = (...uids: readonly string[]): RunMessage => ({
  log: exampleLog,
  attempts: uids.map((uid) => orderOf(uid, specOf(exampleFiles))),
  artifacts: artifactsOf(exampleFiles),
})
