// Keeps a forecast for every worker whose collateral comes from a service, says
// so when one will stop being accepted, and takes it out of placement in time:
// what runs there ends well, instead of being lost when the policy refuses it.

import {
  type AttestationPolicy,
  type Evidence,
  intelAnchor,
  simulatedAnchor,
} from '@vorta/attestation'
import type { CollateralService } from '@vorta/attestation/collateral-service/collateral-service'
import type { CollateralSources } from '@vorta/attestation/collateral-service/sources'
import type { EvaluationNumbers } from '@vorta/attestation/evaluation-numbers'
import { Memory } from '@vorta/attestation/memory'
import { parseQuote } from '@vorta/attestation/quote'
import { shortfallText } from '@vorta/attestation/tcb-shortfall'
import { type Clock, type Crypto, fromBase64, toRfc3339, VortaError } from '@vorta/core'
import type { Logger } from '@vorta/core/log'
import type { Cluster } from '../cluster/cluster.ts'
import type { ClusterWorker } from '../cluster/worker.ts'
import type { MainframeConfig } from '../config.ts'
import type { Metrics } from '../metrics.ts'
import type { Store } from '../store/store.ts'
import { forecast } from './forecast.ts'

export type ForecastWatchDeps = {
  readonly cluster: Pick<Cluster, 'all' | 'onCapacity'>
  readonly store: Pick<Store, 'evidence'>
  readonly collateral: Pick<CollateralSources, 'serviceFor'>
  readonly policy: AttestationPolicy
  readonly crypto: Crypto
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
}

export type ForecastSettings = MainframeConfig['attestation']['forecast']

// A forecast that failed is tried again after this.
const retryAfterMs = 5 * 60_000

type Checked = { readonly evidenceSha256: string; readonly nextAt: number }

export class ForecastWatch {
  private readonly settings: ForecastSettings
  private readonly deps: ForecastWatchDeps
  private readonly memory = new Memory()
  private checked = new WeakMap<ClusterWorker, Checked>()
  private checking: Promise<void> | undefined

  constructor(settings: ForecastSettings, deps: ForecastWatchDeps) {
    this.settings = settings
    this.deps = deps
  }

  /** For a timer: deadlines that have come take effect, forecasts that are due are made. */
  tick(): Promise<void> {
    const workers = this.deps.cluster.all()
    for (const worker of workers) this.enforce(worker)
    const due = workers.filter((worker) => this.isDue(worker))
    if (due.length > 0) {
      this.checking ??= this.check(due).finally(() => {
        this.checking = undefined
      })
    }
    return this.checking ?? Promise.resolve()
  }

  /** Makes all forecasts anew: there is other collateral. */
  recheck(): void {
    this.checked = new WeakMap()
  }

  /** Brings the gauge up to date. */
  show(): void {
    const { cluster, metrics, clock } = this.deps
    metrics.tcbGrace.reset()
    for (const { id, session, forecast } of cluster.all()) {
      if (!session || forecast?.deadline === undefined) continue
      metrics.tcbGrace.set({ worker: id }, (forecast.deadline - clock.now()) / 1000)
    }
  }

  private isDue(worker: ClusterWorker): boolean {
    const { enclave } = worker
    if (!enclave || !this.deps.collateral.serviceFor(enclave.tee)) return false
    const { evidenceSha256, nextAt = 0 } = this.checked.get(worker) ?? {}
    return evidenceSha256 !== enclave.evidenceSha256 || this.deps.clock.now() >= nextAt
  }

  private async check(workers: readonly ClusterWorker[]): Promise<void> {
    const numbers = new Map<string, Promise<EvaluationNumbers>>()
    // What comes up meanwhile forgets these, and all are looked at again.
    const { checked } = this
    for (const worker of workers) {
      const { enclave } = worker
      const service = enclave && this.deps.collateral.serviceFor(enclave.tee)
      if (!enclave || !service) continue
      const { evidenceSha256 } = enclave
      let nextAt = this.deps.clock.now() + this.settings.every
      try {
        await this.look(worker, evidenceSha256, service, numbers)
      } catch (thrown) {
        const { code, message } = VortaError.from(thrown)
        this.deps.log.warn({ worker: worker.id, code, reason: message }, 'no TCB forecast')
        nextAt = this.deps.clock.now() + retryAfterMs
      }
      checked.set(worker, { evidenceSha256, nextAt })
      this.enforce(worker)
    }
  }

  private async look(
    worker: ClusterWorker,
    evidenceSha256: string,
    service: CollateralService,
    numbers: Map<string, Promise<EvaluationNumbers>>,
  ): Promise<void> {
    const { store, policy, crypto, clock, log } = this.deps
    const record = await store.evidence(evidenceSha256)
    if (!record) return
    // The mainframe stored it once it had decoded and verified it.
    const evidence: Evidence = JSON.parse(new TextDecoder().decode(record.evidence))
    const quote = fromBase64(evidence.quote)!
    const { tee } = parseQuote(quote)
    const asked =
      numbers.get(tee) ?? service.evaluationNumbers(tee).catch((): EvaluationNumbers => [])
    numbers.set(tee, asked)
    const made = await forecast(
      quote,
      {
        present: await service.forQuote(quote),
        early: await this.announced(service, quote),
        numbers: await asked,
      },
      {
        crypto,
        policy,
        anchors: [intelAnchor, simulatedAnchor],
        now: clock.now(),
        standardAfterMs: this.settings.standardAfter,
        memory: this.memory,
      },
    )
    // It has shown other evidence meanwhile, perhaps of a platform that was patched.
    if (worker.enclave?.evidenceSha256 !== evidenceSha256) return
    const before = worker.forecast
    worker.forecast = made
    const { deadline, estimated, status, shortfalls } = made
    if (deadline === undefined || (before?.deadline !== undefined && before.status === status))
      return
    log.warn(
      {
        worker: worker.id,
        deadline: toRfc3339(deadline),
        estimated,
        status,
        evaluation: made.evaluationNumber,
        lacks: shortfalls.map(shortfallText),
      },
      'the TCB of a worker will stop being accepted',
    )
  }

  /** Undefined where it is not to be had, or has run out. */
  private async announced(service: CollateralService, quote: Uint8Array) {
    const served = await service.forQuote(quote, 'early').catch(() => undefined)
    return served?.stale ? undefined : served
  }

  /** Cordons a worker before its deadline, and takes that back where the forecast has changed. */
  private enforce(worker: ClusterWorker): void {
    const { clock, log, cluster } = this.deps
    const { cordon, cordonBefore } = this.settings
    const { deadline, estimated, status } = worker.forecast ?? {}
    const counts = cordon === 'estimated' || (cordon === 'certain' && !estimated)
    if (counts && deadline !== undefined && clock.now() >= deadline - cordonBefore) {
      if (worker.cordonReason !== undefined) return
      worker.cordonReason = `TCB ${status} is accepted until ${toRfc3339(deadline)}`
      log.warn({ worker: worker.id, reason: worker.cordonReason }, 'worker cordoned')
    } else if (worker.cordonReason !== undefined) {
      worker.cordonReason = undefined
      log.info({ worker: worker.id }, 'worker takes work again')
      cluster.onCapacity(worker)
    }
  }
}
