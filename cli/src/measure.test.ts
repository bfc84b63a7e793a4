import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { cli, folder, root } from '../test/io.ts'

const vectors = join(root, '../shared/vectors/gramine')
const skip = existsSync(vectors) ? false : 'the shared vectors are not on this machine'

const at = (...argv: string[]) => cli(argv, { cwd: vectors })
const files = (name: string, gramine = '1.9') => [
  '--manifest',
  `${name}/enclave.manifest.sgx`,
  '--libpal',
  'enclave-image.so',
  '--gramine',
  gramine,
]

type Signed = { readonly mr_enclave: string; readonly mr_signer: string }
const signed = (name: string): Signed =>
  JSON.parse(readFileSync(join(vectors, name, 'sigstruct.json'), 'utf8'))

test('measures an enclave, and warns of what its manifest allows', { skip }, async () => {
  const { code, out, err } = await at('measure', ...files('debug'), '-o', 'json')
  assert.equal(code, 0)
  assert.equal(err, '')
  const measured = JSON.parse(out)
  assert.equal(measured.mrenclave, signed('debug').mr_enclave)
  assert.deepEqual([measured.enclaveSize, measured.maxThreads, measured.edmm], [2 ** 28, 4, false])
  assert.deepEqual(
    measured.warnings.map(({ key }: { key: string }) => key),
    ['sgx.debug'],
  )
  const text = await at('measure', ...files('debug'))
  assert.match(text.out, new RegExp(`^MRENCLAVE +${measured.mrenclave}$`, 'm'))
  assert.match(text.err, /^warning: sgx\.debug: /)
})

test('names what cannot be measured, and exits with 5', { skip }, async () => {
  const unknown = await at('measure', ...files('small', '1.8'))
  assert.equal(unknown.code, 5)
  assert.match(unknown.err, /^error: Gramine version: expected 1\.9, got "1\.8"\nhint: /)
  const pinned = await at('measure', ...files('small'), '--libpal-sha256', 'AB'.repeat(32))
  assert.equal(pinned.code, 5)
  assert.match(pinned.err, /docs\/errors\.md#libpal_mismatch/)
})

test('asks for what it needs', async () => {
  const { code, err } = await cli(['measure', '--gramine', '1.9'])
  assert.equal(code, 2)
  assert.match(err, /^error: option --manifest is missing/)
  assert.equal((await cli(['measure', '--gramine', '1.9', '--libpal-sha256', 'ab'])).code, 2)
})

test('shows every field of a SIGSTRUCT', { skip }, async () => {
  const { code, out } = await at('sigstruct', 'view', 'small/enclave.sig', '--json')
  assert.equal(code, 0)
  const view = JSON.parse(out)
  assert.equal(view.verified, false)
  assert.equal(view.mrenclave, signed('small').mr_enclave)
  assert.equal(view.mrsigner, signed('small').mr_signer)
  assert.deepEqual([view.isvProdId, view.isvSvn, view.debug], [7, 3, false])
  assert.equal(view.attributes.flags, '0x4')
  assert.equal(view.attributes.mode64, true)
  assert.match((await at('sigstruct', 'view', 'small/enclave.sig')).out, /UNVERIFIED/)
})

test('verifies a SIGSTRUCT against the files of its enclave', { skip }, async () => {
  for (const name of ['small', 'edmm', 'debug', 'threads', 'long']) {
    const sig = `${name}/enclave.sig`
    const { code, out } = await at('sigstruct', 'verify', sig, ...files(name), '-o', 'json')
    assert.equal(code, 0, out)
    const { outcome, rejectCode, mrenclave } = JSON.parse(out)
    assert.deepEqual([outcome, rejectCode], ['verified', null])
    assert.equal(mrenclave, signed(name).mr_enclave)
  }
  const { mr_enclave, mr_signer } = signed('small')
  const named = ['--mrenclave', mr_enclave.toUpperCase(), '--mrsigner', mr_signer]
  const { code, out } = await at('sigstruct', 'verify', 'small/enclave.sig', ...named)
  assert.equal(code, 0)
  assert.match(out, /^compared +mrenclave, mrsigner$/m)
})

test('refuses a SIGSTRUCT of another enclave, and a forged one', { skip }, async () => {
  const other = await at('sigstruct', 'verify', 'small/enclave.sig', ...files('debug'), '--json')
  assert.equal(other.code, 5)
  assert.equal(JSON.parse(other.out).rejectCode, 'SIGSTRUCT_MISMATCH')
  assert.equal(other.err, 'docs: docs/errors.md#sigstruct_mismatch\n')

  const forged = new Uint8Array(readFileSync(join(vectors, 'small/enclave.sig')))
  forged[1026]! ^= 1
  const cwd = folder()
  writeFileSync(join(cwd, 'forged.sig'), forged)
  const { code, out } = await cli(['sigstruct', 'verify', 'forged.sig'], { cwd })
  assert.equal(code, 5)
  assert.match(out, /^✗ REJECTED SIGSTRUCT_SIGNATURE: /)
  writeFileSync(join(cwd, 'short.sig'), forged.subarray(1))
  assert.equal((await cli(['sigstruct', 'view', 'short.sig'], { cwd })).code, 5)
})

test('takes one measurement to compare with, not two', { skip }, async () => {
  const both = ['--mrenclave', signed('small').mr_enclave, ...files('small')]
  assert.equal((await at('sigstruct', 'verify', 'small/enclave.sig', ...both)).code, 2)
})
