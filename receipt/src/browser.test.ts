import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import vm from 'node:vm'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { anchors, loggedAt, makeTestFile, policy } from '../test/make-receipt.ts'
import type { Appraisal, AppraisalOptions } from './appraise.ts'

const entry = `
  import { appraiseReceipt } from './index.ts'
  import { webCrypto } from '@vorta/core/crypto-web'
  globalThis.appraise = (file, options) => appraiseReceipt(webCrypto, file, options)
`

/** The globals of a web page that verification needs, and none of Node's. */
const webGlobals = () => ({
  crypto: globalThis.crypto,
  TextEncoder,
  TextDecoder,
  Uint8Array,
  atob,
  btoa,
  URL,
})

test('verifies in a browser bundle as it does in Node', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'vorta-receipt-'))
  context.after(() => rmSync(folder, { recursive: true }))
  const outfile = join(folder, 'receipt.js')
  // platform "browser" knows no node: imports, so one anywhere fails the build.
  await build({
    stdin: { contents: entry, resolveDir: import.meta.dirname, loader: 'ts' },
    bundle: true,
    minify: true,
    platform: 'browser',
    format: 'esm',
    outfile,
    logLevel: 'silent',
  })
  const source = readFileSync(outfile, 'utf8')
  const gzipped = gzipSync(source).length
  context.diagnostic(`bundle: ${source.length} bytes, ${gzipped} gzipped`)

  const globals: Record<string, unknown> = webGlobals()
  const page = vm.createContext(globals)
  vm.runInContext(source, page)
  const appraise = globals.appraise as (
    file: Uint8Array,
    options: AppraisalOptions,
  ) => Promise<Appraisal>

  const file = await makeTestFile()
  const options = { anchors, policy, now: loggedAt + 60_000 }
  const appraisal = await appraise(file, options)
  assert.equal(appraisal.accepted, true)
  assert.equal(appraisal.simulated, true)
  assert.equal(appraisal.facts?.log.index, 7)

  for (const share of [0.1, 0.25, 0.5, 0.75, 0.9, 0.99]) {
    const at = Math.floor(file.length * share)
    const changed = file.with(at, (file[at] ?? 0) ^ 1)
    const { accepted, asOfLogged } = await appraise(changed, options)
    assert.equal(accepted, false)
    assert.match(asOfLogged.code ?? '', /^[A-Z][A-Z0-9_]+$/)
    assert.notEqual(asOfLogged.code, 'INTERNAL')
  }
})
