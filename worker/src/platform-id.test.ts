import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { loadPlatformId } from './platform-id.ts'

test('the platform id is made once, and a spoilt one is not replaced in silence', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'vorta-platform-'))
  try {
    const id = await loadPlatformId(folder)
    assert.match(id, /^[0-9a-f]{32}$/)
    assert.equal(await loadPlatformId(folder), id)
    assert.equal((await readFile(join(folder, 'platform-id'), 'utf8')).trim(), id)
    await writeFile(join(folder, 'platform-id'), 'spoilt')
    await assert.rejects(loadPlatformId(folder), { code: 'CONFIG_INVALID' })
  } finally {
    await rm(folder, { recursive: true })
  }
})
