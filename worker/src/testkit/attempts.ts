// The example proof as attempts on the wire, for tests.

import { create } from '@bufbuild/protobuf'
import { type Attempt, AttemptSchema, type AttemptUpdate } from '@vorta/api'
import { concat } from '@vorta/core'
import type { RunMessage } from '@vorta/enclave'
import { exampleFiles, type Files, sha256, specOf } from '@vorta/enclave/testkit/example'
import type { Peer } from './mainframe.ts'

/** The same proof in other bytes: new to every cache. */
export const spelledAnew = (files: Files): Files => ({
  ...files,
  proof: concat(files.proof, new Uint8Array(++spellings).fill(0x20)),
})
let spellings = 0

export const digestsOf = (files: Files): string[] =>
  Object.values(files).map((bytes) => `sha256:${sha256(bytes)}`)

export const inlineOf = (files: Files) =>
  Object.values(files).map((data) => ({ digest: `sha256:${sha256(data)}`, data }))

export const attemptOf = (uid: string, files: Files = exampleFiles): Attempt =>
  create(AttemptSchema, {
    jobUid: uid,
    job: `jobs/${uid}`,
    number: 1,
    token: new Uint8Array(16).fill(1),
    spec: specOf(files),
    artifacts: digestsOf(files),
  })

export const attempts = (count: number): Attempt[] =>
  Array.from({ length: count }, (_, index) => attemptOf(`j${index}`))

export type Batch = {
  readonly attempts: Attempt[]
  readonly log: RunMessage['log']
  readonly inline?: { digest: string; data: Uint8Array }[]
}

/** Runs a batch to its end; the updates of each job in order. `onUpdate` hears of each as it comes. */
export async function execute(
  peer: Peer,
  batch: Batch,
  onUpdate: (update: AttemptUpdate) => void = () => {},
): Promise<Map<string, AttemptUpdate['update'][]>> {
  const told = new Map<string, AttemptUpdate['update'][]>()
  for await (const { updates } of peer.client.execute(batch)) {
    for (const update of updates) {
      told.set(update.jobUid, [...(told.get(update.jobUid) ?? []), update.update])
      onUpdate(update)
    }
  }
  return told
}

/** Code of the failure that ended a job; undefined where it ended with a result. */
export function failureCode(updates: AttemptUpdate['update'][] | undefined): string | undefined {
  const last = updates?.at(-1)
  return last?.case === 'failure' ? last.value.code : undefined
}
