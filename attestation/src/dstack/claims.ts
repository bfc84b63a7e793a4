// What a dstack guest proves about itself: the event log replays to the RTMRs of
// a genuine quote, and the events that its own boot recorded name the
// application. The application may add events of any name later: they claim nothing.

import { type Crypto, fromUtf8, toHex } from '@vorta/core'
import { type QuoteFault, refuse } from '../errors.ts'
import type { TdReport } from '../td-report.ts'
import { checkConfigId } from './compose.ts'
import { type RuntimeEvent, replayEventLog } from './event-log.ts'

/** Byte strings are lower-case hex. */
export type DstackClaims = {
  /** 20 bytes: the application, stable over its versions. */
  readonly appId: string
  /** SHA-256 of app-compose.json: exactly which containers run. */
  readonly composeHash: string
  /** 20 bytes: this one instance; empty where the application has none. */
  readonly instanceId: string
  /** SHA-256 that names the image of the guest system, as the guest states it. */
  readonly osImageHash?: string
  /** Where its keys come from: what the guest recorded, as it stands in the event. */
  readonly keyProvider?: string
}

/**
 * Throws VerificationError: the codes of replayEventLog and checkConfigId, and
 * EVENT_MISSING, EVENT_DUPLICATE, EVENT_EARLY, EVENT_LATE.
 */
export function verifyEventLog(crypto: Crypto, text: string, td: TdReport): DstackClaims {
  const boot = readBoot(replayEventLog(crypto, text, td.rtmrs))
  const osImageHash = boot.optional('os-image-hash')
  const keyProvider = boot.optional('key-provider')
  const claims: DstackClaims = {
    appId: bytesOf(boot.identity('app-id'), 20),
    composeHash: bytesOf(boot.identity('compose-hash'), 32),
    instanceId: bytesOf(boot.identity('instance-id'), 20, 0),
    ...(osImageHash && { osImageHash: bytesOf(osImageHash, 32) }),
    ...(keyProvider && { keyProvider: textOf(keyProvider) }),
  }
  checkConfigId(td.mrConfigId, claims)
  return claims
}

/**
 * The guest records the identity of the application up to "boot-mr-done", then
 * its surroundings, and at "system-ready" it hands over to the application.
 */
function readBoot(events: readonly RuntimeEvent[]) {
  const ready = events.findIndex(({ name }) => name === 'system-ready')
  if (ready < 0) throw fault('EVENT_MISSING', 'system-ready', 'is not in the log')
  // The bytes behind a digest have a colon between name and payload: with a second one, the
  // same bytes are also an event of another name. The guest's own events have none in theirs.
  const unclear = events.slice(0, ready).find(({ name }) => name.includes(':'))
  if (unclear) throw fault('EVENT_LOG_FORMAT', unclear.name.slice(0, 64), 'has a colon in its name')
  const done = sole('boot-mr-done')

  /** Where the one event of this name stands before the application runs. */
  function sole(name: string): number {
    const at = events.findIndex((event) => event.name === name)
    if (at < 0) throw fault('EVENT_MISSING', name, 'is not in the log')
    if (at > ready) throw fault('EVENT_LATE', name, 'stands behind system-ready')
    const again = events.findIndex((event, index) => index > at && event.name === name)
    if (again > 0 && again < ready) throw fault('EVENT_DUPLICATE', name, 'stands there twice')
    return at
  }

  return {
    identity: (name: string): RuntimeEvent => {
      const at = sole(name)
      if (at > done) throw fault('EVENT_LATE', name, 'stands behind boot-mr-done')
      return events[at]!
    },
    optional: (name: string): RuntimeEvent | undefined => {
      if (!events.slice(0, ready).some((event) => event.name === name)) return undefined
      const at = sole(name)
      if (at < done) throw fault('EVENT_EARLY', name, 'stands before boot-mr-done')
      return events[at]
    },
  }
}

function bytesOf({ name, payload }: RuntimeEvent, ...lengths: readonly number[]): string {
  if (lengths.includes(payload.length)) return toHex(payload)
  throw fault('EVENT_LOG_FORMAT', name, `has ${payload.length} bytes, expected ${lengths[0]}`)
}

// A JSON object of a name and the hash or key that identifies the provider.
const maxKeyProvider = 4096

function textOf({ name, payload }: RuntimeEvent): string {
  const text = payload.length <= maxKeyProvider ? fromUtf8(payload) : undefined
  if (text !== undefined) return text
  throw fault('EVENT_LOG_FORMAT', name, `is not a text of at most ${maxKeyProvider} bytes`)
}

const fault = (code: QuoteFault, name: string, what: string) =>
  refuse(code, `event log: ${name} ${what}`, { event: name })
