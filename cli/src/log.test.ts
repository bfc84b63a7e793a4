import assert from 'node:assert/strict'
import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { utf8 } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import {
  completedNodes,
  consistencyProof,
  formatCheckpoint,
  formatVkey,
  hashLeaf,
  type NodeSource,
  signNote,
  treeRoot,
} from '@vorta/receipt'
import { type LogKey, newLogKey } from '../../receipt/test/make-receipt.ts'
import { cli, folder } from '../test/io.ts'
import { type Mainframe, startMainframe, token } from '../test/mainframe.ts'

/** A log over these entries; the server shows it at any size. */
function makeLog(entries: readonly string[]) {
  const stored = new Map<string, Uint8Array>()
  const nodes: NodeSource = (level, index) => stored.get(`${level}/${index}`) ?? new Uint8Array()
  entries.forEach((entry, at) => {
    for (const node of completedNodes(nodeCrypto, nodes, at, hashLeaf(nodeCrypto, utf8(entry)))) {
      stored.set(`${node.level}/${node.index}`, node.hash)
    }
  })
  return nodes
}

const entries = Array.from({ length: 20 }, (_, at) => `entry ${at}`)
const honest = makeLog(entries)
const forged = makeLog(entries.map((entry, at) => (at === 3 ? 'another past' : entry)))

let mainframe: Mainframe
let key: LogKey
let state: string
const cwd = folder()

beforeEach(async () => {
  mainframe = await startMainframe()
  key = newLogKey()
  state = folder()
})
afterEach(() => mainframe.close())

async function show(nodes: NodeSource, size: number, by = key): Promise<string> {
  const head = { origin: by.key.name, size, root: treeRoot(nodeCrypto, nodes, size) }
  const checkpoint = await signNote(formatCheckpoint(head), by.key, by.sign)
  const proof = (from: number, to: number) => [...consistencyProof(nodeCrypto, nodes, from, to)]
  mainframe.log = { checkpoint, key: formatVkey(by.key), proof }
  return checkpoint
}

const verify = (...more: string[]) =>
  cli(['log', 'verify', '--endpoint', mainframe.url, ...more], {
    cwd,
    env: { VORTA_TOKEN: token, XDG_STATE_HOME: state },
  })

test('remembers what it saw, and accepts a log that only grew', async () => {
  await show(honest, 5)
  const first = await verify('-o', 'json')
  assert.equal(first.code, 0)
  assert.match(first.err, /^warning: first time here: the key is only the server's word/)
  const keys = ['outcome', 'origin', 'size', 'root', 'key', 'keyPinned', 'comparedWith']
  assert.deepEqual(Object.keys(JSON.parse(first.out)), keys)
  for (const size of [5, 6, 8, 13, 20]) {
    await show(honest, size)
    const { code, out, err } = await verify()
    assert.equal(code, 0, err)
    assert.match(out, new RegExp(`^size +${size}$`, 'm'))
    assert.match(out, /^grew from +the one seen last time$/m)
  }
})

for (const [name, size] of [
  ['rewrote its past', 20],
  ['shows another tree of the same size', 9],
  ['lost entries', 4],
] as const) {
  test(`refuses a log that ${name}, and goes on refusing it`, async () => {
    await show(honest, 9)
    await verify()
    await show(forged, size)
    for (let attempt = 0; attempt < 2; attempt++) {
      const { code, out, err } = await verify()
      assert.equal(code, 5)
      assert.equal(out, '')
      assert.match(err, /^hint: if this log was set up anew on purpose, remove .*\.json$/m)
      assert.match(err, /docs\/errors\.md#consistency_mismatch/)
    }
  })
}

test('refuses another key than the one seen last time or pinned', async () => {
  await show(honest, 5)
  await verify()
  await show(honest, 6, newLogKey())
  const changed = await verify()
  assert.equal(changed.code, 5)
  assert.match(changed.err, /^error: log key: expected .* \(seen last time\), got /)

  rmSync(state, { recursive: true })
  const pinned = await verify('--log-key', formatVkey(key.key))
  assert.equal(pinned.code, 5)
  assert.match(pinned.err, /\(pinned\)/)
  assert.equal((await verify('--log-key', 'nonsense')).code, 2)
})

test('refuses a checkpoint that another key signed', async () => {
  await show(honest, 5, newLogKey())
  mainframe.log.key = formatVkey(key.key)
  const { code, err } = await verify('--log-key', formatVkey(key.key))
  assert.equal(code, 5)
  assert.match(err, /CHECKPOINT_KEY|checkpoint_key/)
  assert.throws(() => readdirSync(join(state, 'vorta/logs')), 'remembers nothing of it')
})

test('compares with an older checkpoint from a file', async () => {
  writeFileSync(join(cwd, 'old.txt'), await show(honest, 7))
  writeFileSync(join(cwd, 'forged.txt'), await show(forged, 7))
  await show(honest, 20)
  const { code, out } = await verify('--checkpoint', 'old.txt')
  assert.equal(code, 0)
  assert.match(out, /^grew from +old\.txt$/m)
  assert.equal((await verify('--checkpoint', 'forged.txt')).code, 5)
  assert.equal((await verify('--checkpoint', 'none.txt')).code, 6)
})

test('fetches the checkpoint as it is', async () => {
  const checkpoint = await show(honest, 3)
  const argv = ['log', 'checkpoint', '--endpoint', mainframe.url]
  const { code, out } = await cli(argv, { env: { VORTA_TOKEN: token } })
  assert.equal(code, 0)
  assert.equal(out, checkpoint)
})
