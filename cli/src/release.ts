// Releases the key of a job's sealed inputs to the enclave that is to run it:
// challenges it with a nonce made here, verifies and judges what comes back here,
// and only then seals the key to it. The server's word decides nothing.

import { timestampMs } from '@bufbuild/protobuf/wkt'
import { fromConnectError, type Job } from '@vorta/api'
import { type AttestationPolicy, measurementOf, type TrustAnchor } from '@vorta/attestation'
import { approveEnclave } from '@vorta/attestation/sealing/approve'
import { sealTo } from '@vorta/attestation/sealing/recipient'
import { makeRelease, releasePurpose } from '@vorta/attestation/sealing/release'
import { fail, fromBase64, systemRandom, toHex, toRfc3339, VerificationError } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import type { Options, Values } from './command.ts'
import { countRelease, readContentKey } from './content-keys.ts'
import { idOf } from './jobs.ts'
import { monitor } from './monitor.ts'
import { repeated, type Server } from './server.ts'
import { anchorsOf, defaultPolicy, ownMeasurement, readPolicy, trustOptions } from './trust.ts'
import type { Ui } from './ui.ts'

const { root, 'allow-simulated': allowSimulated } = trustOptions

export const releaseOptions = {
  policy: {
    type: 'string',
    value: 'FILE',
    summary: 'which enclaves may have the key (default: that of this installation, on hardware)',
  },
  root,
  'allow-simulated': allowSimulated,
  'max-releases': {
    type: 'string',
    value: 'N',
    summary: 'release it at most so often in all (default 3)',
  },
} as const satisfies Options

export type ReleaseChoice = {
  readonly policy: AttestationPolicy
  readonly anchors: readonly TrustAnchor[]
  readonly maxReleases: number
}

const defaultReleases = 3
const maxUses = 1
// A release outlives no job: none lasts longer than this.
const longestMs = 24 * 3_600_000
const clockSkewMs = 60_000

/** Throws USAGE, FILE_UNREADABLE or CONFIG_INVALID. */
export async function releaseChoice(
  ui: Ui,
  values: Values<typeof releaseOptions>,
): Promise<ReleaseChoice> {
  const given = values['max-releases'] ?? String(defaultReleases)
  if (!/^[1-9][0-9]{0,2}$/.test(given)) {
    throw fail('USAGE', `--max-releases: expected a whole number from 1 to 999, got "${given}"`)
  }
  const simulated = values['allow-simulated']
  const own = values.policy === undefined ? await ownMeasurement() : undefined
  const policy =
    values.policy === undefined
      ? defaultPolicy(simulated ?? false, own === undefined ? [] : [own])
      : (await readPolicy(ui.io, values.policy, simulated)).attestation
  return { policy, anchors: await anchorsOf(ui.io, values.root), maxReleases: Number(given) }
}

/** Whether the enclave that is to run it waits for the key. */
export const awaitsKey = ({ conditions }: Job): boolean =>
  conditions.some(({ type, status }) => type === 'KeyReleased' && !status)

/**
 * Releases the key for the attempt that waits. Throws KEY_RELEASE_REFUSED, RELEASES_EXHAUSTED,
 * KEY_UNKNOWN, RELEASE_WRONG_SPEC, KEY_NOT_AWAITED and UNAVAILABLE.
 */
export async function releaseKey(
  ui: Ui,
  server: Server,
  job: Job,
  { policy, anchors, maxReleases }: ReleaseChoice,
): Promise<void> {
  const { io } = ui
  const sealed = job.spec?.sealed
  if (!sealed) throw fail('KEY_NOT_AWAITED', `${job.name} has no sealed inputs`)
  const kept = await readContentKey(io, sealed.keyCommitment)
  const nonce = systemRandom(32)
  const asked = await repeated(() => server.releases.challengeEnclave({ job: job.name, nonce }))
  if (asked.specSha256 !== kept.spec) {
    throw new VerificationError(
      'RELEASE_WRONG_SPEC',
      `${job.name}: expected the spec that was submitted, ${kept.spec}, got ${asked.specSha256}`,
    )
  }
  const now = io.now()
  const request = {
    evidence: asked.evidence,
    nonce: toHex(nonce),
    job: asked.jobUid,
    spec: kept.spec,
  }
  const approved = await approveEnclave(nodeCrypto, request, policy, { anchors, now })
  const { quote, enclave, evidence, sealingKey } = approved
  const tier = quote.simulated ? ui.talk('simulated', 'SIMULATED ') : ''
  ui.step('Verified', `${tier}${quote.tee} ${measurementOf(quote)} of ${asked.worker}`)

  const terms = {
    purpose: releasePurpose,
    job: asked.jobUid,
    spec: kept.spec,
    enclave,
    evidence,
    maxUses,
    notAfter: toRfc3339(notAfter(job, now)),
  } as const
  const key = fromBase64(kept.key) ?? new Uint8Array()
  const release = await makeRelease(terms, key, (info, message) =>
    sealTo(sealingKey, info, message),
  )
  // Counted first: what was sent may have arrived, whatever the answer.
  await countRelease(io, sealed.keyCommitment, maxReleases)
  const { releaseSha256, logIndex } = await repeated(() =>
    server.releases.releaseKey({ job: job.name, release }),
  )
  ui.step('Released', `the key to ${asked.worker}: ${releaseSha256}, log entry ${logIndex}`)
}

/** As long as the job may last, if the server's word on that is a sensible one. */
const notAfter = ({ expireTime }: Job, now: number): number => {
  const end = expireTime ? timestampMs(expireTime) : now
  return Math.min(Math.max(end, now), now + longestMs) + clockSkewMs
}

/** The attempt that asked is over; the next one asks anew. */
const attemptOver = new Set([
  'KEY_NOT_AWAITED',
  'RELEASE_WRONG_ENCLAVE',
  'RELEASE_WRONG_EVIDENCE',
  'UNAVAILABLE',
])

/** Follows a job to its end and releases its key to each attempt whose enclave is accepted. */
export async function monitorReleasing(
  ui: Ui,
  server: Server,
  name: string,
  choice: ReleaseChoice,
): Promise<Job> {
  const abort = new AbortController()
  let refusal: unknown
  let released = 0
  const onJob = (job: Job) => {
    if (!awaitsKey(job) || job.attempt === released) return
    released = job.attempt
    releaseKey(ui, server, job, choice).catch((thrown) => {
      const { code, message } = fromConnectError(thrown)
      if (attemptOver.has(code)) {
        released = 0
        ui.warn(message)
        return
      }
      refusal = thrown
      abort.abort()
    })
  }
  try {
    return await monitor(ui, server, name, { signal: abort.signal, onJob })
  } catch (thrown) {
    if (refusal === undefined) throw thrown
    ui.say(`The job waits on for its key. next: vorta-cli job release ${idOf(name)}`)
    throw refusal
  }
}
