import assert from 'node:assert/strict'
import { test } from 'node:test'
import { concat, fromUtf8, toHex, utf8 } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { webCrypto } from '@vorta/core/crypto-web'
import {
  collateral,
  day,
  measurement,
  now,
  platform,
  platformId,
  quote,
  refuses,
  reportData,
  verify,
} from '../test/fixture.ts'
import { intelAnchor, simulatedAnchor } from './anchors.ts'
import type { QuoteFault } from './errors.ts'
import { parseQuote } from './quote.ts'
import { type SimulatedCollateralOptions, simulatedCollateral } from './simulated/collateral.ts'
import { sha256, signRaw, simulatedKey } from './simulated/keys.ts'
import {
  certify,
  pckSubject,
  pem,
  platformCa,
  platformCaCertificate,
  revocationList,
  root,
  rootCertificate,
  serialOf,
  tcbSigner,
  tcbSignerCertificate,
} from './simulated/pki.ts'
import { simulatedModel, simulatedPlatform } from './simulated/platform.ts'
import { measurementOf } from './verified-quote.ts'
import { verifyQuote } from './verify-quote.ts'

const refusesCollateral = (options: SimulatedCollateralOptions, code: QuoteFault): Promise<void> =>
  refuses({ collateral: simulatedCollateral(now, options) }, code)

/** The good quote with its certification data replaced. */
function withCertification(type: number, data: Uint8Array): Uint8Array {
  const authStart = 436
  const certStart = quote.length - (6 + parseQuote(quote).certification.data.length)
  const auth = concat(quote.subarray(authStart, certStart), u16(type), u32(data.length), data)
  return concat(quote.subarray(0, 432), u32(auth.length), auth)
}
const u16 = (value: number): Uint8Array => Uint8Array.of(value & 0xff, value >> 8)
const u32 = (value: number): Uint8Array => concat(u16(value & 0xffff), u16(value >>> 16))
const chainOf = (...certificates: readonly Uint8Array[]) =>
  withCertification(5, utf8(pem(...certificates)))
const ownChain = fromUtf8(parseQuote(quote).certification.data)!.slice(0, -1)

/** The platform's PCK certificate, as it stands first in its chain. */
const leaf = Buffer.from(ownChain.split('-----')[2]!, 'base64')

test('accepts a good quote and reports what is in it', async () => {
  const verified = await verify()
  assert.equal(verified.status, 'UpToDate')
  assert.equal(measurementOf(verified), toHex(measurement))
  assert.equal(verified.ppid, toHex(platformId))
  assert.equal(verified.fmspc, toHex(simulatedModel.fmspc))
  assert.deepEqual(verified.reportData, reportData)
  assert.equal(verified.tcbIssued, now - 600_000)
  assert.equal(verified.collateralIssued, now - 600_000)
  assert.equal(verified.collateralExpires, now - 600_000 + 30 * day)
  assert.equal(verified.signedDigest, toHex(sha256(quote.subarray(0, 432))))
})

test('judges the same on WebCrypto', async () => {
  const options = { anchors: [simulatedAnchor], now }
  assert.deepEqual(await verifyQuote(webCrypto, quote, collateral, options), await verify())
})

test('finds the right anchor among several, and none where it is missing', async () => {
  const anchors = [intelAnchor, { ...simulatedAnchor, key: intelAnchorLike() }, simulatedAnchor]
  const verified = await verifyQuote(nodeCrypto, quote, collateral, { anchors, now })
  assert.equal(verified.anchor.kind, 'simulated')
  const cases = [
    [[], 'UNTRUSTED_ROOT'],
    [[intelAnchor], 'UNTRUSTED_ROOT'],
    // The name fits, so the first thing that this key has not signed is what is wrong.
    [anchors.slice(0, 2), 'CRL_SIGNATURE'],
  ] as const
  for (const [wrong, code] of cases) {
    await assert.rejects(verifyQuote(nodeCrypto, quote, collateral, { anchors: wrong, now }), {
      code,
    })
  }
})
const intelAnchorLike = () => simulatedKey('somebody else').publicKey

test('refuses an unsound anchor before it looks at the quote', async () => {
  const anchors = [{ ...simulatedAnchor, kind: 'intel' as const }]
  await assert.rejects(verifyQuote(nodeCrypto, new Uint8Array(), collateral, { anchors, now }), {
    code: 'ANCHOR_INVALID',
  })
})

test('judges time at both ends of every period, and refuses a time that is none', async () => {
  const issued = now - 600_000
  await verify({ now: issued })
  await verify({ now: issued + 30 * day })
  await refuses({ now: issued - 1 }, 'CRL_NOT_YET_VALID')
  await refuses({ now: issued + 30 * day + 1 }, 'CRL_EXPIRED')
  await refuses({ now: Number.NaN }, 'CRL_NOT_YET_VALID')
  const dated = (issueDate: string, nextUpdate: string) => ({ issueDate, nextUpdate })
  const past = dated('2020-01-01T00:00:00Z', '2020-02-01T00:00:00Z')
  const future = dated('2030-01-01T00:00:00Z', '2030-02-01T00:00:00Z')
  await refusesCollateral({ tcbInfo: past }, 'TCB_EXPIRED')
  await refusesCollateral({ tcbInfo: future }, 'TCB_NOT_YET_VALID')
  await refusesCollateral({ qeIdentity: past }, 'QEID_EXPIRED')
  await refusesCollateral({ qeIdentity: future }, 'QEID_NOT_YET_VALID')
  await refusesCollateral({ tcbInfo: dated('2026-02-30T00:00:00Z', 'never') }, 'TCB_FORMAT')
})

test('refuses a platform certificate out of its time', async () => {
  const late = simulatedPlatform({ platformId, now: now + 2 * day })
  await refuses({ quote: late.quote({ measurement, reportData }) }, 'CERT_NOT_YET_VALID')
  const old = simulatedPlatform({ platformId, now: now - 8 * 365 * day })
  await refuses({ quote: old.quote({ measurement, reportData }) }, 'CERT_EXPIRED')
})

test('refuses revoked platforms, CAs and signers', async () => {
  await refusesCollateral({ revokedPlatforms: [platformId] }, 'PCK_REVOKED')
  await verify({
    collateral: simulatedCollateral(now, { revokedPlatforms: [new Uint8Array(16).fill(8)] }),
  })
  const rootCrl = (revoked: Uint8Array): string =>
    toHex(
      revocationList({ issuer: root, thisUpdate: now, nextUpdate: now + day, revoked: [revoked] }),
    )
  const ca = serialOf(platformCa.subject, platformCa.key.publicKey)
  const signer = serialOf(tcbSigner.subject, tcbSigner.key.publicKey)
  await refuses({ collateral: { ...collateral, root_ca_crl: rootCrl(ca) } }, 'CA_REVOKED')
  await refuses(
    { collateral: { ...collateral, root_ca_crl: rootCrl(signer) } },
    'TCB_SIGNER_REVOKED',
  )
})

test('refuses CRLs of another issuer, key or kind', async () => {
  const { root_ca_crl, pck_crl } = collateral
  const period = { thisUpdate: now, nextUpdate: now + day }
  const forged = revocationList({ issuer: { ...platformCa, key: root.key }, ...period })
  const expired = revocationList({ issuer: platformCa, thisUpdate: now - day, nextUpdate: now - 1 })
  const cases: readonly (readonly [object, QuoteFault])[] = [
    [{ pck_crl: root_ca_crl }, 'CRL_ISSUER'],
    [{ root_ca_crl: pck_crl }, 'CRL_ISSUER'],
    [{ pck_crl: toHex(forged) }, 'CRL_SIGNATURE'],
    [{ pck_crl: toHex(expired) }, 'CRL_EXPIRED'],
    [{ pck_crl: toHex(rootCertificate) }, 'DER'],
    [{ pck_crl: 'abc' }, 'COLLATERAL_FORMAT'],
    [{ pck_crl: pck_crl.toUpperCase() }, 'COLLATERAL_FORMAT'],
  ]
  for (const [part, code] of cases) {
    await refuses({ collateral: { ...collateral, ...part } }, code)
  }
})

test('refuses collateral about another platform', async () => {
  await refusesCollateral({ fmspc: new Uint8Array(6) }, 'TCB_MISMATCH')
  await refusesCollateral({ tcbInfo: { pceId: '0001' } }, 'TCB_MISMATCH')
  await refusesCollateral({ tcbInfo: { id: 'TDX' } }, 'TCB_FORMAT')
  await refusesCollateral({ tcbInfo: { id: 'SEV' } }, 'TCB_MISMATCH')
  await refusesCollateral({ tcbInfo: { id: undefined } }, 'TCB_MISMATCH')
})

test('compares FMSPC without regard to case', async () => {
  const fmspc = Uint8Array.of(0xab, 0xcd, 0xef, 0, 0, 0)
  const other = simulatedPlatform({ platformId, now, fmspc })
  for (const spelled of ['abcdef000000', 'ABCDEF000000']) {
    const verified = await verify({
      quote: other.quote({ measurement, reportData }),
      collateral: simulatedCollateral(now, { tcbInfo: { fmspc: spelled } }),
    })
    assert.equal(verified.fmspc, 'abcdef000000')
  }
})

test('refuses TCB info and QE identity with missing or wrong fields', async () => {
  const levels = (tcb: object) => [{ tcb, tcbDate: '2025-01-01T00:00:00Z', tcbStatus: 'UpToDate' }]
  const fifteen = Array.from({ length: 15 }, () => ({ svn: 0 }))
  const tcbInfos: readonly Record<string, unknown>[] = [
    { tcbEvaluationDataNumber: undefined },
    { tcbType: 1 },
    { version: 4 },
    { issueDate: '2026-05-31' },
    { tcbLevels: levels({ sgxtcbcomponents: fifteen, pcesvn: 1 }) },
    { tcbLevels: levels({ sgxtcbcomponents: [...fifteen, { svn: 256 }], pcesvn: 1 }) },
    { tcbLevels: [{ ...levels({})[0], tcbStatus: 'Fine' }] },
  ]
  for (const tcbInfo of tcbInfos) await refusesCollateral({ tcbInfo }, 'TCB_FORMAT')
  const identities: readonly Record<string, unknown>[] = [
    { tcbEvaluationDataNumber: undefined },
    { version: 1 },
    { mrsigner: 'AB' },
    { attributesMask: '' },
    { tcbLevels: {} },
  ]
  for (const qeIdentity of identities) await refusesCollateral({ qeIdentity }, 'QEID_FORMAT')
})

test('refuses signed JSON that repeats a key or is spelled otherwise than signed', async () => {
  const resigned = (tcb_info: string) => ({
    ...collateral,
    tcb_info,
    tcb_info_signature: toHex(signRaw(tcbSigner.key, utf8(tcb_info))),
  })
  const twice = collateral.tcb_info.replace('"version":3', '"version":3,"version":3')
  await refuses({ collateral: resigned(twice) }, 'TCB_FORMAT')
  await refuses({ collateral: resigned('['.repeat(1000)) }, 'TCB_FORMAT')
  const pretty = JSON.stringify(JSON.parse(collateral.tcb_info), null, 1)
  await refuses({ collateral: { ...collateral, tcb_info: pretty } }, 'TCB_SIGNATURE')
  await refuses({ collateral: { ...collateral, qe_identity: pretty } }, 'QEID_SIGNATURE')
})

test('refuses a quoting enclave that is not the one of the identity', async () => {
  await refusesCollateral({ qeIdentity: { id: 'TD_QE' } }, 'QEID_MISMATCH')
  await refusesCollateral({ qeIdentity: { id: 'QVE' } }, 'QEID_MISMATCH')
  await refusesCollateral({ qeIdentity: { isvprodid: 2 } }, 'QEID_MISMATCH')
  await refusesCollateral({ qeIdentity: { mrsigner: '00'.repeat(32) } }, 'QEID_MISMATCH')
  await refusesCollateral({ qeIdentity: { miscselect: '00000001' } }, 'QEID_MISMATCH')
  // Another value under the mask is refused, outside of the mask it is not looked at.
  await refusesCollateral({ qeIdentity: { attributes: `13${'00'.repeat(15)}` } }, 'QEID_MISMATCH')
  await verify({
    collateral: simulatedCollateral(now, {
      qeIdentity: { attributes: `15${'00'.repeat(7)}ff${'00'.repeat(7)}` },
    }),
  })
})

test('binds authentication data of any length, and all of it', async () => {
  for (const length of [0, 1, 32, 64, 1000]) {
    const qeAuthData = new Uint8Array(length).fill(3)
    const other = simulatedPlatform({ platformId, now, qeAuthData })
    await verify({ quote: other.quote({ measurement, reportData }) })
  }
})

test('refuses an attestation key that the quoting enclave does not vouch for', async () => {
  const forged = quote.slice()
  const { publicKey, ...key } = simulatedKey('attacker')
  forged.set(concat(publicKey.x, publicKey.y), 500)
  forged.set(signRaw({ publicKey, ...key }, forged.subarray(0, 432)), 436)
  await refuses({ quote: forged }, 'QE_REPORT_DATA')
})

test('takes the chain in any order and without its root', async () => {
  const certificates = [leaf, platformCaCertificate, rootCertificate]
  await verify({ quote: chainOf(...certificates.toReversed()) })
  await verify({ quote: chainOf(leaf, platformCaCertificate) })
})

test('refuses chains with missing, additional or exchanged certificates', async () => {
  const impostor = simulatedKey('impostor')
  const foreign = { subject: root.subject, key: impostor }
  const foreignRoot = certify({
    issuer: foreign,
    subject: root.subject,
    key: impostor.publicKey,
    pathLength: 1,
  })
  const foreignCa = certify({
    issuer: foreign,
    subject: platformCa.subject,
    key: platformCa.key.publicKey,
    pathLength: 0,
  })
  const noCa = certify({ issuer: root, subject: platformCa.subject, key: platformCa.key.publicKey })
  const caLeaf = certify({
    issuer: platformCa,
    subject: pckSubject,
    key: impostor.publicKey,
    pathLength: 0,
  })
  const plainLeaf = certify({ issuer: platformCa, subject: pckSubject, key: impostor.publicKey })
  const rootLeaf = certify({ issuer: root, subject: pckSubject, key: impostor.publicKey })
  const cases: readonly (readonly [readonly Uint8Array[], QuoteFault])[] = [
    [[leaf], 'CHAIN_FORMAT'],
    [[platformCaCertificate, rootCertificate], 'CHAIN_FORMAT'],
    [[leaf, leaf, platformCaCertificate], 'CHAIN_FORMAT'],
    [[leaf, platformCaCertificate, ...Array(7).fill(rootCertificate)], 'CHAIN_FORMAT'],
    [[leaf, platformCaCertificate, tcbSignerCertificate], 'UNTRUSTED_ROOT'],
    [[leaf, platformCaCertificate, foreignRoot], 'UNTRUSTED_ROOT'],
    [[leaf, foreignCa, foreignRoot], 'UNTRUSTED_ROOT'],
    [[leaf, noCa, rootCertificate], 'NOT_A_CA'],
    [[caLeaf, platformCaCertificate], 'NOT_A_LEAF'],
    [[rootLeaf, platformCaCertificate], 'CERT_SIGNATURE'],
    [[plainLeaf, platformCaCertificate], 'PCK_EXTENSION'],
  ]
  for (const [chain, code] of cases) {
    await refuses({ quote: chainOf(...chain) }, code)
  }
})

test('refuses TCB signers that the root did not issue as such', async () => {
  const impostor = simulatedKey('impostor')
  const key = tcbSigner.key.publicKey
  const { subject } = tcbSigner
  const byPlatformCa = certify({ issuer: platformCa, subject, key })
  const forged = certify({ issuer: { ...root, key: impostor }, subject, key })
  const asCa = certify({ issuer: root, subject, key, pathLength: 0 })
  const cases: readonly (readonly [string, QuoteFault])[] = [
    [pem(byPlatformCa), 'UNTRUSTED_ROOT'],
    [pem(forged), 'CERT_SIGNATURE'],
    [pem(asCa), 'NOT_A_LEAF'],
    [pem(rootCertificate), 'CHAIN_FORMAT'],
    [pem(tcbSignerCertificate, tcbSignerCertificate), 'CHAIN_FORMAT'],
    [pem(tcbSignerCertificate, platformCaCertificate), 'UNTRUSTED_ROOT'],
  ]
  for (const field of ['tcb_info_issuer_chain', 'qe_identity_issuer_chain'] as const) {
    for (const [chain, code] of cases) {
      await refuses({ collateral: { ...collateral, [field]: chain } }, code)
    }
  }
})

test('takes the chain from the collateral where the quote names its platform otherwise', async () => {
  const known = { ...collateral, pck_certificate_chain: ownChain }
  const onlyLeaf = withCertification(4, utf8(pem(leaf)))
  await verify({ quote: onlyLeaf, collateral: known })
  await verify({ quote: withCertification(1, new Uint8Array(36)), collateral: known })
  await verify({ quote: withCertification(3, new Uint8Array(404)), collateral: known })
  await refuses({ quote: onlyLeaf }, 'CHAIN_FORMAT')
  await refuses({ quote: withCertification(1, new Uint8Array(35)), collateral: known }, 'CERT_TYPE')
  await refuses({ quote: withCertification(4, utf8(ownChain)), collateral: known }, 'CERT_TYPE')
  for (const type of [0, 6, 7]) {
    await refuses(
      { quote: withCertification(type, utf8(ownChain)), collateral: known },
      'CERT_TYPE',
    )
  }
})

test('does not take the PCK certificate of another platform', async () => {
  const other = simulatedPlatform({ platformId: new Uint8Array(16).fill(9), now })
  const foreign = parseQuote(other.quote({ measurement, reportData })).certification
  await refuses({ quote: withCertification(5, foreign.data) }, 'QE_REPORT_SIGNATURE')
})

test('accepts zero padding and nothing else behind the quote', async () => {
  await verify({ quote: concat(quote, new Uint8Array(70)) })
  await refuses({ quote: concat(quote, Uint8Array.of(0, 0, 1)) }, 'QUOTE_FORMAT')
  await refuses({ quote: concat(quote, new Uint8Array(64 * 1024)) }, 'QUOTE_FORMAT')
})

test('reports debug enclaves as genuine, for the policy to refuse', async () => {
  const verified = await verify({ quote: platform.quote({ measurement, reportData, debug: true }) })
  assert.equal(verified.debug, true)
})

test('refuses collateral with unknown, missing or oversized members', async () => {
  const { pck_crl, ...missing } = collateral
  const bad: readonly object[] = [
    missing,
    { ...collateral, more: pck_crl },
    { ...collateral, tcb_info: ' '.repeat(512 * 1024 + 1) },
    { ...collateral, tcb_info_issuer_chain: 'x'.repeat(32 * 1024 + 1) },
    { ...collateral, tcb_info_signature: '00' },
  ]
  for (const one of bad)
    await refuses({ collateral: one as typeof collateral }, 'COLLATERAL_FORMAT')
})

test('gives every spelling of a signature and every padding the same digest', async () => {
  // ECDSA is malleable: n - s is as good as s (FIPS 186-5, 6.4.2), so bytes do not name a quote.
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
  const s = BigInt(`0x${toHex(quote.subarray(436 + 32, 436 + 64))}`)
  const other = quote.slice()
  other.set(Buffer.from((order - s).toString(16).padStart(64, '0'), 'hex'), 436 + 32)
  const padded = concat(quote, new Uint8Array(70))
  const digests = [quote, other, padded].map(
    async (one) => (await verify({ quote: one })).signedDigest,
  )
  assert.equal(new Set(await Promise.all(digests)).size, 1)
})

test('reports what is revoked as genuine, for every policy to refuse', async () => {
  const levels = { tcbStatus: 'Revoked', qeStatus: 'Revoked' } as const
  for (const [name, status] of Object.entries(levels)) {
    const verified = await verify({ collateral: simulatedCollateral(now, { [name]: status }) })
    assert.equal(verified.status, 'Revoked')
  }
})
