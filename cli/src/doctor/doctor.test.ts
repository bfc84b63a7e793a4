import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, createServer as createSocket } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { cli, root as repository } from '../../test/io.ts'
import { doctorCodes } from './codes.ts'
import { dcapCodes, explain } from './dcap-codes.ts'
import { examineMachine, isWanting } from './examine.ts'
import type { Finding } from './finding.ts'
import { parseQcnl } from './qcnl.ts'

const scratch = mkdtempSync(join(tmpdir(), 'vdoc-'))
const servers: { close: () => unknown }[] = []
after(() => {
  for (const server of servers) server.close()
  rmSync(scratch, { recursive: true })
})

let trees = 0

/** A machine: a file system with these files. */
function tree(files: Readonly<Record<string, string>>): string {
  const root = join(scratch, String(trees++))
  mkdirSync(root)
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  return root
}

const now = Date.parse('2026-11-22T12:00:00Z')

async function look(
  root: string,
  { env = {}, platform }: { env?: Record<string, string>; platform?: string } = {},
) {
  const findings = await examineMachine({ root, env, now: () => now }, platform)
  const found = (name: string): Finding => findings.find((finding) => finding.name === name)!
  return { findings, found, code: (name: string) => found(name).code }
}

async function listen<S extends { listen: (at: string | number, then: () => void) => unknown }>(
  server: S & { close: () => unknown },
  at: string | number = 0,
): Promise<S> {
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(at, resolve))
  return server
}

/** A socket that somebody answers on. */
async function socketAt(root: string, path: string): Promise<void> {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  await listen(createSocket(), join(root, path))
}

/** A PCCS that knows one platform, by its QE id. */
const answer: Parameters<typeof createServer>[1] = (request, response) => {
  const url = new URL(request.url!, 'http://pccs')
  const statuses: Readonly<Record<string, number>> = {
    ['aa'.repeat(16)]: 200,
    ['bb'.repeat(16)]: 461,
    ['cc'.repeat(16)]: 462,
    ['dd'.repeat(16)]: 500,
  }
  response.setHeader('Date', new Date(now).toUTCString())
  if (url.pathname.endsWith('/v4/pckcrl')) {
    response.setHeader('SGX-PCK-CRL-Issuer-Chain', 'chain').end('crl')
  } else if (url.pathname.endsWith('/v4/pckcert')) {
    assert.equal(url.searchParams.get('encrypted_ppid')?.length, 768)
    response.setHeader('SGX-FMSPC', '00606a000000')
    response.writeHead(statuses[url.searchParams.get('qeid') ?? ''] ?? 404).end()
  } else response.writeHead(404).end()
}

const urlOf = (server: Server, scheme = 'http', path = '/sgx/certification/v4/') =>
  `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}${path}`

const qcnlOf = (url: string, more = '') => `{ // where\n "pccs_url": "${url}" ${more} /* end */ }`

const cpuinfo = (flags: string) =>
  `processor\t: 0\nflags\t\t: ${flags}\nprocessor\t: 1\nflags\t\t: ${flags}\n`

const epcSection = 'sys/devices/system/node/node0/x86/sgx_total_bytes'

const good = {
  'proc/cpuinfo': cpuinfo('fpu sgx sgx2 sgx_lc'),
  'proc/sys/kernel/osrelease': '6.8.0-40-generic\n',
  'dev/sgx_enclave': '',
  'dev/sgx_provision': '',
  [epcSection]: '8589934592\n',
  'usr/lib/x86_64-linux-gnu/libdcap_quoteprov.so.1': '',
}

/** A Gramine that says its version. */
function addGramine(root: string, version: string): void {
  const path = join(root, 'usr/bin/gramine-sgx')
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, `#!/bin/sh\necho 'Gramine ${version} (0123abc)'\n`)
  chmodSync(path, 0o755)
}

test('finds nothing wrong on a machine that is set up', async () => {
  const server = await listen(createServer(answer))
  const root = tree({ ...good, 'etc/sgx_default_qcnl.conf': qcnlOf(urlOf(server)) })
  await socketAt(root, 'var/run/aesmd/aesm.socket')
  addGramine(root, '1.9')
  const { findings, found } = await look(root, { env: { PATH: '/bin:/usr/bin' } })
  assert.equal(isWanting(findings, 'gramine'), false, JSON.stringify(findings, null, 1))
  assert.equal(found('gramine').detail, '/usr/bin/gramine-sgx, 1.9')
  assert.equal(found('epc').detail, '8192 MiB in 1 sections')
  assert.match(found('pccs').detail, /answers, API v4$/)
  assert.equal(found('pccs-clock').detail, "0 s from the PCCS's")
  assert.equal(found('platform').code, 'PLATFORM_UNASKED')
})

test('takes an empty machine for one without hardware, not for a faulty one', async () => {
  const { findings, code } = await look(tree({}))
  assert.ok(findings.every(({ status }) => status !== 'fail'))
  assert.equal(isWanting(findings, undefined), false)
  assert.equal(isWanting(findings, 'simulated'), false)
  assert.equal(isWanting(findings, 'gramine'), true)
  assert.equal(isWanting(findings, 'dstack'), true)
  assert.equal(code('sgx-cpu'), 'SGX_CPU_NONE')
  assert.equal(code('aesm'), 'AESM_NONE')
  assert.equal(code('dstack'), 'DSTACK_NONE')
})

for (const [what, files, name, code] of [
  [
    'SGX without launch control',
    { 'proc/cpuinfo': cpuinfo('sgx') },
    'sgx-cpu',
    'SGX_NO_LAUNCH_CONTROL',
  ],
  [
    'another flag that contains sgx',
    { 'proc/cpuinfo': cpuinfo('sgx1 nosgx') },
    'sgx-cpu',
    'SGX_CPU_NONE',
  ],
  ['an old kernel', { 'proc/sys/kernel/osrelease': '5.10.0\n' }, 'kernel', 'SGX_KERNEL_OLD'],
  ['a kernel without a version', { 'proc/sys/kernel/osrelease': 'x' }, 'kernel', 'SGX_KERNEL_OLD'],
  ['little protected memory', { [epcSection]: '67108864\n' }, 'epc', 'SGX_EPC_SMALL'],
  ['protected memory of no size', { [epcSection]: 'much\n' }, 'epc', 'SGX_EPC_UNKNOWN'],
  [
    'AESM that is installed and does not run',
    { 'lib/systemd/system/aesmd.service': '' },
    'aesm',
    'AESM_STOPPED',
  ],
  [
    'a file in the place of the socket',
    { 'var/run/aesmd/aesm.socket': '' },
    'aesm',
    'AESM_STOPPED',
  ],
  [
    'a configuration that is cut off',
    { 'etc/sgx_default_qcnl.conf': '{ "pccs_url": ' },
    'qcnl',
    'QCNL_INVALID',
  ],
  [
    'a configuration with a trailing comma',
    { 'etc/sgx_default_qcnl.conf': '{ "retry_times": 6, }' },
    'qcnl',
    'QCNL_INVALID',
  ],
  [
    'a service that is no URL',
    { 'etc/sgx_default_qcnl.conf': qcnlOf('localhost:8081') },
    'qcnl',
    'QCNL_INVALID',
  ],
  [
    'a service of another kind',
    { 'etc/sgx_default_qcnl.conf': qcnlOf('file:///etc/passwd') },
    'qcnl',
    'QCNL_INVALID',
  ],
  [
    'a service that nobody runs',
    { 'etc/sgx_default_qcnl.conf': qcnlOf('http://127.0.0.1:1/') },
    'pccs',
    'PCCS_UNREACHABLE',
  ],
  ['a TDX guest without reports', { 'dev/tdx_guest': '' }, 'tdx-guest', 'TDX_NO_QUOTES'],
  ['a dstack socket that nobody answers on', { 'run/dstack.sock': '' }, 'dstack', 'DSTACK_STOPPED'],
] as const) {
  test(`names ${what}`, async () => {
    const { found } = await look(tree({ ...good, ...files }))
    const { code: got, remedy } = found(name)
    assert.equal(got, code)
    assert.equal(remedy, doctorCodes[code].fix)
  })
}

test('tells a legacy driver from none', async () => {
  const { 'dev/sgx_enclave': _, ...files } = good
  assert.equal((await look(tree(files))).code('sgx-enclave'), 'SGX_DEVICE_NONE')
  for (const path of ['dev/isgx', 'dev/sgx/enclave']) {
    const { code } = await look(tree({ ...files, [path]: '' }))
    assert.equal(code('sgx-enclave'), 'SGX_DEVICE_LEGACY')
  }
})

test('says who may open a device that this user may not', async () => {
  const root = tree({ ...good, 'etc/group': 'sgx_prv:x:990:\n' })
  chmodSync(scratch, 0o755)
  chmodSync(join(root, 'dev/sgx_enclave'), 0o600)
  chmodSync(join(root, 'dev/sgx_provision'), 0o660)
  // Nothing is closed to root: it looks as an ordinary user.
  const isRoot = process.getuid?.() === 0
  const program = `import { enclaveDevice, provisionDevice } from ${JSON.stringify(join(import.meta.dirname, 'sgx.ts'))}
    const machine = { root: ${JSON.stringify(root)}, env: {}, now: () => 0 }
    console.log(JSON.stringify([enclaveDevice(machine), provisionDevice(machine)]))`
  if (!isRoot)
    for (const name of ['sgx_enclave', 'sgx_provision']) chmodSync(join(root, 'dev', name), 0)
  const out = execFileSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
    cwd: '/',
    ...(isRoot ? { uid: 65534, gid: 65534 } : {}),
  })
  const [enclave, provision] = JSON.parse(out)
  assert.deepEqual([enclave.status, enclave.code], ['fail', 'SGX_DEVICE_DENIED'])
  assert.deepEqual([provision.status, provision.code], ['warn', 'SGX_PROVISION_DENIED'])
  assert.match(
    provision.detail,
    /^\/dev\/sgx_provision has mode \d+ and group .+; this is user \d+$/,
  )
})

test('asks the PCCS for the platform that PCKIDRetrievalTool wrote down', async () => {
  const server = await listen(createServer(answer))
  const root = tree({ ...good, 'etc/sgx_default_qcnl.conf': qcnlOf(urlOf(server)) })
  const line = (qeid: string, more = '') =>
    `${'01'.repeat(384)},0000,${'02'.repeat(16)},0d00,${qeid.repeat(16)}${more}\n`
  for (const [csv, code] of [
    [line('AA').toLowerCase(), null],
    [line('aa', ',0102'), null],
    [line('bb'), 'PLATFORM_UNKNOWN'],
    [line('ee'), 'PLATFORM_UNKNOWN'],
    [line('cc'), 'PLATFORM_NO_CERTIFICATE'],
    [line('dd'), 'PCCS_FAULT'],
    ['EncryptedPPID,PCE_ID', 'PLATFORM_FILE_INVALID'],
    ['', 'PLATFORM_FILE_INVALID'],
  ] as const) {
    assert.equal((await look(root, { platform: csv })).code('platform'), code, csv.slice(-40))
  }
})

test('names a service that answers with something else', async () => {
  const server = await listen(createServer(answer))
  for (const path of ['/sgx/certification/v2/', '/']) {
    const text = qcnlOf(urlOf(server, 'http', path))
    const { code } = await look(tree({ 'etc/sgx_default_qcnl.conf': text }))
    assert.equal(code('pccs'), 'PCCS_FAULT')
  }
})

test('tells a certificate that is not trusted from a service that is not there', async (context) => {
  const key = join(scratch, 'key.pem')
  const cert = join(scratch, 'cert.pem')
  const make = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  const files = ['-keyout', key, '-out', cert, '-days', '1', '-subj', '/CN=localhost']
  try {
    execFileSync('openssl', [...make, ...files], { stdio: 'ignore' })
  } catch {
    context.skip('there is no openssl on this machine')
    return
  }
  const options = { key: readFileSync(key), cert: readFileSync(cert) }
  const server = await listen(createTlsServer(options, answer))
  for (const [more, status, code] of [
    ['', 'fail', 'PCCS_TLS_UNTRUSTED'],
    [', "use_secure_cert": false', 'warn', 'PCCS_TLS_UNCHECKED'],
  ] as const) {
    const text = qcnlOf(urlOf(server, 'https'), more)
    const { found } = await look(tree({ 'etc/sgx_default_qcnl.conf': text }))
    assert.deepEqual([found('pccs').status, found('pccs').code], [status, code])
    assert.match(found('pccs').detail, /SELF_SIGNED/)
  }
})

test('shows no password, token or key of an address', async () => {
  const server = await listen(createServer(answer))
  const url = urlOf(server).replace('//', '//user:hunter2@')
  const env = {
    DOCKER_HOST: 'tcp://user:hunter2@docker.example:2375',
    DSTACK_SIMULATOR_ENDPOINT: 'http://user:hunter2@localhost:8090?key=hunter2',
  }
  for (const at of [
    url,
    `${url}?key=hunter2`,
    'https://user:hunter2@127.0.0.1:1/',
    'ftp://u:hunter2@x',
  ]) {
    const root = tree({ ...good, 'etc/sgx_default_qcnl.conf': qcnlOf(at) })
    const { findings } = await look(root, { env })
    assert.doesNotMatch(JSON.stringify(findings), /hunter2/)
  }
})

test("compares the clock with the PCCS's", async () => {
  const server = await listen(createServer(answer))
  const root = tree({ 'etc/sgx_default_qcnl.conf': qcnlOf(urlOf(server)) })
  const findings = await examineMachine({ root, env: {}, now: () => now - 3_600_000 })
  const clock = findings.find(({ name }) => name === 'pccs-clock')
  assert.deepEqual([clock?.code, clock?.detail], ['CLOCK_SKEW', "-3600 s from the PCCS's"])
})

test('reads a configuration as the quote provider library does', () => {
  const template = readFileSync(join(repository, 'sgx_config/sgx_default_qcnl.conf'), 'utf8')
  assert.deepEqual(parseQcnl(template), {
    pccsUrl: new URL('https://localhost:8081/sgx/certification/v4/'),
    useSecureCert: true,
  })
  const withSlashes = parseQcnl('{"pccs_url": "https://a.example//x", "other": "/* no */ // no"}')
  assert.equal(withSlashes.pccsUrl.href, 'https://a.example//x/')
  const old = parseQcnl('# comment\nPCCS_URL=https://b.example/v3/\nUSE_SECURE_CERT=FALSE\n')
  assert.deepEqual([old.pccsUrl.href, old.useSecureCert], ['https://b.example/v3/', false])
  assert.equal(parseQcnl('').pccsUrl.href, 'https://localhost:8081/sgx/certification/v4/')
})

test('knows Gramine by what it says, and not by its name', async () => {
  for (const [version, code] of [
    ['1.9', null],
    ['1.8', 'GRAMINE_VERSION'],
    ['', 'GRAMINE_VERSION'],
  ] as const) {
    const root = tree({})
    addGramine(root, version)
    assert.equal((await look(root, { env: { PATH: '/usr/bin' } })).code('gramine'), code)
  }
})

test('finds the dstack socket, and says when it is a simulator', async () => {
  const root = tree({ 'proc/cpuinfo': cpuinfo('tdx_guest'), 'sys/kernel/config/tsm/report/x': '' })
  await socketAt(root, 'var/run/dstack.sock')
  const { findings, found } = await look(root)
  assert.equal(found('dstack').status, 'ok')
  assert.equal(found('tdx-guest').status, 'ok')
  assert.equal(isWanting(findings, 'dstack'), false)
  const env = { DSTACK_SIMULATOR_ENDPOINT: 'http://localhost:8090' }
  assert.match((await look(tree({}), { env })).found('dstack').detail, /^SIMULATED/)
})

test('explains codes of DCAP, of AESM and its own', () => {
  assert.equal(explain('0xe019').name, 'SGX_QL_NETWORK_ERROR')
  assert.equal(explain('E011').name, 'SGX_QL_NO_PLATFORM_CERT_DATA')
  assert.equal(explain('sgx_ql_unknown_message_response').code, '0xe044')
  assert.equal(explain('44').name, 'AESM_NO_PLATFORM_CERT_DATA')
  assert.equal(explain('aesm_none').fix, doctorCodes.AESM_NONE.fix)
  for (const number of Object.keys(dcapCodes)) {
    assert.ok(explain(`0x${Number(number).toString(16)}`).fix.length > 0)
  }
  for (const unknown of ['0xe0ff', '1', '', '__proto__', 'toString']) {
    assert.throws(() => explain(unknown), { code: 'USAGE' }, unknown)
  }
})

test('the command exits with 1 where something is missing that was asked for', async () => {
  const empty = tree({})
  const doctor = (...args: string[]) =>
    cli(['doctor', '--root', empty, '--endpoint', 'http://127.0.0.1:1', ...args])
  const gramine = await doctor('--for', 'gramine')
  assert.equal(gramine.code, 1)
  assert.match(
    gramine.out,
    /^ABSENT {2}aesm .*\(AESM_NONE\)\n +remedy: run scripts\/setup_sgx\.sh/m,
  )
  assert.equal((await doctor('--for', 'simulated')).code, 0)
  const json = JSON.parse((await doctor('-o', 'json')).out)
  const keys = ['name', 'status', 'code', 'detail', 'remedy']
  for (const finding of json) assert.deepEqual(Object.keys(finding), keys)

  const explained = await cli(['doctor', '--explain', '0xe019', '-o', 'json'])
  assert.equal(JSON.parse(explained.out).name, 'SGX_QL_NETWORK_ERROR')
  assert.equal((await cli(['doctor', '--explain', 'AESM_NON'])).code, 2)
  assert.equal((await doctor('--platform', 'none.csv')).code, 6)
})

test('docs/doctor.md has every code as the tables have it', () => {
  const text = readFileSync(join(repository, 'docs/doctor.md'), 'utf8')
  for (const [code, { meaning, fix }] of Object.entries(doctorCodes)) {
    assert.ok(text.includes(`\n| \`${code}\` | ${meaning} | ${fix} |\n`), code)
  }
  for (const [number, { name, meaning, fix }] of Object.entries(dcapCodes)) {
    const code = `0x${Number(number).toString(16)}`
    assert.ok(text.includes(`\n| \`${code}\` | \`${name}\` | ${meaning} | ${fix} |\n`), code)
  }
})
