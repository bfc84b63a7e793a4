import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { createJob, jobRecord } from './conformance/fixtures.ts'
import { testStore } from './conformance.ts'
import { openSqliteStore } from './sqlite.ts'
import { openDatabase } from './sqlite-database.ts'
import { jobConditions } from './sqlite-queries.ts'

const newFolder = () => mkdtemp(join(tmpdir(), 'vorta-store-'))
const remove = (folder: string) => rm(folder, { recursive: true, force: true })

testStore('sqlite', async () => {
  const folder = await newFolder()
  return { open: () => openSqliteStore(folder), remove: () => remove(folder) }
})

test('opens a store in memory that is empty each time', async () => {
  for (const _ of [1, 2]) {
    const store = await openSqliteStore(':memory:')
    const { epoch } = await store.lead({ holder: 'a', ttlMs: 1, now: 0 })
    assert.equal(epoch, 1)
    await store.close()
    await store.close()
  }
})

test('opens the database so that a commit survives a power cut', async (t) => {
  const folder = await newFolder()
  t.after(() => remove(folder))
  const db = openDatabase(folder)
  const pragma = (name: string) => Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0]
  assert.equal(pragma('journal_mode'), 'wal')
  assert.equal(pragma('synchronous'), 2) // FULL
  assert.equal(pragma('fullfsync'), 1)
  assert.equal(pragma('wal_autocheckpoint'), 4_000)
  db.close()
})

test('uses an index for every list of jobs', async (t) => {
  const db = openDatabase(':memory:')
  t.after(() => db.close())
  const plan = (where: string) =>
    db
      .prepare(`EXPLAIN QUERY PLAN SELECT record FROM jobs WHERE ${where} ORDER BY uid DESC`)
      .all()
      .map(({ detail }) => detail)
      .join('; ')
  const ended = jobConditions({ state: 'FAILED' }, 'j').where
  assert.match(plan(ended), /^SEARCH jobs USING INDEX jobs_ended \(state=\? AND uid<\?\)$/)
  const live = jobConditions({ state: 'RUNNING' }, undefined).where
  assert.match(plan(live), /USING INDEX jobs_live$/)
  const worker = jobConditions({ worker: 'w' }, 'j').where
  assert.match(plan(worker), /USING INDEX jobs_by_worker \(worker=\? AND uid<\?\)$/)
  const verdict = jobConditions({ verdict: 'invalid' }, undefined).where
  assert.match(plan(verdict), /USING INDEX jobs_by_verdict \(verdict=\?\)$/)
})

test('refuses a folder that a newer version wrote, and a file that is no database', async (t) => {
  const folder = await newFolder()
  t.after(() => remove(folder))
  await (await openSqliteStore(folder)).close()
  const db = new DatabaseSync(join(folder, 'vorta.db'))
  db.exec('INSERT INTO schema_version VALUES (999)')
  db.close()
  await assert.rejects(openSqliteStore(folder), { code: 'CONFIG_INVALID' })
  await writeFile(join(folder, 'vorta.db'), 'x'.repeat(8_192))
  await assert.rejects(openSqliteStore(folder), { code: 'INTERNAL' })
})

test('rejects a call that SQLite cannot take without harm to its group', async (t) => {
  const store = await openSqliteStore(':memory:')
  t.after(() => store.close())
  const broken = { ...createJob(jobRecord(2)), spec: 'text' as unknown as Uint8Array }
  const [before, fault, after] = await Promise.allSettled([
    store.commit(null, [createJob(jobRecord(1))]),
    store.commit(null, [createJob(jobRecord(3)), broken]),
    store.commit(null, [createJob(jobRecord(4))]),
  ])
  assert.equal(before.status, 'fulfilled')
  assert.equal(fault.status === 'rejected' && fault.reason.code, 'INTERNAL')
  assert.ok(after.status === 'fulfilled')
  assert.equal(after.value.events[0]?.sequence, 2)
  assert.equal(await store.job('job-3'), undefined)
})

test('loses nothing acknowledged when the process is killed', async (t) => {
  const seed = Math.floor(Math.random() * 2 ** 31)
  t.diagnostic(`seed ${seed}`)
  const folder = await newFolder()
  t.after(() => remove(folder))
  const acknowledged = new Set<string>()
  let lastIndex = -1
  for (let round = 0; round < 5; round++) {
    // Park and Miller's generator: enough to choose when to kill.
    const acks = 1 + (((seed + round * 7_919) * 48_271) % 3_000)
    for (const line of await runUntilKilled(folder, round, acks)) {
      const [kind, value = ''] = line.split(' ')
      if (kind === 'job') acknowledged.add(value)
      else lastIndex = Number(value)
    }
    await checkAll(folder, acknowledged, lastIndex)
  }
  assert.ok(acknowledged.size > 0 && lastIndex > 0)
  t.diagnostic(`${acknowledged.size} jobs and ${lastIndex + 1} log entries, none lost`)
})

/** Complete lines that the writer printed before SIGKILL struck it. */
async function runUntilKilled(folder: string, round: number, acks: number): Promise<string[]> {
  const script = join(import.meta.dirname, 'crash-writer.ts')
  const child = spawn(process.execPath, [script, folder, String(round)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  let lines = 0
  for await (const chunk of child.stdout.setEncoding('utf8')) {
    output += chunk
    lines += chunk.split('\n').length - 1
    if (lines >= acks) child.kill('SIGKILL')
  }
  assert.equal(child.signalCode ?? (await once(child, 'exit'))[1], 'SIGKILL')
  return output.split('\n').slice(0, -1)
}

async function checkAll(folder: string, uids: ReadonlySet<string>, index: number): Promise<void> {
  const store = await openSqliteStore(folder)
  try {
    for (const uid of uids) assert.ok(await store.jobByUid(uid), `job ${uid} is lost`)
    const size = (await store.checkpoint())?.size ?? 0
    assert.ok(size > index, `log: entry ${index} was acknowledged, the size is ${size}`)
    const entries = await store.logEntries(0, Number.MAX_SAFE_INTEGER)
    assert.deepEqual(
      entries.map((entry) => entry.index),
      Array.from({ length: size }, (_, position) => position),
    )
    // Each append of two entries came with one job, in one commit.
    let withAppend = 0
    for await (const { job } of store.load()) if (job.priority === 1) withAppend++
    assert.equal(withAppend, size / 2)
    assert.equal((await store.logNodes(0, 0, Number.MAX_SAFE_INTEGER)).length, size)
  } finally {
    await store.close()
  }
}
