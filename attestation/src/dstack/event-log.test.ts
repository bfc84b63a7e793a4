import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { fromHex, utf8, VerificationError } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { webCrypto } from '@vorta/core/crypto-web'
import fc from 'fast-check'
import { attestationCodes } from '../errors.ts'
import { parseQuote } from '../quote.ts'
import type { TdReport } from '../td-report.ts'
import {
  type BootEvent,
  createGuest,
  type GuestOptions,
  type LogEntry,
} from '../testkit/dstack-guest.ts'
import { verifyEventLog } from './claims.ts'
import { composeHashOf, defaultAppIdOf } from './compose.ts'
import { maxEventLog } from './limits.ts'

const folder = join(import.meta.dirname, '../../../../shared/vectors/quotes')
const skip = !existsSync(folder) && 'the shared vectors are not on this machine'

const appCompose = utf8('{"manifest_version":2,"name":"test"}')
const now = Date.UTC(2026, 5, 1)
const guestOf = (options: Partial<GuestOptions> = {}) =>
  createGuest({ appCompose, now, ...options })

type Log = { readonly eventLog: string; readonly td: TdReport }

function tdOf(quote: Uint8Array): TdReport {
  const parsed = parseQuote(quote)
  assert.ok(parsed.tee === 'tdx')
  return parsed.report
}

/** Quote and log as the guest agent gives them. */
function logOf(guest = guestOf()): Log {
  const { quote, eventLog } = guest.quote(new Uint8Array(64))
  return { eventLog, td: tdOf(quote) }
}

const verify = ({ eventLog, td }: Log) => verifyEventLog(nodeCrypto, eventLog, td)

const refuses = (log: Log, code: string, message = /./) =>
  assert.throws(
    () => verify(log),
    (error) => {
      assert.ok(error instanceof VerificationError, String(error))
      assert.equal(error.code, code, error.message)
      assert.match(error.message, message)
      return true
    },
  )

/** The log of a guest whose boot recorded other events; its registers replay to them. */
const bootOf = (change: (boot: readonly BootEvent[]) => readonly BootEvent[]): Log =>
  logOf(guestOf({ boot: change(normal) }))

const composeHash = fromHex(composeHashOf(nodeCrypto, appCompose))!
const normal: readonly BootEvent[] = [
  ['system-preparing', utf8('')],
  ['app-id', composeHash.slice(0, 20)],
  ['compose-hash', composeHash],
  ['instance-id', new Uint8Array(20).fill(1)],
  ['boot-mr-done', utf8('')],
  ['os-image-hash', new Uint8Array(32).fill(2)],
  ['key-provider', utf8('{"name":"none","id":""}')],
  ['system-ready', utf8('')],
]
const without = (name: string) => (boot: readonly BootEvent[]) =>
  boot.filter((event) => event[0] !== name)
const moved = (name: string, behind: string) => (boot: readonly BootEvent[]) => {
  const event = boot.find((one) => one[0] === name)!
  const rest = without(name)(boot)
  return rest.flatMap((one) => (one[0] === behind ? [one, event] : [one]))
}

/** The good log with its entries changed afterwards: its registers stay as they were. */
function edited(change: (entries: Record<string, unknown>[]) => void, log = logOf()): Log {
  const entries = JSON.parse(log.eventLog)
  change(entries)
  return { ...log, eventLog: JSON.stringify(entries) }
}

suite('the event log of a genuine dstack guest', { skip }, () => {
  const read = (name: string) => JSON.parse(readFileSync(join(folder, name), 'utf8'))
  const genuine = (): Log => {
    const { quote, dstack } = read('g05-tdx-dstack-eventlog.json')
    return { eventLog: dstack.event_log, td: tdOf(fromHex(quote)!) }
  }

  test('replays to all four registers and names the application, in Node and in a browser', () => {
    for (const crypto of [nodeCrypto, webCrypto]) {
      const { eventLog, td } = genuine()
      const composeHash = '3763bc34552cf3a27ff71ad5f7a90471562a1a2df552dfc1998cba2d60da27e7'
      assert.deepEqual(verifyEventLog(crypto, eventLog, td), {
        appId: defaultAppIdOf(composeHash),
        composeHash,
        instanceId: 'c3714eb66990eace777b4e664c16e09375dec4c9',
        keyProvider:
          '{"name":"local-sgx","id":"1b7a49378403249b6986a907844cab0921eca32dd47e657f3c10311ccaeccf8b"}',
      })
    }
  })

  test('is refused for another genuine quote', () => {
    const { quote } = read('g06-tdx-dstack-simulator.json')
    refuses({ ...genuine(), td: tdOf(fromHex(quote)!) }, 'EVENT_LOG_MISMATCH', /RTMR0/)
  })

  test('is refused with any entry left out, doubled or changed', () => {
    const count = JSON.parse(genuine().eventLog).length
    for (let at = 0; at < count; at++) {
      refuses(
        edited((log) => log.splice(at, 1), genuine()),
        'EVENT_LOG_MISMATCH',
      )
      refuses(
        edited((log) => log.splice(at, 0, log[at]!), genuine()),
        'EVENT_LOG_MISMATCH',
      )
      const flipped = edited((log) => {
        const digest = String(log[at]!.digest)
        log[at]!.digest = (digest[0] === '0' ? '1' : '0') + digest.slice(1)
      }, genuine())
      refuses(flipped, at >= count - 8 ? 'EVENT_DIGEST' : 'EVENT_LOG_MISMATCH')
    }
  })
})

suite('the event log of a simulated guest', () => {
  test('names the application, in both forms of events', () => {
    for (const eventVersion of [1, 2] as const) {
      const guest = guestOf({ eventVersion })
      assert.deepEqual(verify(logOf(guest)), guest.identity)
      assert.equal(guest.identity.appId, defaultAppIdOf(guest.identity.composeHash))
    }
  })

  test('is taken without the digests of events that are recomputed anyway', () => {
    const log = edited((entries) => {
      for (const entry of entries) if (entry.imr === 3) entry.digest = ''
    })
    assert.equal(verify(log).appId, guestOf().identity.appId)
  })

  test('claims nothing by what the application adds later', () => {
    const guest = guestOf()
    for (const [name, payload] of normal)
      guest.emit(
        name,
        payload.map((byte) => byte ^ 0xff),
      )
    guest.emit('anything: at all', utf8('ü'))
    assert.deepEqual(verify(logOf(guest)), guest.identity)
  })

  test('is refused where the application pretends to boot and the true boot is disguised', () => {
    const guest = guestOf()
    for (const [name, payload] of normal)
      guest.emit(
        name,
        payload.map((byte) => byte ^ 0xff),
      )
    const disguised = edited((entries) => {
      for (const entry of entries.filter((one) => one.imr === 3).slice(0, 9)) {
        Object.assign(entry, { event_type: 4, event: '', event_payload: '' })
      }
    }, logOf(guest))
    refuses(disguised, 'EVENT_FOREIGN')
  })

  test('is refused for another guest', () => {
    const other = logOf(guestOf({ appCompose: utf8('{"name":"other"}') }))
    refuses({ ...logOf(), eventLog: other.eventLog }, 'EVENT_LOG_MISMATCH', /RTMR3/)
  })

  for (const [what, code, change] of [
    ['a payload', 'EVENT_DIGEST', { event_payload: 'ff'.repeat(20) }],
    ['a name', 'EVENT_DIGEST', { event: 'app-ID' }],
    ['a digest', 'EVENT_DIGEST', { digest: '00'.repeat(48) }],
    ['its form', 'EVENT_DIGEST', { version: 2 }],
    ['what it was taken of', 'EVENT_DIGEST', { preimage: 'ff' }],
    ['a payload, its digest left out', 'EVENT_LOG_MISMATCH', { digest: '', event_payload: 'ff' }],
    ['a register', 'EVENT_FOREIGN', { imr: 2 }],
    ['a type', 'EVENT_FOREIGN', { event_type: 4 }],
  ] as const) {
    test(`is refused where an event has another: ${what}`, () => {
      const isAppId = (entry: Record<string, unknown>) => entry.event === 'app-id'
      const log = edited((entries) => void Object.assign(entries.find(isAppId)!, change))
      refuses(log, code)
    })
  }

  for (const name of ['app-id', 'compose-hash', 'instance-id', 'boot-mr-done', 'system-ready']) {
    test(`is refused without ${name}`, () => {
      refuses(bootOf(without(name)), 'EVENT_MISSING', new RegExp(name))
    })
  }

  for (const name of ['app-id', 'compose-hash', 'instance-id'] as const) {
    test(`is refused where ${name} comes late`, () => {
      refuses(bootOf(moved(name, 'boot-mr-done')), 'EVENT_LATE', new RegExp(name))
      refuses(bootOf(moved(name, 'system-ready')), 'EVENT_LATE', new RegExp(name))
    })
  }

  test('is refused where an event of the boot is cut at another colon, and so hides its name', () => {
    const log = edited((entries) => {
      const provider = entries.find(({ event }) => event === 'key-provider')!
      const event_payload = Buffer.from('"none","id":""}').toString('hex')
      Object.assign(provider, { event: 'key-provider:{"name"', event_payload })
    })
    refuses(log, 'EVENT_LOG_FORMAT', /key-provider:/)
  })

  test('is refused where the surroundings come before the application', () => {
    for (const name of ['os-image-hash', 'key-provider']) {
      refuses(bootOf(moved(name, 'system-preparing')), 'EVENT_EARLY', new RegExp(name))
    }
  })

  test('does without an image hash and a key provider, also where the application adds them', () => {
    for (const change of [without('os-image-hash'), moved('os-image-hash', 'system-ready')]) {
      assert.equal(verify(bootOf(change)).osImageHash, undefined)
    }
  })

  for (const [name] of normal.filter((event) => !event[0].startsWith('system'))) {
    test(`is refused where the boot records ${name} twice`, () => {
      const twice = (boot: readonly BootEvent[]) =>
        boot.flatMap((event) => (event[0] === name ? [event, event] : [event]))
      refuses(bootOf(twice), 'EVENT_DUPLICATE', new RegExp(name))
    })
  }

  test('is refused where a claim has another length than it has to have', () => {
    for (const name of ['app-id', 'compose-hash', 'instance-id', 'os-image-hash']) {
      const cut = (boot: readonly BootEvent[]) =>
        boot.map(
          ([event, payload]): BootEvent =>
            event === name ? [event, payload.slice(1)] : [event, payload],
        )
      refuses(bootOf(cut), 'EVENT_LOG_FORMAT', new RegExp(name))
    }
  })

  for (const [what, eventLog] of [
    ['no JSON', 'log'],
    ['no list', '{}'],
    ['too long', `[${' '.repeat(maxEventLog)}]`],
    ['of too many entries', JSON.stringify(Array(1025).fill({}))],
    ['nested', '[[[[]]]]'],
    ['of entries that repeat a field', '[{"imr":3,"imr":0}]'],
    [
      'with another register',
      '[{"imr":4,"event_type":1,"digest":"00","event":"","event_payload":""}]',
    ],
    [
      'with an unknown field',
      '[{"imr":0,"event_type":1,"digest":"00","event":"","event_payload":"","x":1}]',
    ],
    [
      'with a digest too long',
      JSON.stringify([
        { imr: 0, event_type: 1, digest: '00'.repeat(49), event: '', event_payload: '' },
      ]),
    ],
    [
      'with upper-case hex',
      '[{"imr":0,"event_type":1,"digest":"AA","event":"","event_payload":""}]',
    ],
    [
      'with a boot event that has no digest',
      '[{"imr":0,"event_type":1,"digest":"","event":"","event_payload":""}]',
    ],
  ] as const) {
    test(`is refused where it is ${what}`, () => {
      refuses({ ...logOf(), eventLog }, 'EVENT_LOG_FORMAT')
    })
  }

  test('extends a short digest with zeros', () => {
    const log = edited(([first]) => Object.assign(first!, { digest: 'ab' }))
    const digests = (JSON.parse(log.eventLog) as LogEntry[])
      .filter(({ imr }) => imr === 0)
      .map(({ digest }) => Buffer.from(digest.padEnd(96, '0'), 'hex'))
    const register = digests.reduce(
      (value, digest) => createHash('sha384').update(value).update(digest).digest(),
      Buffer.alloc(48),
    )
    const [, ...rest] = log.td.rtmrs
    const td: TdReport = { ...log.td, rtmrs: [register.toString('hex'), ...rest] }
    assert.deepEqual(verify({ ...log, td }), guestOf().identity)
  })

  test('refuses any other text with a code', () => {
    const { td, eventLog } = logOf()
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        assert.throws(
          () => verify({ td, eventLog: text }),
          (error) => error instanceof VerificationError && error.code in attestationCodes,
        )
      }),
    )
    fc.assert(
      fc.property(fc.nat(eventLog.length - 1), fc.nat(127), (at, code) => {
        const character = String.fromCharCode(code)
        fc.pre(eventLog[at] !== character)
        const text = eventLog.slice(0, at) + character + eventLog.slice(at + 1)
        let claims: object | undefined
        try {
          claims = verify({ td, eventLog: text })
        } catch (error) {
          assert.ok(error instanceof VerificationError, String(error))
        }
        // Only what has no bearing on the registers may differ: spaces, the types of boot events.
        if (claims) assert.deepEqual(claims, guestOf().identity)
      }),
    )
  })
})
