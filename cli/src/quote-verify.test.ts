import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { simulatedCollateral } from '@vorta/attestation/simulated/collateral'
import { simulatedPlatform } from '@vorta/attestation/simulated/platform'
import { cli, folder, root } from '../test/io.ts'

const cwd = folder()
const now = Date.UTC(2026, 5, 1)
const offline = (argv: readonly string[]) => cli(argv, { cwd, now: () => now })
const json = async (argv: readonly string[]) => {
  const { code, out } = await offline([...argv, '-o', 'json'])
  return { code, ...JSON.parse(out) }
}

const platform = simulatedPlatform({ platformId: new Uint8Array(16).fill(1), now })
const reportData = new Uint8Array(64).fill(2)
const quotes = {
  sgx: platform.quote({ measurement: new Uint8Array(32).fill(3), reportData }),
  tdx: platform.tdQuote({ measurement: new Uint8Array(48).fill(4), reportData, report: '1.5' }),
}
const collaterals = {
  sgx: simulatedCollateral(now),
  tdx: simulatedCollateral(now, { tee: 'tdx' }),
}
for (const tee of ['sgx', 'tdx'] as const) {
  writeFileSync(join(cwd, `${tee}.bin`), quotes[tee])
  writeFileSync(join(cwd, `${tee}.collateral.json`), JSON.stringify(collaterals[tee]))
}
const allow = '--allow-simulated'

test('verifies SGX and TDX quotes, and prints what names the code', async () => {
  const sgx = ['quote', 'verify', 'sgx.bin', '--collateral', 'sgx.collateral.json', allow]
  const enclave = await json(sgx)
  assert.deepEqual([enclave.code, enclave.outcome, enclave.tee], [0, 'verified', 'sgx'])
  assert.deepEqual([enclave.simulated, enclave.accepted, enclave.rejectCode], [true, null, null])
  assert.equal(enclave.mrenclave, '03'.repeat(32))

  const tdx = ['quote', 'verify', 'tdx.bin', '--collateral', 'tdx.collateral.json', allow]
  const td = await json(tdx)
  assert.deepEqual([td.code, td.outcome, td.tee, td.version], [0, 'verified', 'tdx', 5])
  assert.deepEqual([td.mrtd, td.rtmrs.length], ['04'.repeat(48), 4])
  assert.deepEqual([td.moduleStatus, td.current.status], ['UpToDate', 'UpToDate'])
  const { out } = await offline(tdx)
  assert.match(out, /^SIMULATED: .*\nMRTD +(04){48}\n.*\n✓ GENUINE SIMULATED: tdx\.bin\n$/s)
})

test('refuses what is simulated unless that is asked for', async () => {
  const argv = ['quote', 'verify', 'sgx.bin', '--collateral', 'sgx.collateral.json']
  const refused = await json(argv)
  assert.deepEqual([refused.code, refused.outcome], [5, 'rejected'])
  assert.deepEqual([refused.rejectCode, refused.simulated], ['SIMULATED_NOT_ALLOWED', true])
})

test('reads quotes and collateral as other tools write them', async () => {
  const hex = Buffer.from(quotes.sgx).toString('hex')
  const forms = [hex, `0x${hex.toUpperCase()}\n`, Buffer.from(quotes.sgx).toString('base64')]
  for (const form of forms) {
    writeFileSync(join(cwd, 'form.quote'), form)
    const argv = ['quote', 'verify', 'form.quote', '--collateral', 'sgx.collateral.json', allow]
    assert.equal((await offline(argv)).code, 0)
  }
  const { root_ca_crl, pck_crl, tcb_info_signature } = collaterals.sgx
  const written = {
    ...collaterals.sgx,
    root_ca_crl: Buffer.from(root_ca_crl, 'hex'), // {"type":"Buffer","data":[…]}
    pck_crl: Uint8Array.from(Buffer.from(pck_crl, 'hex')), // {"0":…,"1":…}
    tcb_info_signature: [...Buffer.from(tcb_info_signature, 'hex')],
    qe_identity_signature: collaterals.sgx.qe_identity_signature.toUpperCase(),
    pck_certificate_chain: null,
  }
  writeFileSync(join(cwd, 'written.json'), JSON.stringify(written))
  const argv = ['quote', 'verify', 'sgx.bin', '--collateral', 'written.json', allow]
  assert.equal((await offline(argv)).code, 0)
})

test('says what is missing, what is no JSON and what is too old', async () => {
  assert.equal((await offline(['quote', 'verify', 'sgx.bin'])).code, 2)
  assert.equal((await offline(['quote', 'verify'])).code, 2)
  assert.equal((await offline(['quote', 'verify', '--batch', '.', 'sgx.bin'])).code, 2)
  assert.equal((await offline(['quote', 'verify', 'none.bin'])).code, 6)
  writeFileSync(join(cwd, 'broken.json'), '{"quote": ')
  const broken = await json(['quote', 'verify', 'broken.json'])
  assert.deepEqual([broken.code, broken.rejectCode, broken.status], [5, 'MALFORMED_JSON', null])
  const argv = ['quote', 'verify', 'sgx.bin', '--collateral', 'sgx.collateral.json', allow]
  const late = await json([...argv, '--at', '2027-01-01T00:00:00Z'])
  assert.deepEqual(
    [late.code, late.rejectCode, late.at],
    [5, 'CRL_EXPIRED', '2027-01-01T00:00:00Z'],
  )
})

test('asks a policy, if there is one', async () => {
  const argv = ['quote', 'verify', 'sgx.bin', '--collateral', 'sgx.collateral.json', allow]
  writeFileSync(join(cwd, 'yes.yaml'), `measurements: { mrenclave: ["${'03'.repeat(32)}"] }\n`)
  writeFileSync(join(cwd, 'no.yaml'), `measurements: { mrenclave: ["${'05'.repeat(32)}"] }\n`)
  const yes = await json([...argv, '--policy', 'yes.yaml'])
  assert.deepEqual([yes.code, yes.outcome, yes.accepted], [0, 'verified', true])
  const no = await json([...argv, '--policy', 'no.yaml'])
  assert.deepEqual([no.code, no.outcome, no.accepted], [5, 'verified', false])
  assert.match((await offline([...argv, '--policy', 'no.yaml'])).out, /MEASUREMENT_NOT_ALLOWED/)
})

test('verifies a folder in the order of its names, and says which file is unreadable', async () => {
  const batch = join(cwd, 'batch')
  mkdirSync(batch)
  const put = (name: string, content: string | Uint8Array) =>
    writeFileSync(join(batch, name), content)
  put('a.bin', quotes.sgx)
  put('a.collateral.json', JSON.stringify(collaterals.sgx))
  const quote = Buffer.from(quotes.tdx).toString('hex')
  const late = Date.UTC(2027, 0, 1) / 1000
  put('b.json', JSON.stringify({ quote, collateral: collaterals.tdx }))
  put('c.json', JSON.stringify({ quote, collateral: collaterals.tdx, verifyTime: late }))
  put('index.json', '[]')
  put('notes.txt', 'not a case')
  const lines = async (...more: readonly string[]) => {
    const argv = ['quote', 'verify', '--batch', 'batch', '-o', 'jsonl', allow, ...more]
    const { code, out } = await offline(argv)
    const cases = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    return {
      code,
      cases: cases.map(({ file, outcome, rejectCode }) => [file, outcome, rejectCode]),
    }
  }
  const good = [
    ['a.bin', 'verified', null],
    ['b.json', 'verified', null],
  ]
  assert.deepEqual(await lines('--at', String(now / 1000)), {
    code: 0,
    cases: [...good, ['c.json', 'verified', null]],
  })
  assert.deepEqual(await lines(), {
    code: 5,
    cases: [...good, ['c.json', 'rejected', 'CRL_EXPIRED']],
  })
  put('c.json', '{')
  put('d.hex', quote)
  assert.deepEqual(await lines(), {
    code: 2,
    cases: [
      ...good,
      ['c.json', 'unreadable', 'MALFORMED_JSON'],
      ['d.hex', 'unreadable', 'FILE_UNREADABLE'],
    ],
  })
  assert.equal((await offline(['quote', 'verify', '--batch', 'none'])).code, 6)
})

const vectors = join(root, '../shared/vectors/quotes')
const skip = existsSync(vectors) ? false : 'the shared vectors are not here'

test('judges every vector as its makers say, in one batch', { skip }, async () => {
  const { code, out } = await offline(['quote', 'verify', '--batch', vectors, allow, '-o', 'jsonl'])
  assert.equal(code, 5)
  const results = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  const names = readdirSync(vectors).filter(
    (name) => name.endsWith('.json') && name !== 'index.json',
  )
  assert.deepEqual(
    results.map(({ file }) => file),
    names.sort(),
  )
  for (const { file, outcome, rejectCode, simulated, ...facts } of results) {
    const { expected, kind } = JSON.parse(readFileSync(join(vectors, file), 'utf8'))
    if (expected.outcome === 'parse') continue
    assert.equal(outcome, expected.outcome, file)
    if (outcome === 'rejected') {
      assert.equal(rejectCode, expected.rejectReason.split(/[:\s]/)[0], file)
      continue
    }
    assert.equal(simulated, kind === 'simulated' || kind === 'intel-test-pki', file)
    for (const key of ['status', 'advisoryIds', 'tcbDate', 'tcbEvaluationDataNumber', 'debug']) {
      assert.deepEqual(facts[key], expected[key], `${file} ${key}`)
    }
  }
})

test('does not believe a root that a file names', { skip }, async () => {
  const { code, out } = await offline(['quote', 'verify', '--batch', vectors, '-o', 'jsonl'])
  assert.equal(code, 5)
  for (const line of out.trim().split('\n')) {
    const { file, outcome, simulated } = JSON.parse(line)
    if (/^(?:sim|g21)-/.test(file)) assert.deepEqual([outcome, simulated], ['rejected', null], file)
  }
})
