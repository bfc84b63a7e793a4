import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { concat, toHex, utf8, VortaError } from '@vorta/core'
import fc from 'fast-check'
import { readImage } from './elf.ts'
import { type Area, layOut } from './layout.ts'
import { readManifest } from './manifest.ts'
import { measureGramine } from './measure.ts'
import { sigstructBody } from './sigstruct-body.ts'
import { constantsOf, pageSize } from './versions.ts'

/** A program header of an ELF file. */
type Header = {
  readonly type?: number
  readonly flags?: number
  readonly offset: number
  readonly address?: number
  readonly fileSize: number
  readonly memorySize?: number
}

/** An ELF shared object with these program headers and 16 KiB of bytes to load. */
function elf(headers: readonly Header[], entry = 0x1000): Uint8Array {
  const bytes = new Uint8Array(4 * pageSize).map((_, index) => (index * 7) % 251)
  const view = new DataView(bytes.buffer)
  const u64 = (at: number, value: number) => view.setBigUint64(at, BigInt(value), true)
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1])
  view.setUint16(16, 3, true)
  view.setUint16(18, 62, true)
  u64(24, entry)
  u64(32, 64)
  view.setUint16(54, 56, true)
  view.setUint16(56, headers.length, true)
  for (const [index, header] of headers.entries()) {
    const at = 64 + 56 * index
    view.setUint32(at, header.type ?? 1, true)
    view.setUint32(at + 4, header.flags ?? 4, true)
    u64(at + 8, header.offset)
    u64(at + 16, header.address ?? header.offset)
    u64(at + 32, header.fileSize)
    u64(at + 40, header.memorySize ?? header.fileSize)
  }
  return bytes
}

const headers: readonly Header[] = [
  { offset: 0, fileSize: 0x300 },
  { type: 6, offset: 64, fileSize: 56 },
  { offset: 0x1000, fileSize: 0x800, flags: 5 },
  { offset: 0x2f50, address: 0x3f50, fileSize: 0xb0, memorySize: 0x2100, flags: 6 },
]
const libpal = elf(headers)

const toml = (lines: Readonly<Record<string, string>> = {}, more = ''): Uint8Array =>
  utf8(
    `[sgx]\n${Object.entries({ enclave_size: '"2M"', max_threads: '2', ...lines })
      .map(([key, value]) => `${key} = ${value}\n`)
      .join('')}${more}`,
  )

const measure = (manifest: Uint8Array, image = libpal) =>
  measureGramine({ manifest, libpal: image, gramine: '1.9' })

const codeOf = async (manifest: Uint8Array, image?: Uint8Array): Promise<string> => {
  try {
    await measure(manifest, image)
    return 'measured'
  } catch (thrown) {
    assert.ok(thrown instanceof VortaError && thrown.code !== 'INTERNAL', String(thrown))
    return thrown.code
  }
}

const areasOf = (manifest: Uint8Array): readonly Area[] =>
  layOut(constantsOf('1.9'), readManifest(manifest), manifest, readImage(libpal))

/** The records one by one, as the description of the instructions has them. */
function recordByRecord(enclaveSize: number, areas: readonly Area[]): string {
  const hash = createHash('sha256')
  const record = (tag: string, fields: (view: DataView) => void) => {
    const bytes = new Uint8Array(64)
    bytes.set(utf8(tag))
    fields(new DataView(bytes.buffer))
    hash.update(bytes)
  }
  record('ECREATE', (view) => {
    view.setUint32(8, 4, true)
    view.setBigUint64(12, BigInt(enclaveSize), true)
  })
  for (const { start, end, flags, content = new Uint8Array(), measured } of areas) {
    const padded = concat(content, new Uint8Array(end - start - content.length))
    for (let page = start; page < end; page += pageSize) {
      record('EADD', (view) => {
        view.setBigUint64(8, BigInt(page), true)
        view.setBigUint64(16, BigInt(flags), true)
      })
      for (let chunk = page; measured && chunk < page + pageSize; chunk += 256) {
        record('EEXTEND', (view) => view.setBigUint64(8, BigInt(chunk), true))
        hash.update(padded.subarray(chunk - start, chunk - start + 256))
      }
    }
  }
  return hash.digest('hex')
}

test('hashes in blocks what the instructions hash record by record', async () => {
  for (const [manifest, size] of [
    [toml(), 2 ** 21],
    [toml({ enclave_size: '"128M"' }), 2 ** 27],
    [toml({ enclave_size: '"65536G"', edmm_enable: 'true' }), 2 ** 46],
  ] as const) {
    const { mrenclave } = await measure(manifest)
    assert.equal(mrenclave, recordByRecord(size, areasOf(manifest)))
  }
})

test('fills the enclave without a gap, and the heap only without EDMM', () => {
  const areas = areasOf(toml())
  const sorted = areas.toSorted((a, b) => a.start - b.start)
  assert.deepEqual([sorted[0]!.name, sorted[0]!.start], ['free', 0x10000])
  assert.equal(sorted.at(-1)!.end, 2 ** 21)
  for (const [index, { end }] of sorted.slice(0, -1).entries()) {
    // The image may have holes between its segments.
    if (sorted[index + 1]!.name !== 'image') assert.equal(end, sorted[index + 1]!.start)
  }
  const edmm = areasOf(toml({ edmm_enable: 'true' }))
  assert.equal(edmm.length, areas.length - 1)
  assert.ok(edmm.every(({ measured }) => measured))
})

test('puts the bytes of a segment where the file has them within its first page', () => {
  const data = readImage(libpal).segments[2]!
  assert.deepEqual([data.start, data.end], [0x3000, 0x7000])
  assert.deepEqual([data.readable, data.writable, data.executable], [true, true, false])
  assert.equal(
    toHex(data.content),
    toHex(concat(new Uint8Array(0xf50), libpal.slice(0x2f50, 0x3000))),
  )
})

test('changes with every byte of the manifest and of the image', async () => {
  const base = await measure(toml())
  const other = await measure(concat(toml(), utf8('\n')))
  assert.notEqual(other.mrenclave, base.mrenclave)
  const image = new Uint8Array(libpal)
  image[0x1234]! ^= 1
  assert.notEqual((await measure(toml(), image)).mrenclave, base.mrenclave)
})

test('refuses a version of Gramine that it does not know', async () => {
  for (const gramine of ['1.8', '2.0', '', '__proto__', 'constructor']) {
    await assert.rejects(
      measureGramine({ manifest: toml(), libpal, gramine }),
      (error: VortaError) => {
        assert.equal(error.code, 'GRAMINE_VERSION_UNKNOWN')
        return error.message.includes('1.9') && error.hints.length > 0
      },
    )
  }
})

test('holds the image to the digest that was pinned', async () => {
  const { libpalSha256 } = await measure(toml())
  const enclave = { manifest: toml(), libpal, gramine: '1.9' }
  assert.equal((await measureGramine({ ...enclave, libpalSha256 })).libpalSha256, libpalSha256)
  await assert.rejects(measureGramine({ ...enclave, libpalSha256: '00'.repeat(32) }), {
    code: 'LIBPAL_MISMATCH',
  })
})

for (const [what, manifest] of Object.entries({
  'that is not TOML': utf8('sgx = {'),
  'that is not UTF-8': Uint8Array.of(0xff, 0xfe),
  'without sgx': utf8('a = 1'),
  'with a size that is no power of two': toml({ enclave_size: '"300M"' }),
  'with a size of another form': toml({ enclave_size: '"256m"' }),
  'with a size that is a number': toml({ enclave_size: '268435456' }),
  'with a size beyond the address space': toml({ enclave_size: '"131072G"' }),
  'with a size of zero': toml({ enclave_size: '"0"' }),
  'with no threads': toml({ max_threads: '0' }),
  'with too many threads': toml({ max_threads: '1025' }),
  'with half a thread': toml({ max_threads: '1.5' }),
  'with a thread too large for a number': toml({ max_threads: '9223372036854775807' }),
  'with a product id of 17 bits': toml({ isvprodid: '65536' }),
  'with a negative SVN': toml({ isvsvn: '-1' }),
  'with EPID attestation': toml({ remote_attestation: '"epid"' }),
  'with debug as text': toml({ debug: '"false"' }),
  'with an unknown CPU feature': toml({}, '[sgx.cpu_features]\nsse = "required"'),
  'with hardening left open': toml({}, '[sgx.cpu_features]\npkru = "unspecified"'),
  'with a trusted file without hash': toml({ trusted_files: '["file:a"]' }),
  'nested without end': utf8(`${'a = '.padEnd(5000, '[')}`),
  'nested by dots': toml({}, `[x]\n${'a.'.repeat(50_000)}a = 1`),
  'of 5 MB': toml({}, '#'.repeat(5 * 2 ** 20)),
})) {
  test(`refuses a manifest ${what}`, async () => {
    assert.equal(await codeOf(manifest), 'MANIFEST_INVALID')
  })
}

test('refuses an enclave that is too small, or too large without EDMM', async () => {
  assert.equal(await codeOf(toml({ enclave_size: '"512K"' })), 'ENCLAVE_TOO_SMALL')
  assert.equal(await codeOf(toml({ max_threads: '6' })), 'ENCLAVE_TOO_SMALL')
  assert.equal(await codeOf(toml({ enclave_size: '"512G"' })), 'ENCLAVE_TOO_LARGE')
  assert.equal(await codeOf(toml({ enclave_size: '"512G"', edmm_enable: 'true' })), 'measured')
})

for (const [what, image] of Object.entries({
  'that is empty': new Uint8Array(),
  'that is cut off': libpal.slice(0, 0x2000),
  'of 32 bits': libpal.with(4, 1),
  'in big-endian order': libpal.with(5, 2),
  'that is an executable at a fixed address': libpal.with(16, 2),
  'for another machine': libpal.with(18, 183),
  'without segments': elf([]),
  'with 65 program headers': elf(Array.from({ length: 65 }, () => ({ offset: 0, fileSize: 0 }))),
  'whose first segment is not at 0': elf([{ offset: 0x1000, fileSize: 16, flags: 5 }]),
  'whose segments share a page': elf([...headers.slice(0, 3), { offset: 0x1800, fileSize: 16 }]),
  'whose segments go down': elf([headers[0]!, headers[3]!, headers[2]!]),
  'whose segment is larger in the file': elf([
    { offset: 0, fileSize: 0x2000, memorySize: 1, flags: 5 },
  ]),
  'whose segment ends beyond the file': elf([{ offset: 0, fileSize: 0x9000, flags: 5 }]),
  'whose segment fills the memory': elf([
    { offset: 0, fileSize: 1, memorySize: 2 ** 40, flags: 5 },
  ]),
  'whose segment is not aligned': elf([{ offset: 0x10, address: 0, fileSize: 0x2000, flags: 5 }]),
  'whose entry point is data': elf(headers, 0x3000),
})) {
  test(`refuses an image ${what}`, async () => {
    assert.equal(await codeOf(toml(), image), 'LIBPAL_INVALID')
  })
}

test('copies no more of an image than an enclave holds, however often it names the same bytes', () => {
  const size = 4 * 2 ** 20
  const image = concat(
    elf(Array.from({ length: 64 }, () => ({ offset: 0, fileSize: size, flags: 5 }))),
    new Uint8Array(size),
  )
  const before = process.memoryUsage().arrayBuffers
  assert.throws(() => readImage(image), { code: 'LIBPAL_INVALID' })
  const copied = process.memoryUsage().arrayBuffers - before
  assert.ok(copied < 16 * 2 ** 20, `${copied} bytes`)
})

test('gives a measurement or a code for 10,000 mutations', async () => {
  const manifest = toml({ edmm_enable: 'true', max_threads: '1' })
  const values = [0, 1, 0x7f, 0x80, 0xff]
  const mutations = fc.array(fc.tuple(fc.nat(), fc.constantFrom(...values)), {
    minLength: 1,
    maxLength: 4,
  })
  const mutated = (
    bytes: Uint8Array,
    changes: readonly (readonly [number, number])[],
    span: number,
  ) => {
    const copy = new Uint8Array(bytes)
    for (const [at, value] of changes) copy[at % span] = value
    return copy
  }
  const outcomes = new Set<string>()
  await fc.assert(
    fc.asyncProperty(mutations, mutations, async (ofManifest, ofImage) => {
      const image = mutated(libpal, ofImage, 64 + 56 * headers.length)
      outcomes.add(await codeOf(manifest, image))
      outcomes.add(await codeOf(mutated(manifest, ofManifest, manifest.length)))
    }),
    { numRuns: 5000 },
  )
  assert.ok(outcomes.has('LIBPAL_INVALID') && outcomes.has('MANIFEST_INVALID'))
})

test('leaves the event loop free while it hashes a large enclave', async () => {
  let turns = 0
  const timer = setInterval(() => turns++, 1)
  await measure(toml({ enclave_size: '"8G"' }))
  clearInterval(timer)
  assert.ok(turns > 5, `${turns} turns`)
})

test('warns of what a production policy should refuse', async () => {
  const { warnings } = await measure(
    toml(
      { debug: 'true', allowed_files: '["file:/tmp/"]', file_check_policy: '"allow_all_but_log"' },
      `[loader]\ninsecure__use_cmdline_argv = true\ninsecure__disable_aslr = false
[loader.env]\nHOME = { passthrough = true }\nLANG = "C"\n[fs.insecure__keys]\ndefault = "00"`,
    ),
  )
  assert.deepEqual(
    warnings.map(({ key }) => key),
    [
      'sgx.debug',
      'sgx.remote_attestation',
      'sgx.allowed_files',
      'sgx.file_check_policy',
      'loader.env.HOME',
      'loader.insecure__use_cmdline_argv',
      'fs.insecure__keys',
    ],
  )
  const { warnings: none } = await measure(toml({ remote_attestation: '"dcap"' }))
  assert.deepEqual(none, [])
})

test('takes the attributes of the SIGSTRUCT from the manifest', () => {
  const features = (text: string) => {
    const manifest = readManifest(toml({ use_exinfo: 'true', debug: 'true' }, text))
    const { flags, miscSelect, xfrm, xfrmMask } = sigstructBody(manifest, '', '2026-11-22')
    assert.deepEqual([flags, miscSelect], [6n, 1])
    return [xfrm, xfrmMask]
  }
  assert.deepEqual(features(''), [0x3n, 0xfffffffffff9ff1bn])
  const required = '[sgx.cpu_features]\navx = "required"\nmpx = "disabled"\npkru = "required"'
  assert.deepEqual(features(required), [0x207n, 0xfffffffffff9ff1fn])
  const disabled = '[sgx.cpu_features]\navx = "required"\navx512 = "disabled"\namx = "required"'
  assert.deepEqual(features(disabled), [0x60003n, 0xffffffffffffffffn])
})
