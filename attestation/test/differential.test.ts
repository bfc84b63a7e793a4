// Our verdicts beside those of another implementation: they agree on every quote
// but those on which it is known to be wrong, and there they must differ.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fromBase64, VerificationError } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { simulatedAnchor, type TrustAnchor } from '../src/anchors.ts'
import type { Collateral } from '../src/collateral.ts'
import { simulatedCollateral } from '../src/simulated/collateral.ts'
import { rootCertificate } from '../src/simulated/pki.ts'
import { simulatedPlatform } from '../src/simulated/platform.ts'
import { enclaveTcbStatuses, platformTcbStatuses } from '../src/tcb-status.ts'
import { verifyQuote } from '../src/verify-quote.ts'
import { knownFaults, secondOpinion } from './dcap-qvl.ts'
import {
  collateral,
  day,
  flipped,
  flippedText,
  measurement,
  now,
  platform,
  platformId,
  quote,
  reportData,
  tdCollateral,
  tdMeasurement,
} from './fixture.ts'
import { absent, anchorOf, cases, momentOf, quoteOf } from './vectors.ts'

type Subject = {
  readonly id: string
  readonly quote: Uint8Array
  readonly collateral: Collateral
  readonly now: number
  readonly anchor: TrustAnchor
  readonly rootDer: Uint8Array
}

async function ourOpinion({ quote, collateral, anchor, now }: Subject): Promise<string> {
  try {
    return (await verifyQuote(nodeCrypto, quote, collateral, { anchors: [anchor], now })).status
  } catch (error) {
    assert.ok(error instanceof VerificationError, String(error))
    return 'refused'
  }
}

const faultOn = (id: string): string | undefined =>
  Object.entries(knownFaults).find(([, ids]) => ids.includes(id))?.[0]

async function compare(subjects: readonly Subject[]): Promise<void> {
  for (const subject of subjects) {
    const { id, quote, collateral, now, rootDer } = subject
    const ours = await ourOpinion(subject)
    const theirs = secondOpinion(quote, collateral, now / 1000, rootDer)
    const fault = faultOn(id)
    if (fault === undefined) assert.equal(ours, theirs, id)
    else assert.notEqual(ours, theirs, `${id}: it no longer ${fault}`)
  }
}

const derOf = (pem: string): Uint8Array => fromBase64(pem.split('-----')[2]!.replace(/\s/g, ''))!

const genuine = cases
  .filter(({ expected }) => expected.outcome !== 'parse')
  .map((one) => ({
    id: one.id,
    quote: quoteOf(one),
    collateral: one.collateral,
    now: momentOf(one),
    anchor: anchorOf(one),
    rootDer: derOf(one.rootCaPem),
  }))

test('agrees on every quote of others', { skip: absent }, () => compare(genuine))

const subject = (id: string, given: Partial<Subject> = {}): Subject => ({
  id,
  quote,
  collateral,
  now,
  anchor: simulatedAnchor,
  rootDer: rootCertificate,
  ...given,
})
const tdQuote = platform.tdQuote({ measurement: tdMeasurement, reportData })
const parts = {
  sgx: { quote, collateral },
  tdx: { quote: tdQuote, collateral: tdCollateral },
} as const
const tees = ['sgx', 'tdx'] as const

const statuses = tees.flatMap((tee) =>
  platformTcbStatuses.flatMap((tcbStatus) =>
    enclaveTcbStatuses.map((qeStatus) =>
      subject(`${tee} ${tcbStatus}, QE ${qeStatus}`, {
        ...parts[tee],
        collateral: simulatedCollateral(now, { tee, tcbStatus, qeStatus }),
      }),
    ),
  ),
)

test('agrees on platforms and quoting enclaves of every status', () => compare(statuses))

const modules = enclaveTcbStatuses.map((moduleStatus) =>
  subject(`module ${moduleStatus}`, {
    quote: tdQuote,
    collateral: simulatedCollateral(now, { tee: 'tdx', moduleStatus }),
  }),
)
const versions = [
  ...([4, 5] as const).map((version) =>
    subject(`sgx version ${version}`, {
      quote: platform.quote({ measurement, reportData, version }),
    }),
  ),
  ...(['1.0', '1.5', '1.5Ex'] as const).map((report) =>
    subject(`tdx report ${report}`, {
      quote: platform.tdQuote({ measurement: tdMeasurement, reportData, report }),
      collateral: tdCollateral,
    }),
  ),
]
const platforms = [0, 32, 64].map((length) => {
  const qeAuthData = new Uint8Array(length).fill(1)
  const other = simulatedPlatform({ platformId, now, qeAuthData })
  return subject(`auth data of ${length}`, { quote: other.quote({ measurement, reportData }) })
})
const old = simulatedCollateral(now - 60 * day)
const moments = [
  subject('after its time', { now: now + 40 * day }),
  subject('before its time', { now: now - day }),
  subject('revoked', {
    collateral: simulatedCollateral(now, { revokedPlatforms: [platformId] }),
  }),
  subject('another model', {
    collateral: simulatedCollateral(now, { fmspc: new Uint8Array(6) }),
  }),
  subject('old CRLs', {
    collateral: { ...collateral, root_ca_crl: old.root_ca_crl, pck_crl: old.pck_crl },
  }),
]

test('agrees on modules, versions, authentication data and moments', () =>
  compare([...modules, ...versions, ...platforms, ...moments]))

/** Three bits of each document, and one bit of every 100th byte of a quote. */
const flips = tees.flatMap((tee) => {
  const { quote, collateral } = parts[tee]
  const fields = Object.keys(collateral) as (keyof Collateral)[]
  const documents = fields
    // Nothing rests on it, and the other implementation does not read it.
    .filter((field) => field !== 'pck_crl_issuer_chain')
    .flatMap((field) =>
      [0.3, 0.5, 0.7].map((share) => {
        const text = collateral[field]!
        const spoiled = flippedText(text, Math.floor(share * text.length), 1)
        return subject(`flip ${tee} ${field}`, {
          quote,
          collateral: { ...collateral, [field]: spoiled },
        })
      }),
    )
  const offsets = Array.from({ length: 20 }, (_, i) => i * 100 + 7)
  const quotes = offsets.map((at) =>
    subject(`flip ${tee} quote at ${at}`, { quote: flipped(quote, at), collateral }),
  )
  return [...documents, ...quotes]
})

test('agrees on what was altered', () => compare(flips))

test('lists no fault on a quote that is not compared', { skip: absent }, () => {
  const all = [...genuine, ...statuses, ...modules, ...versions, ...platforms, ...moments, ...flips]
  const compared = new Set(all.map(({ id }) => id))
  for (const id of Object.values(knownFaults).flat()) assert.ok(compared.has(id), id)
})
