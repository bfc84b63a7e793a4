import assert from 'node:assert/strict'
import { test } from 'node:test'
import { concat, toHex } from '@vorta/core'
import {
  faultOf,
  now,
  platform,
  reportData,
  tdCollateral,
  tdMeasurement,
  tdQuote,
  verify,
  verifyTd,
} from '../test/fixture.ts'
import { parseQuote } from './quote.ts'
import { type SimulatedCollateralOptions, simulatedCollateral } from './simulated/collateral.ts'
import { simulatedModel, type TdOptions } from './simulated/platform.ts'
import { converge, enclaveTcbStatuses, platformTcbStatuses } from './tcb-status.ts'

const quoteOf = (td: Partial<TdOptions>) =>
  platform.tdQuote({ measurement: tdMeasurement, reportData, ...td })
const collateralOf = (options: SimulatedCollateralOptions) =>
  simulatedCollateral(now, { tee: 'tdx', ...options })
const faultOfTd = (td: Partial<TdOptions>, options: SimulatedCollateralOptions = {}) =>
  faultOf(verifyTd({ quote: quoteOf(td), collateral: collateralOf(options) }))

/** The patch levels of the model with some exchanged: index to level. */
const svns = (changes: Readonly<Record<number, number>>): number[] =>
  simulatedModel.teeTcbSvn.map((svn, i) => changes[i] ?? svn)

test('accepts trust domains in every version and with every report', async () => {
  for (const [report, version] of [
    ['1.0', 4],
    ['1.0', 5],
    ['1.5', 5],
    ['1.5Ex', 5],
  ] as const) {
    const rtmrs = [1, 2, 3, 4].map((fill) => new Uint8Array(48).fill(fill))
    const { td, ...verified } = await verifyTd({ quote: quoteOf({ report, version, rtmrs }) })
    assert.deepEqual([verified.version, verified.status], [version, 'UpToDate'])
    assert.equal(td.mrtd, toHex(tdMeasurement))
    assert.deepEqual(td.rtmrs, rtmrs.map(toHex))
    assert.deepEqual(td.teeTcbSvn, simulatedModel.teeTcbSvn)
    assert.equal(td.teeTcbSvn2 !== undefined, report !== '1.0')
    assert.equal(verified.current !== undefined, report !== '1.0')
    assert.deepEqual(verified.reportData, reportData)
  }
})

test('accepts SGX enclaves in versions 4 and 5 too', async () => {
  for (const version of [3, 4, 5] as const) {
    const quote = platform.quote({ measurement: new Uint8Array(32), reportData, version })
    const verified = await verify({ quote })
    assert.deepEqual([verified.tee, verified.version], ['sgx', version])
  }
})

test('reads the attributes of a trust domain bit by bit', async () => {
  const read = async (bit: number) => {
    const tdAttributes = new Uint8Array(8)
    tdAttributes[bit >> 3] = 1 << (bit & 7)
    const { td, debug } = await verifyTd({ quote: quoteOf({ tdAttributes }) })
    const { raw, ...flags } = td.tdAttributes
    assert.equal(raw, toHex(tdAttributes))
    assert.equal(debug, flags.debug)
    return Object.entries(flags)
      .filter(([, isSet]) => isSet)
      .map(([name]) => name)
  }
  const named: Readonly<Record<number, string>> = {
    28: 'septVeDisable',
    29: 'migratable',
    30: 'pks',
    31: 'keyLocker',
    63: 'perfmon',
  }
  for (let bit = 0; bit < 64; bit++) {
    assert.deepEqual(
      await read(bit),
      [bit < 8 ? 'debug' : (named[bit] ?? 'reserved')],
      `bit ${bit}`,
    )
  }
})

test('judges platform and module together, in all 21 pairs', async () => {
  for (const tcbStatus of platformTcbStatuses) {
    for (const moduleStatus of enclaveTcbStatuses) {
      const verified = await verifyTd({
        quote: quoteOf({}),
        collateral: collateralOf({ tcbStatus, moduleStatus }),
      })
      assert.equal(verified.status, converge(tcbStatus, moduleStatus))
      assert.deepEqual([verified.platformStatus, verified.moduleStatus], [tcbStatus, moduleStatus])
    }
  }
})

test('judges the module by its own version, and the platform by the components behind it', async () => {
  const judged = async (teeTcbSvn: readonly number[]) => {
    const { platformStatus, moduleStatus } = await verifyTd({ quote: quoteOf({ teeTcbSvn }) })
    return [platformStatus, moduleStatus]
  }
  assert.deepEqual(await judged(svns({})), ['UpToDate', 'UpToDate'])
  // An older module is the module's matter: bytes 0 and 1 are not compared with the platform's.
  assert.deepEqual(await judged(svns({ 0: 3 })), ['UpToDate', 'OutOfDate'])
  assert.deepEqual(await judged(svns({ 2: 5 })), ['OutOfDate', 'UpToDate'])
  assert.deepEqual(await judged(svns({ 0: 255, 2: 255 })), ['UpToDate', 'UpToDate'])
  // Major version 0 has no levels of its own: there all components count.
  const zero = { tcbInfo: { tcbLevels: [levelOf(svns({ 1: 0 }), 'UpToDate')] } }
  const { moduleStatus, platformStatus } = await verifyTd({
    quote: quoteOf({ teeTcbSvn: svns({ 1: 0 }) }),
    collateral: collateralOf(zero),
  })
  assert.deepEqual([platformStatus, moduleStatus], ['UpToDate', undefined])
  assert.equal(await faultOfTd({ teeTcbSvn: svns({ 0: 4, 1: 0 }) }, zero), 'TCB_NOT_SUPPORTED')
})

const levelOf = (tdx: readonly number[], tcbStatus: string) => ({
  tcb: {
    sgxtcbcomponents: simulatedModel.componentSvns.map((svn) => ({ svn })),
    pcesvn: simulatedModel.pceSvn,
    tdxtcbcomponents: tdx.map((svn) => ({ svn })),
  },
  tcbDate: '2025-01-01T00:00:00Z',
  tcbStatus,
})

test('refuses modules that are unknown, too old, of another signer or set up for debugging', async () => {
  assert.equal(await faultOfTd({ teeTcbSvn: svns({ 1: 2 }) }), 'TDX_MODULE_MISMATCH')
  assert.equal(await faultOfTd({ teeTcbSvn: svns({ 0: 2 }) }), 'TCB_NOT_SUPPORTED')
  assert.equal(await faultOfTd({ teeTcbSvn: svns({ 2: 2 }) }), 'TCB_NOT_SUPPORTED')
  const mrSignerSeam = new Uint8Array(48).fill(1)
  assert.equal(await faultOfTd({ mrSignerSeam }), 'TDX_MODULE_MISMATCH')
  const seamAttributes = Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0)
  assert.equal(await faultOfTd({ seamAttributes }), 'TDX_MODULE_MISMATCH')
  // Not even where signed TCB info says so.
  const attributes = toHex(seamAttributes)
  const mrsigner = '00'.repeat(48)
  const tcbInfo = {
    tdxModuleIdentities: [{ id: 'TDX_01', mrsigner, attributes, tcbLevels: [] }],
  }
  assert.equal(await faultOfTd({ seamAttributes }, { tcbInfo }), 'TDX_MODULE_MISMATCH')
})

test('finds the identity of a module in either case, and refuses one that stands twice', async () => {
  const identity = (id: string) => ({
    id,
    mrsigner: '00'.repeat(48),
    attributes: '00'.repeat(8),
    tcbLevels: [{ tcb: { isvsvn: 5 }, tcbDate: '2025-01-01T00:00:00Z', tcbStatus: 'UpToDate' }],
  })
  const teeTcbSvn = svns({ 1: 0xab })
  const one = { tcbInfo: { tdxModuleIdentities: [identity('TDX_ab')] } }
  const { moduleStatus } = await verifyTd({
    quote: quoteOf({ teeTcbSvn }),
    collateral: collateralOf(one),
  })
  assert.equal(moduleStatus, 'UpToDate')
  const twice = { tcbInfo: { tdxModuleIdentities: [identity('TDX_ab'), identity('TDX_AB')] } }
  assert.equal(await faultOfTd({ teeTcbSvn }, twice), 'TCB_FORMAT')
})

test('advises a relaunch where only the launch was under an old TCB, and shows both', async () => {
  const judged = async (
    teeTcbSvn: readonly number[],
    teeTcbSvn2: readonly number[],
    status?: 'ConfigurationNeeded',
  ) => {
    const verified = await verifyTd({
      quote: quoteOf({ report: '1.5', teeTcbSvn, teeTcbSvn2 }),
      collateral: collateralOf({ ...(status && { tcbStatus: status }) }),
    })
    return [verified.status, verified.current?.status]
  }
  const [fine, old] = [svns({}), svns({ 0: 3 })]
  assert.deepEqual(await judged(fine, fine), ['UpToDate', 'UpToDate'])
  assert.deepEqual(await judged(old, fine), ['TDRelaunchAdvised', 'UpToDate'])
  assert.deepEqual(await judged(svns({ 2: 3 }), fine), ['TDRelaunchAdvised', 'UpToDate'])
  assert.deepEqual(await judged(old, old), ['OutOfDate', 'OutOfDate'])
  assert.deepEqual(await judged(fine, old), ['UpToDate', 'OutOfDate'])
  assert.deepEqual(await judged(old, fine, 'ConfigurationNeeded'), [
    'TDRelaunchAdvisedConfigurationNeeded',
    'ConfigurationNeeded',
  ])
})

test('refuses a TD whose TCB of today is not known', async () => {
  const report = '1.5'
  for (const teeTcbSvn2 of [svns({ 1: 2 }), svns({ 0: 1 }), svns({ 2: 0 })]) {
    assert.equal(await faultOfTd({ report, teeTcbSvn2 }), 'TCB_NOT_SUPPORTED')
  }
})

test('keeps the documents of SGX and TDX apart', async () => {
  const sgx = simulatedCollateral(now)
  const { tcb_info, tcb_info_signature, qe_identity, qe_identity_signature } = sgx
  const mixedInfo = { ...tdCollateral, tcb_info, tcb_info_signature }
  const mixedIdentity = { ...tdCollateral, qe_identity, qe_identity_signature }
  assert.equal(await faultOf(verifyTd({ collateral: mixedInfo })), 'TCB_MISMATCH')
  assert.equal(await faultOf(verifyTd({ collateral: mixedIdentity })), 'QEID_MISMATCH')
  assert.equal(await faultOf(verify({ collateral: tdCollateral })), 'TCB_MISMATCH')
  assert.equal(await faultOfTd({}, { tcbInfo: { version: 2 } }), 'TCB_MISMATCH')
})

test('refuses TCB info for TDX with missing or wrong fields', async () => {
  const [level] = [levelOf(simulatedModel.teeTcbSvn.slice(1), 'UpToDate')]
  const bad: readonly Record<string, unknown>[] = [
    { tdxModule: undefined },
    { tdxModule: { mrsigner: '00', attributes: '00'.repeat(8) } },
    { tdxModuleIdentities: {} },
    { tdxModuleIdentities: [{ id: 'TDX_01' }] },
    { tcbLevels: [level] },
  ]
  for (const tcbInfo of bad) assert.equal(await faultOfTd({}, { tcbInfo }), 'TCB_FORMAT')
})

test('takes no report for another: lengths and types have to agree', () => {
  const header = (bytes: Uint8Array, at: number, ...values: readonly number[]) => {
    const out = bytes.slice()
    out.set(values, at)
    return out
  }
  const faults: readonly (readonly [Uint8Array, string])[] = [
    [header(tdQuote, 48, 2), 'BODY_TYPE'], // report 1.0 of 648 bytes
    [header(tdQuote, 48, 1), 'BODY_TYPE'], // an SGX report in a TD's quote
    [header(tdQuote, 48, 9), 'BODY_TYPE'],
    [header(tdQuote, 50, 0x89), 'BODY_TYPE'],
    [header(tdQuote, 4, 0), 'BODY_TYPE'], // a TD report in an enclave's quote
    [header(tdQuote, 4, 0x82), 'TEE_TYPE'],
    [header(tdQuote, 0, 3), 'TEE_TYPE'],
    [header(tdQuote, 0, 6), 'QUOTE_VERSION'],
    [header(tdQuote, 2, 3), 'ATT_KEY_TYPE'],
    [header(tdQuote, 12, 0), 'QE_VENDOR'],
  ]
  for (const [bytes, code] of faults) assert.throws(() => parseQuote(bytes), { code })
})

test('wants the wrapping of version 4 and 5, whole and once', () => {
  const { version } = parseQuote(tdQuote)
  assert.equal(version, 5)
  const at = 54 + 648 + 4 + 128 // behind the attestation key
  const exchanged = (type: number) =>
    concat(tdQuote.subarray(0, at), Uint8Array.of(type, 0), tdQuote.subarray(at + 2))
  assert.equal(tdQuote[at], 6)
  for (const type of [5, 7]) {
    assert.throws(() => parseQuote(exchanged(type)), { code: 'CERT_TYPE' })
  }
  const shorter = tdQuote.slice()
  shorter[at + 2]! -= 1
  assert.throws(() => parseQuote(shorter), { code: 'QUOTE_FORMAT' })
})
