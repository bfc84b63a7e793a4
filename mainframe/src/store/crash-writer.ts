// The process that sqlite.test.ts kills: commits as fast as it can and prints
// what was acknowledged, one line each, `job <uid>` or `log <index>`.
// Arguments: folder, number of this round.

import { writeSync } from 'node:fs'
import { appendLog, createJob, jobRecord } from './conformance/fixtures.ts'
import { openSqliteStore } from './sqlite.ts'

const [folder = '', round = '0'] = process.argv.slice(2)
const store = await openSqliteStore(folder)
// Each round lies an hour after the one before, so the lease of the dead has run out.
const { epoch } = await store.lead({
  holder: `round ${round}`,
  ttlMs: 2_000,
  now: Number(round) * 3_600_000,
})
let size = (await store.checkpoint())?.size ?? 0
let next = Number(round) * 100_000

for (;;) {
  const first = next
  next += 16
  const jobs = Array.from({ length: 16 }, async (_, offset) => {
    const job = jobRecord(first + offset)
    await store.commit(null, [createJob(job)])
    writeSync(1, `job ${job.uid}\n`)
  })
  const withAppend = createJob(jobRecord(first + 50_000, { priority: 1 }))
  await store.commit(epoch, [appendLog(size, size + 2), withAppend])
  writeSync(1, `log ${size + 1}\n`)
  size += 2
  await Promise.all(jobs)
}
