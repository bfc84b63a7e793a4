import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'

const repository = join(import.meta.dirname, '..')
const scratch = mkdtempSync(join(tmpdir(), 'vsgx-'))
after(() => rmSync(scratch, { recursive: true }))

/** A file system with these files. */
function tree(name: string, files: Readonly<Record<string, string>>): string {
  const root = join(scratch, name)
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  return root
}

function setup(...args: string[]) {
  const script = join(repository, 'scripts/setup_sgx.sh')
  const { status, stdout, stderr } = spawnSync('sh', [script, ...args], { encoding: 'utf8' })
  return { status, out: stdout, err: stderr }
}

const check = (root: string, ...more: string[]) => setup('--check', '--root', root, ...more)

const bare = {
  'proc/cpuinfo': 'processor : 0\nflags\t\t: fpu sse sgx aes sgx_lc\n',
  'proc/sys/kernel/osrelease': '6.8.0-40-generic\n',
  'dev/sgx_enclave': '',
  'etc/os-release': 'NAME="Ubuntu"\nID=ubuntu\nVERSION_CODENAME=jammy\n',
  'etc/group': 'root:x:0:\n',
  'usr/bin/curl': '',
}

const config = (name: string) => readFileSync(join(repository, 'sgx_config', name), 'utf8')

const packages = [
  'gramine',
  'sgx-aesm-service',
  'libsgx-aesm-ecdsa-plugin',
  'libsgx-aesm-quote-ex-plugin',
  'libsgx-dcap-default-qpl',
]

const list = (key: string, repository: string) =>
  `deb [arch=amd64 signed-by=/etc/apt/keyrings/${key}] ${repository} jammy main\n`

const complete = {
  ...bare,
  'etc/group': 'root:x:0:\nsgx_prv:x:990:other,vorta\n',
  'etc/apt/keyrings/gramine-keyring-jammy.gpg': 'key',
  'etc/apt/keyrings/intel-sgx-deb.asc': 'key',
  'etc/apt/sources.list.d/gramine.list': list(
    'gramine-keyring-jammy.gpg',
    'https://packages.gramineproject.io/',
  ),
  'etc/apt/sources.list.d/intel-sgx.list': list(
    'intel-sgx-deb.asc',
    'https://download.01.org/intel-sgx/sgx_repo/ubuntu',
  ),
  'var/lib/dpkg/status': packages
    .map((name) => `Package: ${name}\nStatus: install ok installed\nVersion: 1\n`)
    .join('\n'),
  'etc/udev/rules.d/90-vorta-sgx.rules': config('90-vorta-sgx.rules'),
  'etc/sgx_default_qcnl.conf': config('sgx_default_qcnl.conf'),
  'etc/systemd/system/aesmd.service.d/vorta.conf': config('aesmd-restart.conf'),
}

test('names everything that is to be done on a bare machine, and does nothing', () => {
  const root = tree('bare', bare)
  const before = globSync('**', { cwd: root }).toSorted()
  const { status, out } = check(root, '--user', 'vorta', '--pccs', 'https://pccs.example:8081/v4')
  assert.equal(status, 1)
  for (const line of [
    'to do package source: gramine',
    'to do package source: intel-sgx',
    ...packages.map((name) => `to do package: ${name}`),
    'to do group: sgx_prv',
    '      usermod -a -G sgx_prv vorta',
    'to do file: /etc/udev/rules.d/90-vorta-sgx.rules',
    'to do file: /etc/sgx_default_qcnl.conf',
    'to do service: aesmd does not run',
    '      systemctl restart aesmd',
  ]) {
    assert.ok(out.includes(`${line}\n`), `${line}\n---\n${out}`)
  }
  assert.match(out, /apt-get install -y gramine sgx-aesm-service /)
  assert.deepEqual(globSync('**', { cwd: root }).toSorted(), before)
})

test('finds nothing to do where all is set up', async () => {
  const root = tree('complete', complete)
  mkdirSync(join(root, 'run/aesmd'), { recursive: true })
  const server = createServer().listen(join(root, 'run/aesmd/aesm.socket'))
  await new Promise((resolve) => server.once('listening', resolve))
  const { status, out, err } = check(root, '--user', 'vorta')
  server.close()
  assert.equal(status, 0, out + err)
  assert.doesNotMatch(out, /^to do/m)
  assert.match(out, /Next: vorta-cli doctor --for gramine\n$/)
})

test('keeps the service that somebody chose, unless another is asked for', () => {
  const chosen = '{ "pccs_url": "https://mine.example/sgx/certification/v4/" }'
  const root = tree('chosen', { ...complete, 'etc/sgx_default_qcnl.conf': chosen })
  assert.match(check(root).out, /^ok {4}file: \/etc\/sgx_default_qcnl\.conf is kept/m)
  const other = check(root, '--pccs', 'https://other.example/sgx/certification/v4/').out
  assert.match(
    other,
    /cp -p \/etc\/sgx_default_qcnl\.conf \/etc\/sgx_default_qcnl\.conf\.before-vorta/,
  )
  writeFileSync(join(root, 'etc/sgx_default_qcnl.conf.before-vorta'), chosen)
  const again = check(root, '--pccs', 'https://other.example/sgx/certification/v4/').out
  assert.match(again, /^to do file: \/etc\/sgx_default_qcnl\.conf$/m)
  assert.doesNotMatch(again, /before-vorta/, 'the original is not written over')
})

test('does not take a removed package for an installed one', () => {
  const status = complete['var/lib/dpkg/status'].replace(
    'Package: gramine\nStatus: install ok installed',
    'Package: gramine\nStatus: deinstall ok config-files',
  )
  const { out } = check(tree('removed', { ...complete, 'var/lib/dpkg/status': status }))
  assert.match(out, /^to do package: gramine$/m)
  assert.match(out, /^ok {4}package: sgx-aesm-service$/m)
})

for (const [what, files, message] of [
  ['without SGX', { 'proc/cpuinfo': 'flags : fpu sgx1\n' }, /SIMULATED/],
  ['without launch control', { 'proc/cpuinfo': 'flags : fpu sgx\n' }, /Launch Control/],
  [
    'with an old kernel',
    { 'proc/sys/kernel/osrelease': '5.10.0-30\n' },
    /Linux 5\.10\.0-30 has no/,
  ],
  ['with an unknown system', { 'etc/os-release': 'ID=arch\n' }, /no packages for arch-/],
] as const) {
  test(`refuses a machine ${what}, plainly`, () => {
    const { status, err } = check(tree(what, { ...bare, ...files }))
    assert.equal(status, 3)
    assert.match(err, message)
  })
}

test('refuses a machine whose firmware keeps SGX off', () => {
  const root = tree('firmware', bare)
  rmSync(join(root, 'dev/sgx_enclave'))
  const { status, err } = check(root)
  assert.equal(status, 3)
  assert.match(err, /enable SGX in the firmware/)
})

test('refuses options it does not understand', () => {
  for (const args of [
    ['--frobnicate'],
    ['--pccs'],
    ['--pccs', 'http://plain.example/'],
    ['--pccs', 'https://x/|e'],
    ['--user', 'a;b'],
    ['--user', '-r'],
    ['--apply', '--root', scratch],
  ]) {
    assert.equal(setup(...args).status, 2, args.join(' '))
  }
  assert.match(setup('--help').out, /^Usage: scripts\/setup_sgx\.sh/)
})
