// Quotes verified per second: our verifier beside @phala/dcap-qvl, on the calling
// thread and on all processors, and what the signatures alone would allow.

import { availableParallelism } from 'node:os'
import { VerifierMemory, verifyQuote } from '@vorta/attestation'
import { parseQuote } from '@vorta/attestation/quote'
import { type Crypto, equal } from '@vorta/core'
import { createNodeCrypto } from '@vorta/core/crypto-node'
import { createThreadedCrypto } from '@vorta/core/crypto-threads'
import { type Subject, subjects } from './attestation-subjects.ts'
import { opensslVerifies } from './openssl.ts'
import { libraryVerify } from './peers/dcap-qvl.ts'
import { type Benchmark, median, type Report } from './report.ts'

// Several turns each: what else the machine does then hits all alike.
const rounds = 7
const sampleMs = 400
/** Before each turn, not counted: until the system has spread the threads over the processors. */
const settleMs = 200
/** A turn of OpenSSL takes four seconds. */
const limitRounds = 3
const processors = availableParallelism()
/** With threads: enough that none waits for the event loop. */
const inFlight = 128 * processors

export const attestation: Benchmark = {
  name: 'attestation',
  summary: `quotes verified per second, median of ${rounds} interleaved rounds`,
  run: async (report) => {
    const found = subjects()
    const contenders = found.flatMap(contendersFor)
    const samples = new Map(contenders.map(({ key }) => [key, [] as number[]]))
    const limits: { one: number[]; all: number[] } = { one: [], all: [] }
    for (let round = 0; round < rounds; round++) {
      for (const { key, run, at } of contenders) {
        await rateOf(run, at, settleMs)
        samples.get(key)!.push(await rateOf(run, at, sampleMs))
      }
      if (round % Math.ceil(rounds / limitRounds) === 0) await sampleLimits(limits)
    }
    const rate = (key: string): number => median(samples.get(key)!)
    for (const { tee, what } of found) tellSubject(report, tee, what, rate)
    tellRatios(report, found, rate)
    tellLimits(report, limits, found, rate)
  },
}

const levels = {
  cold: 'nothing known',
  known_platform: 'platform known, attestation key new',
  known_key: 'attestation key known',
} as const
type Level = keyof typeof levels
const levelNames = Object.keys(levels) as readonly Level[]

type Contender = {
  readonly key: string
  readonly run: () => unknown
  /** How many are under way at once. */
  readonly at: number
}

function contendersFor(subject: Subject): readonly Contender[] {
  const { tee } = subject
  const ours = levelNames.flatMap((level) => [
    { key: `${tee}_${level}_one_thread`, run: verification(subject, level, false), at: 1 },
    { key: `${tee}_${level}`, run: verification(subject, level, true), at: inFlight },
  ])
  return [{ key: `${tee}_library`, run: libraryVerify(subject), at: 1 }, ...ours]
}

const onOneThread = { keeping: createNodeCrypto(), importing: createNodeCrypto({ maxKeys: 0 }) }
const onThreads = {
  keeping: createThreadedCrypto(),
  importing: createThreadedCrypto({ maxKeys: 0 }),
}
// A quote begins with another key than the one before ended with: it imports all of its own.
const coldOnThreads = createThreadedCrypto({ maxKeys: 1 })

/** One verification as it is where so much is known already. */
function verification(subject: Subject, level: Level, many: boolean): () => Promise<unknown> {
  const { quote, collateral, now, anchor } = subject
  const anchors = [anchor]
  const verify = (crypto: Crypto, memory: VerifierMemory) =>
    verifyQuote(crypto, quote, collateral, { anchors, now, memory })
  const { keeping, importing } = many ? onThreads : onOneThread
  if (level === 'cold') {
    // No key has been imported before either.
    return () => verify(many ? coldOnThreads : createNodeCrypto(), new VerifierMemory())
  }
  if (level === 'known_key') {
    const memory = new VerifierMemory()
    return () => verify(keeping, memory)
  }
  const memory = new VerifierMemory({ collaterals: 8, certificates: 32, attestationKeys: 0 })
  const { x } = parseQuote(quote).attestationKey
  // A new attestation key has to be imported; that of the platform is there.
  const crypto: Crypto = {
    ...keeping,
    verifyP256: (key, data, signature) =>
      (equal(key.x, x) ? importing : keeping).verifyP256(key, data, signature),
  }
  return () => verify(crypto, memory)
}

/** Runs for so long, `at` so many at once; per second. */
async function rateOf(run: () => unknown, at: number, ms: number): Promise<number> {
  const begun = performance.now()
  let count = 0
  const loop = async () => {
    while (performance.now() - begun < ms) {
      await run()
      count++
    }
  }
  await Promise.all(Array.from({ length: at }, loop))
  return (count / (performance.now() - begun)) * 1000
}

type Limits = { readonly one: number[]; readonly all: number[] }

async function sampleLimits({ one, all }: Limits): Promise<void> {
  const [single, multi] = [await opensslVerifies(1), await opensslVerifies(processors)]
  if (single !== undefined && multi !== undefined) {
    one.push(single)
    all.push(multi)
  }
}

type Rate = (key: string) => number
const perSecond = (key: string): string => `${key}_per_second`

function tellSubject({ add }: Report, tee: string, what: string, rate: Rate): void {
  const library = { what: `dcap-qvl, one thread (${what})`, value: rate(`${tee}_library`) }
  let peer: typeof library & { readonly key?: string } = {
    ...library,
    key: perSecond(`${tee}_library`),
  }
  for (const level of levelNames) {
    for (const [suffix, threads] of [
      ['_one_thread', 'one thread'],
      ['', `${processors} processors`],
    ]) {
      const key = `${tee}_${level}${suffix}`
      const text = `${tee} ${levels[level]}, ${threads}`
      add({ key: perSecond(key), what: text, value: rate(key), unit: '1/s', peer })
      peer = { what: 'the same', value: library.value }
    }
  }
}

const geometricMean = (values: readonly number[]): number =>
  Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length)

function tellRatios({ add }: Report, found: readonly Subject[], rate: Rate): void {
  for (const level of levelNames) {
    for (const suffix of ['', '_one_thread']) {
      const ratio = ({ tee }: Subject) => rate(`${tee}_${level}${suffix}`) / rate(`${tee}_library`)
      const threads = suffix === '' ? `${processors} processors` : 'one thread'
      add({
        key: `${level}${suffix}_ratio`,
        what: `${levels[level]}: ${threads} / library, mean of both quotes`,
        value: geometricMean(found.map(ratio)),
        unit: 'x',
      })
    }
  }
}

function tellLimits(
  { add }: Report,
  { one, all }: Limits,
  found: readonly Subject[],
  rate: Rate,
): void {
  if (one.length === 0) return
  for (const [suffix, limit, threads] of [
    ['', all, `openssl speed -multi ${processors}`],
    ['_one_thread', one, 'openssl speed'],
  ] as const) {
    const known = geometricMean(found.map(({ tee }) => rate(`${tee}_known_key${suffix}`)))
    add({
      key: `known_key${suffix}_per_second`,
      what: `attestation key known, mean of both quotes`,
      value: known,
      unit: '1/s',
      peer: {
        what: `${threads} ecdsap256, verify`,
        value: median(limit),
        key: `openssl${suffix}_verifies_per_second`,
        ratioKey: `ceiling_share${suffix}`,
      },
    })
  }
}
