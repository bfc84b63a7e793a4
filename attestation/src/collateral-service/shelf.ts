// The collateral at hand: verified sets by what they are about, in memory and in
// a folder. Nothing gets on it that is older than what was on it before.

import { type Clock, type Crypto, type Random, VortaError } from '@vorta/core'
import type { TrustAnchor } from '../anchors.ts'
import type { Collateral } from '../collateral.ts'
import { refuse } from '../errors.ts'
import { type VerifiedCollateral, verifyCollateral } from '../verify-collateral.ts'
import { readStored, storedKeys, writeStored } from './disk-cache.ts'
import { type CollateralKey, keyText } from './fetch-collateral.ts'
import { openRollbackMemory, type RollbackMemory } from './rollback.ts'
import { isWithin, type Span } from './span.ts'

export type Held = {
  readonly collateral: Collateral
  readonly verified: VerifiedCollateral
  readonly fetchedAt: number
}

export type Entry = {
  readonly key: CollateralKey
  held?: Held & {
    /** From when on it is to be renewed in the background. */
    readonly refreshAt: number
    /** Until when nobody waits for that. */
    readonly freshUntil: number
  }
  refreshing?: Promise<void>
  failure?: VortaError
  /** While nobody is asked again, because that failed a moment ago. */
  pause?: Span
}

/** Time to renew it: half of its life is over, or the clock was set back since it was fetched. */
export const isDue = (held: NonNullable<Entry['held']>, now: number): boolean =>
  !isWithin({ from: held.fetchedAt, until: held.refreshAt }, now)

export type ShelfEvent =
  /** New collateral is in use from now on. */
  | { readonly kind: 'adopted'; readonly key: CollateralKey; readonly expires: number }
  /** A file of the folder is damaged, altered or older than what was seen before. */
  | {
      readonly kind: 'discarded'
      readonly key: CollateralKey
      readonly code: string
      readonly reason: string
    }

export type ShelfOptions = {
  readonly anchors: readonly TrustAnchor[]
  readonly folder?: string
  readonly maxAgeMs: number
}

export type ShelfDeps = {
  readonly crypto: Crypto
  readonly clock: Clock
  readonly random: Random
  readonly onEvent: (event: ShelfEvent) => void
}

// There are a few dozen kinds of platforms; the least recently used goes.
const maxEntries = 256

export class Shelf {
  private readonly entries = new Map<string, Entry>()
  private readonly options: ShelfOptions
  private readonly deps: ShelfDeps
  private readonly memory: RollbackMemory

  private constructor(options: ShelfOptions, deps: ShelfDeps, memory: RollbackMemory) {
    this.options = options
    this.deps = deps
    this.memory = memory
  }

  /** Reads the folder. Throws CONFIG_INVALID where its memory against rollback is damaged. */
  static async open(options: ShelfOptions, deps: ShelfDeps): Promise<Shelf> {
    const { folder } = options
    const memory = await openRollbackMemory(folder && `${folder}/seen.json`)
    const shelf = new Shelf(options, deps, memory)
    for (const key of folder ? await storedKeys(folder) : []) await shelf.restore(shelf.entry(key))
    return shelf
  }

  /** The place for a set, with or without one on it. */
  entry(key: CollateralKey): Entry {
    const text = keyText(key)
    const entry = this.entries.get(text) ?? { key }
    // The end of the map is what was used last.
    this.entries.delete(text)
    this.entries.set(text, entry)
    const [oldest] = this.entries.keys()
    if (this.entries.size > maxEntries && oldest !== undefined) this.entries.delete(oldest)
    return entry
  }

  all(): readonly Entry[] {
    return [...this.entries.values()]
  }

  /** Verifies a set that an endpoint gave for this key. Throws VerificationError. */
  async verifyFetched(key: CollateralKey, collateral: Collateral): Promise<Held> {
    const held = await this.verify(collateral, this.deps.clock.now())
    requireAbout(key, held.verified)
    this.memory.check(key, held.verified)
    return held
  }

  /** Verifies a set from elsewhere and keeps it. Throws VerificationError. */
  async adopt(collateral: Collateral, update: CollateralKey['update']): Promise<CollateralKey> {
    const held = await this.verify(collateral, this.deps.clock.now())
    const { tee, ca, tcbInfo } = held.verified
    const key = { tee, fmspc: tcbInfo.fmspc, ca, update }
    await this.keep(this.entry(key), this.withNewestCrls(held))
    return key
  }

  /** Remembers first: what is in use is never newer than the memory. */
  async keep(entry: Entry, held: Held): Promise<void> {
    const { key } = entry
    const { folder } = this.options
    this.memory.check(key, held.verified)
    await this.memory.accept(key, held.verified)
    const { collateral, fetchedAt } = held
    if (folder) await writeStored(folder, key, { fetchedAt, collateral })
    this.use(entry, held)
  }

  /** Takes up what the folder has, where that is newer. Never rejects. */
  async restore(entry: Entry): Promise<void> {
    const { key } = entry
    const { folder } = this.options
    try {
      const stored = folder && (await readStored(folder, key))
      if (!stored) return
      const now = this.deps.clock.now()
      // What claims to come from the future was fetched by a clock that was wrong.
      const age = ({ fetchedAt }: Pick<Held, 'fetchedAt'>) =>
        fetchedAt > now ? Number.POSITIVE_INFINITY : now - fetchedAt
      if (entry.held && age(entry.held) <= age(stored)) return
      // It was in force when it was fetched; whether it still is, is for who uses it.
      const isDated = stored.fetchedAt <= now
      const found = await this.verify(stored.collateral, isDated ? stored.fetchedAt : now)
      const fetchedAt = isDated ? stored.fetchedAt : found.verified.issued.tcbInfo
      const verified = { ...found, fetchedAt }
      requireAbout(key, verified.verified)
      const held = this.withNewestCrls(verified)
      this.memory.check(key, held.verified)
      await this.memory.accept(key, held.verified)
      this.use(entry, held)
    } catch (thrown) {
      const { code, message } = VortaError.from(thrown)
      this.deps.onEvent({ kind: 'discarded', key, code, reason: message })
    }
  }

  private async verify(collateral: Collateral, fetchedAt: number): Promise<Held> {
    const options = { anchors: this.options.anchors, now: fetchedAt }
    const verified = await verifyCollateral(this.deps.crypto, collateral, options)
    return { collateral, verified, fetchedAt }
  }

  /**
   * A CRL is the same for every kind of platform, so that of a set from another day may be older
   * than one at hand: the newest serves for all. `expires` stays what it was, which is early enough.
   */
  private withNewestCrls(held: Held): Held {
    const { ca, issued } = held.verified
    const all = [held, ...this.all().flatMap((entry) => entry.held ?? [])]
    const root = newest(all, ({ verified }) => verified.issued.rootCrl)
    const pck = newest(
      all.filter(({ verified }) => verified.ca === ca),
      ({ verified }) => verified.issued.pckCrl,
    )
    const { rootCrl } = root.verified.issued
    const { pckCrl } = pck.verified.issued
    return {
      fetchedAt: held.fetchedAt,
      verified: { ...held.verified, issued: { ...issued, rootCrl, pckCrl } },
      collateral: {
        ...held.collateral,
        root_ca_crl: root.collateral.root_ca_crl,
        pck_crl: pck.collateral.pck_crl,
        pck_crl_issuer_chain: pck.collateral.pck_crl_issuer_chain,
      },
    }
  }

  private use(entry: Entry, held: Held): void {
    const { random, onEvent } = this.deps
    const { fetchedAt, verified } = held
    const lifetime = Math.max(0, Math.min(this.options.maxAgeMs, verified.expires - fetchedAt))
    // From half of its life on; the jitter of a tenth keeps many services from asking at once.
    const jitter = (random(1)[0] ?? 0) / 2560
    entry.held = {
      ...held,
      refreshAt: fetchedAt + lifetime * (0.5 + jitter),
      freshUntil: fetchedAt + lifetime,
    }
    delete entry.failure
    delete entry.pause
    onEvent({ kind: 'adopted', key: entry.key, expires: verified.expires })
  }
}

const newest = (all: readonly Held[], issued: (held: Held) => number): Held =>
  all.reduce((best, held) => (issued(held) > issued(best) ? held : best))

/** An endpoint may answer with genuine documents about something else. */
function requireAbout(
  key: CollateralKey,
  { tee, ca, tcbInfo, qeIdentity }: VerifiedCollateral,
): void {
  if (tee !== key.tee || ca !== key.ca || tcbInfo.fmspc !== key.fmspc) {
    const got = keyText({ tee, ca, fmspc: tcbInfo.fmspc, update: key.update })
    throw refuse('TCB_MISMATCH', `collateral: expected ${keyText(key)}, got ${got}`)
  }
  const numbers = [tcbInfo.evaluationNumber, qeIdentity.evaluationNumber]
  const wanted = typeof key.update === 'number' ? key.update : numbers[0]
  if (numbers.some((number) => number !== wanted)) {
    const got = numbers.join(' and ')
    throw refuse('COLLATERAL_MIXED', `collateral: expected evaluation ${wanted}, got ${got}`)
  }
}
