// PolicyService: what another policy, or newer collateral, would say of all that
// is stored. Reads only.

import type { MessageInitShape } from '@bufbuild/protobuf'
import { timestampFromMs } from '@bufbuild/protobuf/wkt'
import type { ServiceImpl } from '@connectrpc/connect'
import type { PolicyService, ReplayPolicyResponseSchema } from '@vorta/api'
import {
  type AttestationPolicy,
  type Collateral,
  collateralDecoder,
  policyDecoder,
  policyDigest,
} from '@vorta/attestation'
import { type Clock, fail, parseJson } from '@vorta/core'
import { parseConfig } from '@vorta/core/config'
import { decode } from '@vorta/core/decode'
import type { Ruling, Rulings } from '../attestation/rejudge.ts'
import {
  type ReplayCounts,
  type ReplayDeps,
  replay,
  type VerdictChange,
} from '../attestation/replay.ts'
import type { Metrics } from '../metrics.ts'

export type PolicyServiceDeps = ReplayDeps & {
  readonly clock: Clock
  readonly metrics: Metrics
  /** The policy in force. */
  readonly policy: AttestationPolicy
  /** What a policy file means to this mainframe, once it is read. */
  readonly complete: (policy: AttestationPolicy) => AttestationPolicy
}

// A set of collateral has some 20 KB, and with large CRLs much more.
const maxCollateralBytes = 2 << 20

// A thousand rules for TDs have some 600 KB.
const maxPolicyText = 1 << 20

export function policyService(deps: PolicyServiceDeps): ServiceImpl<typeof PolicyService> {
  const { crypto, clock, metrics, policy: current } = deps
  let isBusy = false

  return {
    async *replayPolicy({ policy, collateral }, { signal }) {
      if (policy === '' && collateral.length === 0) {
        throw fail('INVALID_ARGUMENT', 'expected a policy, collateral or both', {
          meta: { field: 'policy' },
        })
      }
      if (isBusy) throw fail('OVERLOADED', 'another replay is running', { meta: { retry: true } })
      isBusy = true
      const stop = metrics.replaySeconds.startTimer()
      let outcome = 'cancelled'
      try {
        const proposed = policy === '' ? current : deps.complete(readPolicy(policy))
        const newer = collateral.length === 0 ? {} : { collateral: readCollateral(collateral) }
        const proposal = { current, proposed, ...newer, now: clock.now() }
        const digests = {
          currentPolicy: policyDigest(crypto, current),
          proposedPolicy: policyDigest(crypto, proposed),
        }
        for await (const { changes, counts } of replay(deps, proposal)) {
          signal.throwIfAborted()
          yield { changes: changes.map(changeMessage), counts: countsMessage(counts), ...digests }
        }
        outcome = 'done'
      } catch (thrown) {
        if (!signal.aborted) outcome = 'failed'
        throw thrown
      } finally {
        isBusy = false
        stop({ outcome })
      }
    },
  }
}

/** Throws CONFIG_INVALID or TOO_LARGE. */
function readPolicy(text: string): AttestationPolicy {
  if (text.length > maxPolicyText) {
    throw fail('TOO_LARGE', `policy: expected at most ${maxPolicyText} characters`, {
      meta: { field: 'policy' },
    })
  }
  return parseConfig(text, 'policy', policyDecoder)
}

/** Throws INVALID_ARGUMENT, MALFORMED_JSON or TOO_LARGE. */
function readCollateral(bytes: Uint8Array): Collateral {
  const malformed = (text: string) =>
    fail('INVALID_ARGUMENT', `collateral: ${text}`, { meta: { field: 'collateral' } })
  return decode(collateralDecoder, parseJson(bytes, { maxBytes: maxCollateralBytes }), malformed)
}

const changeMessage = (change: VerdictChange) => ({
  name: change.name,
  evidence: `attestations/${change.evidenceSha256}`,
  time: timestampFromMs(change.time),
  asOfLogged: rulingsMessage(change.asOfLogged),
  asOfNow: rulingsMessage(change.asOfNow),
})

const rulingsMessage = ({ before, after }: Rulings) => ({
  before: rulingMessage(before),
  after: rulingMessage(after),
})

const rulingMessage = ({ graceDeadline, ...ruling }: Ruling) => ({
  ...ruling,
  ...(graceDeadline !== undefined && { graceUntil: timestampFromMs(graceDeadline) }),
})

const countsMessage = (
  counts: ReplayCounts,
): MessageInitShape<typeof ReplayPolicyResponseSchema>['counts'] => ({
  evidence: BigInt(counts.evidence),
  recollateralised: BigInt(counts.recollateralised),
  evidenceChanged: BigInt(counts.evidenceChanged),
  workers: BigInt(counts.workers),
  workersChanged: BigInt(counts.workersChanged),
  receipts: BigInt(counts.receipts),
  receiptsChanged: BigInt(counts.receiptsChanged),
})
