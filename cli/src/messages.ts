// Generated messages as plain JSON for -o json and yaml: every key is there even
// when it is empty, so that scripts need not ask.

import { type DescMessage, type MessageShape, toJson } from '@bufbuild/protobuf'
import { type Timestamp, timestampMs } from '@bufbuild/protobuf/wkt'
import { toRfc3339 } from '@vorta/core'

export const plain =
  <D extends DescMessage>(schema: D) =>
  (message: MessageShape<D>): Readonly<Record<string, unknown>> =>
    toJson(schema, message, { alwaysEmitImplicit: true }) as Record<string, unknown>

/** RFC 3339, or nothing for a time that has not come yet. */
export const timeText = (time: Timestamp | undefined): string =>
  time ? toRfc3339(timestampMs(time)) : ''

/** How long ago, in its largest unit. */
export function age(now: number, time: Timestamp | undefined): string {
  return time ? lengthText(Math.max(0, now - timestampMs(time))) : ''
}

/** A length of time in its largest unit: "850ms", "2.1s", "14m", "3h", "12d". */
export function lengthText(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)}ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)}s`
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)}m`
  if (ms < 86_400_000) return `${Math.floor(ms / 3_600_000)}h`
  return `${Math.floor(ms / 86_400_000)}d`
}

/** A size in its largest binary unit: "512 B", "64 MiB", "1.5 GiB". */
export function sizeText(bytes: bigint | number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let value = Number(bytes)
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  return `${Number.isInteger(value) ? value : value.toFixed(1)} ${units[unit]}`
}
