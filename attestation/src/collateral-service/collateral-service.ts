// Collateral at hand when it is needed: fetched once for many callers, verified
// before it is kept, renewed in the background long before it runs out, served
// from memory while the endpoints are away. It makes nothing true: whoever
// judges a quote verifies the collateral again.

import { type Clock, type Crypto, fail, type Random, VortaError } from '@vorta/core'
import type { TrustAnchor } from '../anchors.ts'
import type { Collateral } from '../collateral.ts'
import { type EvaluationNumbers, verifyEvaluationNumbers } from '../evaluation-numbers.ts'
import { type AskedEvent, createFailover, type Failover } from './failover.ts'
import { type CollateralKey, fetchCollateral, keyText } from './fetch-collateral.ts'
import { type Located, locateCollateral } from './locate.ts'
import type { HardwareTee, PcsClient, Update } from './pcs-client.ts'
import { createLookup, type Lookup } from './platform-lookups.ts'
import { type Entry, type Held, isDue, Shelf, type ShelfEvent } from './shelf.ts'
import { isWithin } from './span.ts'

export type { Held } from './shelf.ts'

export type CollateralServiceOptions = {
  /** Asked in this order. None is fine where the folder is filled by imports. */
  readonly clients: readonly PcsClient[]
  /** What collateral has to be signed under. */
  readonly anchors: readonly TrustAnchor[]
  /** Where collateral and the memory against rollback are kept; none keeps both in memory only. */
  readonly folder?: string
  /** What `forQuote` asks for; the default is `standard`. */
  readonly update?: Update
  /** Collateral is renewed before it is this old, however long it is valid; the default is 24 h. */
  readonly maxAgeMs?: number
  /** How long after its end it is still served, marked as stale, where none newer can be had. */
  readonly graceMs?: number
}

export type CollateralServiceDeps = {
  readonly crypto: Crypto
  readonly clock: Clock
  readonly random: Random
  readonly onEvent?: (event: CollateralEvent) => void
}

export type CollateralEvent =
  | ShelfEvent
  | ({ readonly kind: 'asked' } & AskedEvent)
  /** No endpoint had it. `held` says what is served meanwhile. */
  | {
      readonly kind: 'failed'
      readonly key: CollateralKey
      readonly held: 'fresh' | 'stale' | 'none'
      readonly code: string
      readonly reason: string
    }

export type Served = Held & {
  /** It has run out: a verifier refuses a quote by it, and can say why. */
  readonly stale: boolean
}

const day = 24 * 3_600_000

// How long a failure stands before an endpoint is asked again.
const retryAfterMs = 30_000

export class CollateralService {
  private readonly options: CollateralServiceOptions
  private readonly deps: CollateralServiceDeps
  private readonly shelf: Shelf
  private readonly failover: Failover
  private readonly lookup: Lookup<Located>

  private constructor(
    options: CollateralServiceOptions,
    deps: CollateralServiceDeps,
    shelf: Shelf,
  ) {
    this.options = options
    this.deps = deps
    this.shelf = shelf
    const onAsked = (event: AskedEvent) => deps.onEvent?.({ kind: 'asked', ...event })
    this.failover = createFailover(options.clients, deps.clock, onAsked)
    // Its own: an endpoint that is tired of strangers' platforms is still asked for collateral.
    this.lookup = createLookup(createFailover(options.clients, deps.clock, onAsked), deps.clock)
  }

  /** Reads the folder. Throws CONFIG_INVALID where its memory against rollback is damaged. */
  static async open(
    options: CollateralServiceOptions,
    deps: CollateralServiceDeps,
  ): Promise<CollateralService> {
    const shelf = await Shelf.open(
      { maxAgeMs: day, ...options },
      { ...deps, onEvent: (event) => deps.onEvent?.(event) },
    )
    return new CollateralService(options, deps, shelf)
  }

  /**
   * The collateral that a quote is to be judged by. Throws VerificationError for a quote that
   * names no genuine platform, else as `get`.
   */
  async forQuote(quote: Uint8Array, update = this.options.update ?? 'standard'): Promise<Served> {
    const { pckChain, ...platform } = await locateCollateral(
      this.deps.crypto,
      quote,
      this.options.anchors,
      this.lookup,
    )
    const served = await this.get({ ...platform, update })
    if (pckChain === undefined) return served
    return { ...served, collateral: { ...served.collateral, pck_certificate_chain: pckChain } }
  }

  /** Throws COLLATERAL_UNAVAILABLE, or what the only endpoint's collateral is refused with. */
  async get(key: CollateralKey): Promise<Served> {
    const entry = this.shelf.entry(key)
    const { held } = entry
    const now = this.deps.clock.now()
    const mayAsk = !isWithin(entry.pause, now)
    if (held && (isFresh(held, now) || (entry.failure && now <= held.verified.expires))) {
      if (isDue(held, now) && mayAsk) void this.refresh(entry)
      return serve(held, now)
    }
    if (mayAsk || entry.refreshing) await this.refresh(entry)
    const latest = entry.held
    const { graceMs = 0 } = this.options
    if (latest && now <= latest.verified.expires + graceMs) return serve(latest, now)
    throw entry.failure ?? fail('COLLATERAL_UNAVAILABLE', `${keyText(key)}: has run out`)
  }

  /** Everything at hand. */
  held(): readonly (Held & { readonly key: CollateralKey })[] {
    return this.shelf.all().flatMap(({ key, held }) => (held ? [{ key, ...held }] : []))
  }

  /** Renews what is due; for a timer, so that nobody has to wait for it. */
  async refreshDue(): Promise<void> {
    for (const entry of this.shelf.all()) {
      const now = this.deps.clock.now()
      if (entry.held && isDue(entry.held, now) && !isWithin(entry.pause, now)) {
        await this.refresh(entry)
      }
    }
  }

  /** Takes collateral from elsewhere, such as a bundle. Throws VerificationError. */
  adopt(collateral: Collateral, update: Update): Promise<CollateralKey> {
    return this.shelf.adopt(collateral, update)
  }

  /** The TCB evaluations there are and when each came up. Never cached. */
  evaluationNumbers(tee: HardwareTee): Promise<EvaluationNumbers> {
    const { crypto, clock } = this.deps
    return this.failover.ask(async (client) => {
      const [document, rootCrl] = await Promise.all([
        client.evaluationNumbers(tee),
        client.rootCrl(),
      ])
      const { anchors } = this.options
      return verifyEvaluationNumbers(crypto, tee, document, rootCrl, { anchors, now: clock.now() })
    })
  }

  /** One at a time for each entry; never rejects, what went wrong stands in the entry. */
  private refresh(entry: Entry): Promise<void> {
    entry.refreshing ??= this.renew(entry).finally(() => delete entry.refreshing)
    return entry.refreshing
  }

  private async renew(entry: Entry): Promise<void> {
    const { clock, onEvent } = this.deps
    const { key } = entry
    // Somebody may have imported a bundle meanwhile.
    await this.shelf.restore(entry)
    if (entry.held && !isDue(entry.held, clock.now())) return
    // Where the folder is filled by imports nobody has failed, as long as there is time for the next.
    const inForce = entry.held && clock.now() <= entry.held.verified.expires
    if (inForce && this.options.clients.length === 0) return
    try {
      const fetched = await this.failover.ask(async (client) =>
        this.shelf.verifyFetched(key, await fetchCollateral(client, key)),
      )
      await this.shelf.keep(entry, fetched)
    } catch (thrown) {
      const failure = VortaError.from(thrown)
      const now = clock.now()
      entry.failure = failure
      const waitMs = Math.max(retryAfterMs, Number(failure.meta.retryAfterMs ?? 0))
      entry.pause = { from: now, until: now + waitMs }
      const held = entry.held ? (now > entry.held.verified.expires ? 'stale' : 'fresh') : 'none'
      onEvent?.({ kind: 'failed', key, held, code: failure.code, reason: failure.message })
    }
  }
}

/** Until its greatest age callers get it at once; later they wait, unless that was in vain before. */
const isFresh = ({ fetchedAt, freshUntil }: NonNullable<Entry['held']>, now: number): boolean =>
  isWithin({ from: fetchedAt, until: freshUntil }, now)

const serve = ({ collateral, verified, fetchedAt }: Held, now: number): Served => ({
  collateral,
  verified,
  fetchedAt,
  stale: now > verified.expires,
})
