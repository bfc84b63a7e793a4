// A SIMULATED dstack guest: a TDX trust domain with registers that its event log
// really replays to, and quotes of the simulated platform. It hashes with
// node:crypto and with nothing of the verifier's, so that the two can disagree.

import { createHash } from 'node:crypto'
import { concat, fromHex, own, toHex, utf8 } from '@vorta/core'
import type { FreshQuote } from '../providers/quote-provider.ts'
import { type SimulatedPlatform, simulatedPlatform, type TdOptions } from '../simulated/platform.ts'

export type GuestOptions = {
  /** The exact bytes of app-compose.json. */
  readonly appCompose: Uint8Array
  /** Milliseconds: when the platform is certified. */
  readonly now: number
  /** 16 bytes. */
  readonly platformId?: Uint8Array
  /** 20 bytes; default the beginning of the compose hash. */
  readonly appId?: Uint8Array
  /** Form of the runtime events. */
  readonly eventVersion?: 1 | 2
  /** The events of the boot, instead of those that a guest records. */
  readonly boot?: readonly BootEvent[]
  /** Registers and attributes, instead of those of the guest. */
  readonly td?: Partial<TdOptions>
}

export type BootEvent = readonly [name: string, payload: Uint8Array]

export type LogEntry = {
  readonly imr: number
  readonly event_type: number
  readonly digest: string
  readonly event: string
  readonly event_payload: string
  readonly version?: number
  readonly preimage?: string
}

export type Guest = {
  readonly identity: {
    readonly appId: string
    readonly composeHash: string
    readonly instanceId: string
    readonly osImageHash: string
    readonly keyProvider: string
  }
  readonly mrtd: string
  readonly log: readonly LogEntry[]
  /** In hex, as they are now. */
  readonly registers: () => readonly string[]
  /** What an application may do at any time: extend RTMR3. */
  readonly emit: (name: string, payload: Uint8Array) => void
  readonly quote: (reportData: Uint8Array) => FreshQuote & { readonly eventLog: string }
}

export const runtimeEventType = 0x08000001
const simulated = 'Vorta SIMULATED dstack guest'

const hash = (algorithm: 'sha256' | 'sha384', ...parts: readonly Uint8Array[]) =>
  own(
    createHash(algorithm)
      .update(concat(...parts))
      .digest(),
  )

export const simulatedMrtd = hash('sha384', utf8(`${simulated}: MRTD`))

export function createGuest(options: GuestOptions): Guest {
  const { eventVersion = 1, now, td = {} } = options
  const platformId = options.platformId ?? utf8('SIM dstack host\0')
  const platform: SimulatedPlatform = simulatedPlatform({ platformId, now })
  const composeHash = hash('sha256', options.appCompose)
  const appId = options.appId ?? composeHash.slice(0, 20)
  const instanceId = hash('sha256', platformId, appId).slice(0, 20)
  const osImageHash = hash('sha256', utf8(`${simulated}: image`))
  const keyProvider = '{"name":"none","id":""}'
  const registers = Array.from({ length: 4 }, () => new Uint8Array(48))
  const log: LogEntry[] = []

  function append(entry: LogEntry, digest: Uint8Array): void {
    log.push(entry)
    registers[entry.imr] = hash('sha384', registers[entry.imr]!, digest)
  }
  /** Firmware and loader: their events are digests, whose origin the log does not carry. */
  function measure(imr: number, event_type: number): void {
    const digest = hash('sha384', utf8(`${simulated}: ${log.length}`))
    append({ imr, event_type, digest: toHex(digest), event: '', event_payload: '' }, digest)
  }
  function emit(event: string, payload: Uint8Array): void {
    const preimage = eventVersion === 1 ? binary(event, payload) : json(event, payload)
    const digest = hash('sha384', preimage)
    const common = { imr: 3, event_type: runtimeEventType, event, event_payload: toHex(payload) }
    // Agents that know the second form leave the digest out and show what it is of.
    const shown =
      eventVersion === 1
        ? { digest: toHex(digest) }
        : { digest: '', version: 2, preimage: toHex(preimage) }
    append({ ...common, ...shown }, digest)
  }

  for (const [imr, type] of firmware) measure(imr, type)
  const boot: readonly BootEvent[] = [
    ['system-preparing', utf8('')],
    ['app-id', appId],
    ['compose-hash', composeHash],
    ['instance-id', instanceId],
    ['boot-mr-done', utf8('')],
    ['os-image-hash', osImageHash],
    ['key-provider', utf8(keyProvider)],
    ['storage-fs', utf8('zfs')],
    ['system-ready', utf8('')],
  ]
  for (const [name, payload] of options.boot ?? boot) emit(name, payload)

  return {
    identity: {
      appId: toHex(appId),
      composeHash: toHex(composeHash),
      instanceId: toHex(instanceId),
      osImageHash: toHex(osImageHash),
      keyProvider,
    },
    mrtd: toHex(simulatedMrtd),
    log,
    registers: () => registers.map(toHex),
    emit,
    quote: (reportData) => {
      const quote = platform.tdQuote({
        measurement: simulatedMrtd,
        rtmrs: registers,
        mrConfigId: fromHex(`01${toHex(composeHash)}`.padEnd(96, '0'))!,
        ...td,
        reportData,
      })
      return { quote, eventLog: JSON.stringify(log) }
    },
  }
}

/** Register and type, in the order of a real guest's log. */
const firmware = [
  [0, 0x8000000b],
  [0, 0x8000000a],
  [0, 0x80000001],
  [0, 0x4],
  [1, 0x80000003],
  [1, 0x80000007],
  [2, 0x6],
  [2, 0x6],
] as const

function binary(name: string, payload: Uint8Array): Uint8Array {
  const type = Uint8Array.of(0x01, 0x00, 0x00, 0x08)
  return concat(type, utf8(`:${name}:`), payload)
}

const json = (name: string, payload: Uint8Array): Uint8Array =>
  utf8(JSON.stringify({ name, payload: toHex(payload), type: runtimeEventType }))
