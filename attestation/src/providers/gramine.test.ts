import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { open, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { toHex } from '@vorta/core'
import { measurement, platform, quote, reportData, verify } from '../../test/fixture.ts'
import { openGramineProvider } from './gramine.ts'

const root = mkdtempSync(join(tmpdir(), 'vorta-gramine-'))
after(() => rmSync(root, { recursive: true, force: true }))

/** A folder of ordinary files, which is what /dev/attestation is to a program. */
function folderOf(files: Readonly<Record<string, string | Uint8Array>>): string {
  const folder = mkdtempSync(join(root, 'files-'))
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content)
  return folder
}

const zeroQuote = platform.quote({ measurement, reportData: new Uint8Array(64) })
const good = { attestation_type: 'dcap', user_report_data: '', quote: zeroQuote }

/**
 * Pipes that behave as Gramine's files do: a write replaces the whole report data, and a
 * quote is made when its file is opened. Whoever writes in two steps gets the second alone.
 */
async function liveFolder(requests: number) {
  const folder = mkdtempSync(join(root, 'live-'))
  writeFileSync(join(folder, 'attestation_type'), 'dcap')
  const asked = join(folder, 'user_report_data')
  const given = join(folder, 'quote')
  execFileSync('mkfifo', [asked, given])
  const seen: string[] = []
  const served = (async () => {
    for (let i = 0; i < requests; i++) {
      const pipe = await open(asked, 'r')
      const { bytesRead, buffer } = await pipe.read(new Uint8Array(64), 0, 64, null)
      const rest = await pipe.readFile()
      await pipe.close()
      const written = rest.length > 0 ? rest : buffer.subarray(0, bytesRead)
      const bound = new Uint8Array(64)
      bound.set(written.subarray(0, 64))
      seen.push(toHex(bound))
      await writeFile(given, platform.quote({ measurement, reportData: bound }))
    }
  })()
  return { folder, seen, served }
}

test('makes quotes that verify, one at a time however many are asked for', async () => {
  const { folder, seen, served } = await liveFolder(9)
  const provider = await openGramineProvider(folder)
  assert.equal(provider.measurement, toHex(measurement))
  assert.equal(provider.tee, 'simulated') // by the root that the quote names
  const asked = Array.from({ length: 8 }, (_, i) => new Uint8Array(64).fill(i + 1))
  const quotes = await Promise.all(asked.map((one) => provider.quote(one)))
  await served
  for (const [index, { quote }] of quotes.entries()) {
    assert.equal(toHex((await verify({ quote })).reportData), toHex(asked[index]!))
  }
  assert.deepEqual(seen, [new Uint8Array(64), ...asked].map(toHex)) // 64 bytes in one write
})

test('writes exactly the report data and changes no other file', async () => {
  const folder = folderOf(good)
  await openGramineProvider(folder)
  assert.equal(toHex(readFileSync(join(folder, 'user_report_data'))), '00'.repeat(64))
  assert.deepEqual(new Uint8Array(await readFile(join(folder, 'quote'))), zeroQuote)
})

test('goes on after a quote that failed', async () => {
  const folder = folderOf(good)
  const provider = await openGramineProvider(folder)
  await assert.rejects(provider.quote(reportData), { code: 'QUOTE_UNAVAILABLE' }) // the old quote
  writeFileSync(join(folder, 'quote'), quote)
  assert.deepEqual((await provider.quote(reportData)).quote, quote)
  await assert.rejects(provider.quote(reportData.subarray(1)), RangeError)
})

for (const [what, files, message] of [
  ['has no attestation', { ...good, attestation_type: 'none' }, /expected dcap, got none/],
  ['gives an empty quote', { ...good, quote: '' }, /no quote/],
  ['gives a quote over the limit', { ...good, quote: new Uint8Array(8193) }, /at most 8192/],
  ['gives a quote about something else', { ...good, quote }, /report data/],
  ['gives no quote', { attestation_type: 'dcap', user_report_data: '' }, /ENOENT/],
  ['takes no report data', { attestation_type: 'dcap', quote: zeroQuote }, /ENOENT/],
] as const) {
  test(`refuses a machine that ${what}`, async () => {
    await assert.rejects(openGramineProvider(folderOf(files)), (error) => {
      assert.ok(error instanceof Error && 'code' in error)
      assert.equal(error.code, 'QUOTE_UNAVAILABLE')
      assert.match(error.message, message)
      return true
    })
  })
}

test('says what is missing outside of an enclave', async () => {
  const folder = join(root, 'nowhere')
  mkdirSync(folder)
  await assert.rejects(openGramineProvider(folder), (error) => {
    assert.ok(error instanceof Error && 'hints' in error)
    assert.match(String(error.hints), /gramine-sgx/)
    return true
  })
})
