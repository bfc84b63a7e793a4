// The event log of a TDX guest as dstack hands it out: a JSON array of what was
// extended into the four RTMRs, in order. Nothing of it is believed by itself:
// only a log that replays to the RTMRs of a genuine quote says anything.

import {
  type Bytes,
  type Crypto,
  canonicalBytes,
  concat,
  fromHex,
  parseJson,
  toHex,
  utf8,
} from '@vorta/core'
import {
  array,
  type Decoded,
  decode,
  integer,
  object,
  oneOf,
  optional,
  string,
} from '@vorta/core/decode'
import { refuse } from '../errors.ts'
import type { TdReport } from '../td-report.ts'
import { maxEventLog } from './limits.ts'

// Genuine logs have about 30 entries; each costs two hashes.
const maxEntries = 1024

// dstack's own; the TCG has not assigned it.
const runtimeEventType = 0x08000001
/** Only the running system extends this one, by runtime events. */
const runtimeRegister = 3
const digestLength = 48

const hex = (minDigits: number, maxDigits: number) =>
  string({
    min: minDigits,
    max: maxDigits,
    pattern: /^(?:[0-9a-f]{2})*$/,
    what: `${minDigits} to ${maxDigits} lower-case hex digits`,
  })

const entry = object({
  imr: oneOf(0, 1, 2, 3),
  event_type: integer(0, 0xffffffff),
  digest: hex(0, 2 * digestLength),
  event: string({ max: 1024 }),
  event_payload: hex(0, maxEventLog),
  version: optional(oneOf(1, 2)),
  preimage: optional(hex(0, maxEventLog)),
})
type Entry = Decoded<typeof entry>

/** What the running system recorded: an event of RTMR3 whose digest was recomputed. */
export type RuntimeEvent = { readonly name: string; readonly payload: Bytes }

/**
 * The runtime events of a log that replays to these RTMRs, in order. Throws
 * EVENT_LOG_FORMAT, EVENT_FOREIGN, EVENT_DIGEST or EVENT_LOG_MISMATCH.
 */
export function replayEventLog(
  crypto: Crypto,
  text: string,
  rtmrs: TdReport['rtmrs'],
): readonly RuntimeEvent[] {
  const entries = readEventLog(text)
  const registers = rtmrs.map(() => new Uint8Array(digestLength))
  const events: RuntimeEvent[] = []
  entries.forEach((one, index) => {
    const event = runtimeEventOf(one, index)
    if (event) events.push(event)
    const digest = event ? checkDigest(crypto, one, event, index) : bootDigest(one, index)
    registers[one.imr] = crypto.sha384(concat(registers[one.imr]!, digest))
  })
  rtmrs.forEach((expected, index) => {
    const got = toHex(registers[index]!)
    if (got !== expected) {
      const message = `event log: expected RTMR${index} ${expected}, got ${got} by replay`
      throw refuse('EVENT_LOG_MISMATCH', message, { rtmr: index })
    }
  })
  return events
}

function readEventLog(text: string): readonly Entry[] {
  const fault = (message: string) => refuse('EVENT_LOG_FORMAT', `event log: ${message}`)
  let json: unknown
  try {
    json = parseJson(text, { maxBytes: maxEventLog, maxDepth: 2 })
  } catch (thrown) {
    throw fault((thrown as Error).message)
  }
  return decode(array(entry, maxEntries), json, fault)
}

/**
 * Undefined for an event of the firmware or the loader. In RTMR3 there are none
 * of these: a runtime event in the guise of one could not be recomputed, and so
 * hide what it says.
 */
function runtimeEventOf(one: Entry, index: number): RuntimeEvent | undefined {
  const isRuntime = one.event_type === runtimeEventType
  if (isRuntime !== (one.imr === runtimeRegister)) {
    throw refuse(
      'EVENT_FOREIGN',
      `event log: entry ${index} of type ${one.event_type} does not belong into RTMR${one.imr}`,
    )
  }
  return isRuntime ? { name: one.event, payload: bytesOf(one.event_payload) } : undefined
}

/** A runtime event's digest follows from its name and payload; whatever the log states beside has to agree. */
function checkDigest(crypto: Crypto, one: Entry, event: RuntimeEvent, index: number): Bytes {
  const preimage = preimageOf(event, one.version ?? 1)
  const digest = crypto.sha384(preimage)
  // Newer guest agents leave the digest out, since it has to be recomputed anyway.
  const agrees =
    (one.digest === '' || one.digest === toHex(digest)) &&
    (one.preimage === undefined || one.preimage === toHex(preimage))
  if (agrees) return digest
  throw refuse('EVENT_DIGEST', `event log: entry ${index} is not what its digest was taken of`)
}

/** The bytes whose SHA-384 dstack extends. */
export function preimageOf({ name, payload }: RuntimeEvent, version: 1 | 2): Bytes {
  if (version === 2) {
    return canonicalBytes({ name, payload: toHex(payload), type: runtimeEventType })
  }
  const type = new Uint8Array(4)
  new DataView(type.buffer).setUint32(0, runtimeEventType, true)
  return concat(type, utf8(':'), utf8(name), utf8(':'), payload)
}

/** A shorter digest is extended with zeros behind it. */
function bootDigest({ digest, version, preimage }: Entry, index: number): Bytes {
  if (digest === '' || version !== undefined || preimage !== undefined) {
    throw refuse('EVENT_LOG_FORMAT', `event log: entry ${index} has not the fields of its type`)
  }
  const out = new Uint8Array(digestLength)
  out.set(bytesOf(digest))
  return out
}

/** Bytes of a text that the decoder has found to be hex. */
const bytesOf = (text: string): Bytes => fromHex(text) ?? new Uint8Array()
