// A thread of crypto-threads.ts: verifies what it is sent, in order.

import { parentPort, workerData } from 'node:worker_threads'
import { p256Verifier } from './crypto-node.ts'
import { type ThreadOptions, unpackTasks } from './p256-tasks.ts'

const { maxKeys } = workerData as ThreadOptions
const verify = p256Verifier(maxKeys)

parentPort?.on('message', (packed: Uint8Array) => {
  const tasks = unpackTasks(packed)
  parentPort?.postMessage(
    Uint8Array.from(tasks, ({ key, data, signature }) => (verify(key, data, signature) ? 1 : 0)),
  )
})
