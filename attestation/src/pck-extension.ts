// The SGX extension of a PCK certificate, OID 1.2.840.113741.1.13.1 (Intel SGX
// PCK Certificate and CRL Profile Specification, section 1.3.5): which platform
// this is and at which patch level its key was certified.

import { toHex } from '@vorta/core'
import {
  type DerReader,
  openDer,
  readBoolean,
  readOctets,
  readOid,
  readSmall,
  tags,
} from './der.ts'
import { refuse } from './errors.ts'

const sgxTypes = ['Standard', 'Scalable', 'ScalableWithIntegrity'] as const

export type PckExtension = {
  /** Byte strings in lower-case hex. */
  readonly ppid: string
  readonly pceId: string
  readonly fmspc: string
  /** 16 component SVNs: these are matched, not the raw CPUSVN. */
  readonly componentSvns: readonly number[]
  readonly pceSvn: number
  readonly cpuSvn: string
  readonly sgxType: (typeof sgxTypes)[number]
  readonly instanceId?: string
  readonly configuration?: {
    readonly dynamicPlatform: boolean
    readonly cachedKeys: boolean
    readonly smtEnabled: boolean
  }
}

const root = '1.2.840.113741.1.13.1'
const components = 16

const misfit = (text: string) => refuse('PCK_EXTENSION', `SGX extension: ${text}`)

export function parsePckExtension(content: Uint8Array): PckExtension {
  const entries = readEntries(openDer(content, tags.sequence), root)
  const tcb = readEntries(entries.take(2).inside(tags.sequence), `${root}.2`)
  const extension = {
    ppid: toHex(readOctets(entries.take(1), 16)),
    componentSvns: Array.from({ length: components }, (_, i) => readSmall(tcb.take(i + 1), 255)),
    pceSvn: readSmall(tcb.take(components + 1), 0xffff),
    cpuSvn: toHex(readOctets(tcb.take(components + 2), 16)),
    pceId: toHex(readOctets(entries.take(3), 2)),
    fmspc: toHex(readOctets(entries.take(4), 6)),
    sgxType: sgxTypes[readSmall(entries.take(5), sgxTypes.length - 1, tags.enumerated)]!,
  }
  tcb.end()
  const instance = entries.has(6) ? readInstance(entries) : {}
  entries.end()
  return { ...extension, ...instance }
}

/** Only a Platform CA certifies these two, and always both. */
function readInstance(entries: Entries): Pick<PckExtension, 'instanceId' | 'configuration'> {
  const instanceId = toHex(readOctets(entries.take(6), 16))
  const flags = readEntries(entries.take(7).inside(tags.sequence), `${root}.7`)
  const configuration = {
    dynamicPlatform: readBoolean(flags.take(1)),
    cachedKeys: readBoolean(flags.take(2)),
    smtEnabled: readBoolean(flags.take(3)),
  }
  flags.end()
  return { instanceId, configuration }
}

/** The {OID, value} pairs of one sequence, each to be taken exactly once. */
type Entries = {
  has(arc: number): boolean
  take(arc: number): DerReader
  end(): void
}

function readEntries(sequence: DerReader, prefix: string): Entries {
  const values = new Map<string, DerReader>()
  const opened: DerReader[] = []
  while (!sequence.done) {
    const pair = sequence.inside(tags.sequence)
    const oid = readOid(pair)
    if (values.has(oid)) throw misfit(`${oid} stands twice`)
    values.set(oid, pair)
  }
  return {
    has: (arc) => values.has(`${prefix}.${arc}`),
    take: (arc) => {
      const oid = `${prefix}.${arc}`
      const value = values.get(oid)
      if (!value) throw misfit(`expected ${oid}, got none`)
      values.delete(oid)
      opened.push(value)
      return value
    },
    end: () => {
      for (const value of opened) value.end()
      const [left] = values.keys()
      if (left !== undefined) throw misfit(`expected no ${left}`)
    },
  }
}
