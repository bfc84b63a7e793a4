// 10,000 mutations of each document, from a fixed seed: each is refused with a
// code, and none of them, nor the largest inputs that are taken, costs much.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { concat, equal, fromHex, toHex, utf8 } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import {
  collateral,
  faultOf,
  now,
  quote,
  tdCollateral,
  tdQuote,
  verify,
  verifyTd,
} from '../test/fixture.ts'
import { mutate, randomFrom } from '../test/mutate.ts'
import { simulatedAnchor } from './anchors.ts'
import type { Collateral } from './collateral.ts'
import { verifyCrl } from './crl.ts'
import { sequence, smallInteger, time } from './der-writer.ts'
import { Memory } from './memory.ts'
import { checkRoots } from './roots.ts'
import { readSignerChain, signedJson, verifySignedJson, verifySigner } from './signed-json.ts'
import { signRaw } from './simulated/keys.ts'
import {
  type Issuer,
  pem,
  platformCa,
  revocationList,
  root,
  rootCertificate,
  tcbSigner,
} from './simulated/pki.ts'

const rounds = 10_000
/** What one input may cost, in milliseconds. Usual are 0.1 to 2. */
const limit = 50

// What is not mutated is known already.
const memory = new Memory()
await verify({ memory })
await verifyTd({ memory })

type Run = () => Promise<unknown>

/** Runs each input once; the slowest one, run again, has to be fast by the median. */
async function withinLimit(inputs: Iterable<Run>): Promise<void> {
  let slowest: { readonly run: Run; readonly took: number } | undefined
  for (const run of inputs) {
    const took = await milliseconds(run)
    if (!slowest || took > slowest.took) slowest = { run, took }
  }
  assert.ok(slowest)
  const times: number[] = []
  for (let i = 0; i < 5; i++) times.push(await milliseconds(slowest.run))
  const median = times.sort((a, b) => a - b)[2]!
  assert.ok(median < limit, `the slowest input took ${median} ms`)
}

async function milliseconds(run: Run): Promise<number> {
  const begun = performance.now()
  await run()
  return performance.now() - begun
}

const refused =
  (given: Parameters<typeof verify>[0]): Run =>
  () =>
    faultOf(verify({ ...given, memory }))

/** Zero bytes behind a quote are no change of it. */
const isPadded = (bytes: Uint8Array, original: Uint8Array): boolean =>
  bytes.length >= original.length &&
  equal(bytes.subarray(0, original.length), original) &&
  bytes.subarray(original.length).every((byte) => byte === 0)

const quotes = { 'SGX quote': [quote, collateral], 'TDX quote': [tdQuote, tdCollateral] } as const
for (const [seed, [name, [original, documents]]] of Object.entries(quotes).entries()) {
  test(`refuses every mutation of a ${name}`, () =>
    withinLimit(
      (function* () {
        const random = randomFrom(0x5eed + seed)
        for (let i = 0; i < rounds; i++) {
          const bytes = mutate(original, random)
          if (!isPadded(bytes, original)) yield refused({ quote: bytes, collateral: documents })
        }
      })(),
    ))
}

const { signer } = readSignerChain(tdCollateral.tcb_info_issuer_chain, 'chain')
const rootCrl = await verifyCrl(nodeCrypto, tdCollateral.root_ca_crl, simulatedAnchor, 'CRL', now)
const trust = { anchor: simulatedAnchor, rootCrl, now }

const crl = (issuer: Issuer) => (text: string) =>
  verifyCrl(nodeCrypto, text, { subject: issuer.subject, key: issuer.key.publicKey }, 'CRL', now)
const json =
  (field: 'tcb_info' | 'qe_identity', fault: 'TCB_SIGNATURE' | 'QEID_SIGNATURE') =>
  (text: string) => {
    const signature = tdCollateral[`${field}_signature`]
    const document = signedJson(text, signature, fault, (value) => value)
    return verifySignedJson(nodeCrypto, signer, document, fault)
  }
const chain = async (text: string) => {
  const found = readSignerChain(text, 'chain')
  await checkRoots(nodeCrypto, found.roots, simulatedAnchor)
  await verifySigner(nodeCrypto, found.signer, trust)
}

/** How a verifier judges each document by itself. */
const documents = {
  root_ca_crl: crl(root),
  pck_crl: crl(platformCa),
  tcb_info_issuer_chain: chain,
  tcb_info: json('tcb_info', 'TCB_SIGNATURE'),
  qe_identity: json('qe_identity', 'QEID_SIGNATURE'),
} as const

for (const [seed, [name, judge]] of Object.entries(documents).entries()) {
  const field = name as keyof typeof documents
  test(`refuses every mutation of ${field}`, () => {
    const text = tdCollateral[field]
    const isBinary = field.endsWith('crl')
    const original = isBinary ? fromHex(text)! : utf8(text)
    const back = (bytes: Uint8Array) => (isBinary ? toHex(bytes) : Buffer.from(bytes).toString())
    return withinLimit(
      (function* () {
        const random = randomFrom(0xc0de + seed)
        for (let i = 0; i < rounds; i++) {
          const mutated = back(mutate(original, random))
          if (isSameEvidence(mutated, text)) continue
          yield () => faultOf(judge(mutated))
          const spoiled = { ...tdCollateral, [field]: mutated }
          if (i % 100 === 0) yield refused({ quote: tdQuote, collateral: spoiled })
        }
      })(),
    )
  })
}

/** A chain without its root, or without its last line end, is the same chain. */
const isSameEvidence = (text: string, original: string): boolean =>
  text === original || (original.startsWith(text) && /END CERTIFICATE-----\n?$/.test(text))

test('spends little on the largest inputs it takes, signed ones among them', () => {
  const mebibyte = 2 ** 20
  const resigned = (tcb_info: string): Collateral => ({
    ...collateral,
    tcb_info,
    tcb_info_signature: toHex(signRaw(tcbSigner.key, utf8(tcb_info))),
  })
  const filled = (item: string): string => {
    const [head, tail] = ['{"tcbLevels":[', ']}']
    const count = Math.floor((512 * 1024 - head.length - tail.length - 2) / (item.length + 1))
    return `${head}${Array(count).fill(item).join(',')}${tail}`
  }
  const issuedBy = { issuer: root, thisUpdate: now, nextUpdate: now + 1000 }
  const serials = Array.from({ length: 12_000 }, (_, i) => Uint8Array.of(1, i >> 8, i & 255))
  const manyEntries = toHex(revocationList({ ...issuedBy, revoked: serials }))
  const attributes = Array(2000).fill(smallInteger(1))
  const odd = sequence(sequence(...attributes), sequence(time(now)))
  const inputs: readonly Run[] = [
    refused({ quote: new Uint8Array(64 * 1024).fill(3) }),
    refused({ quote: concat(quote, new Uint8Array(64 * 1024 - quote.length).fill(1)) }),
    refused({ collateral: { ...collateral, root_ca_crl: '30'.repeat(mebibyte) } }),
    refused({
      collateral: { ...collateral, root_ca_crl: `3083100000${'30'.repeat(mebibyte - 5)}` },
    }),
    refused({ collateral: { ...collateral, root_ca_crl: manyEntries } }),
    refused({
      collateral: { ...collateral, tcb_info_issuer_chain: pem(...Array(9).fill(rootCertificate)) },
    }),
    refused({ collateral: { ...collateral, pck_crl_issuer_chain: pem(odd) } }),
    refused({ collateral: resigned('['.repeat(512 * 1024)) }),
    refused({ collateral: resigned(filled('1')) }),
    refused({ collateral: resigned(filled('{"a":[]}')) }),
    refused({ collateral: resigned(filled('"\\u0041\\u0042\\u0043"')) }),
  ]
  return withinLimit(inputs)
})
