// The attestation service: challenges, appraisals, and results that are signed
// and kept. Answered means on disk. Used by the API of its own process, and
// within the mainframe.

import { earOf, type VerifierId } from '@vorta/attestation/ear'
import { signEar } from '@vorta/attestation/ear-jwt'
import { type Clock, fail, newId, type Random, VortaError } from '@vorta/core'
import type { Appraisal } from './appraisal.ts'
import type { Appraised, Appraiser } from './appraiser.ts'
import type { Challenge, Challenges } from './challenges.ts'
import type { ServiceMetrics } from './metrics.ts'
import type { Policies } from './policies.ts'
import type { Presented } from './presented.ts'
import type { SigningKey } from './signing-key.ts'
import type { AppraisalStore, StoredAppraisal } from './store/appraisal-store.ts'
import { createTurns } from './turns.ts'

export type AppraisalRequest = {
  readonly presented: Presented
  /** Name of a policy; empty for the default one. */
  readonly policy: string
  /** The challenge that the evidence has to answer, in hex. */
  readonly nonce?: string
  /** Resource name of who presents it. */
  readonly subject?: string
}

export type AppraisalResult = StoredAppraisal & Pick<Appraised, 'evidence' | 'spki'>

export type AppraisalService = {
  readonly policies: Policies
  readonly store: AppraisalStore
  readonly key: SigningKey
  /** Throws OVERLOADED. */
  challenge(): Challenge
  /**
   * Appraises evidence that answers a challenge of this service, or none, and uses the challenge
   * up. Throws what `appraise` throws, CHALLENGE_UNKNOWN, CHALLENGE_USED and CHALLENGE_EXPIRED.
   */
  answer(request: AppraisalRequest): Promise<AppraisalResult>
  /**
   * The same for a caller who made the nonce and sees to it that it is used once. Throws
   * POLICY_NOT_FOUND, OVERLOADED and COLLATERAL_UNAVAILABLE: then nothing was appraised.
   */
  appraise(request: AppraisalRequest): Promise<AppraisalResult>
  /** Brings gauges up to date, to be called before they are read. */
  refreshMetrics(): void
}

export type AppraisalServiceOptions = {
  readonly verifierId: VerifierId
  /** How long a relying party may rely on a result. */
  readonly resultTtlMs: number
  /** Appraisals under way at once; more are refused. */
  readonly mostUnderWay: number
}

export type AppraisalServiceDeps = {
  readonly appraiser: Appraiser
  readonly policies: Policies
  readonly challenges: Challenges
  readonly store: AppraisalStore
  readonly key: SigningKey
  readonly metrics: ServiceMetrics
  readonly clock: Clock
  readonly random: Random
}

// Half a millisecond each for a platform that is known, three for one that is new.
const begunAtOnce = 16

export function createAppraisalService(
  options: AppraisalServiceOptions,
  deps: AppraisalServiceDeps,
): AppraisalService {
  const { appraiser, policies, challenges, store, key, metrics, clock, random } = deps
  const turn = createTurns(begunAtOnce)
  let underWay = 0

  async function appraiseAndKeep(request: AppraisalRequest): Promise<AppraisalResult> {
    const policy = policies.get(request.policy)
    const { nonce, subject } = request
    await turn()
    const { finding, evidence, result, spki } = await appraiser.appraise(
      request.presented,
      policy,
      nonce,
    )
    const appraisal: Appraisal = {
      ...finding,
      id: newId('a', clock, random),
      policy: policy.name,
      policyId: policy.id,
      ...(nonce !== undefined && { nonce }),
      ...(subject !== undefined && { subject }),
    }
    const payload = earOf(result, {
      now: finding.time,
      expires: finding.time + options.resultTtlMs,
      verifierId: options.verifierId,
      evidenceSha256: finding.sha256,
      ...(spki && { spki }),
      ...(nonce !== undefined && { nonce }),
    })
    const ear = await signEar(payload, key)
    await store.put({ appraisal, ear })
    return { appraisal, ear, evidence, ...(spki && { spki }) }
  }

  function requireRoom(): void {
    if (underWay < options.mostUnderWay) return
    metrics.overloaded.inc()
    throw fail('OVERLOADED', `${underWay} appraisals are under way, which is the limit`, {
      meta: { retry: true },
    })
  }

  async function appraise(request: AppraisalRequest): Promise<AppraisalResult> {
    requireRoom()
    const stop = metrics.appraisalSeconds.startTimer()
    underWay++
    try {
      const answer = await appraiseAndKeep(request)
      const { accepted, code = '', policy } = answer.appraisal
      const outcome = accepted ? 'accepted' : 'refused'
      metrics.appraisals.inc({ outcome, code, policy })
      stop({ outcome })
      return answer
    } catch (thrown) {
      const { code } = VortaError.from(thrown)
      metrics.appraisals.inc({ outcome: 'failed', code, policy: '' })
      stop({ outcome: 'failed' })
      throw thrown
    } finally {
      underWay--
    }
  }

  /** Counts what becomes of a challenge. */
  function counted<T>(outcome: string, work: () => T): T {
    try {
      const done = work()
      metrics.challenges.inc({ outcome })
      return done
    } catch (thrown) {
      metrics.challenges.inc({ outcome: VortaError.from(thrown).code })
      throw thrown
    }
  }

  return {
    policies,
    store,
    key,
    challenge: () => counted('issued', challenges.issue),
    answer: async (request) => {
      // First what does not cost the caller the challenge.
      policies.get(request.policy)
      requireRoom()
      const { nonce } = request
      if (nonce !== undefined) counted('used', () => challenges.take(nonce))
      return appraise(request)
    },
    appraise,
    refreshMetrics: () => {
      metrics.challengesOutstanding.set(challenges.outstanding())
      metrics.underWay.set(underWay)
    },
  }
}
