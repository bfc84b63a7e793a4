// Decoders for configuration files and signed documents: small functions that
// take an unknown value and give back a typed one, or say where it went wrong.
// Objects are closed: an unknown field is a mistake, never ignored.

import { type Bytes, fromBase64 } from './bytes.ts'
import { fromRfc3339 } from './clock.ts'
import { closest } from './closest.ts'

/** Thrown inside a decoder and turned into a coded error by `decode`. */
class Mismatch extends Error {
  readonly expected: string
  readonly got: unknown
  readonly path: string
  readonly hints: readonly string[]

  constructor(expected: string, got: unknown, path = '', hints: readonly string[] = []) {
    // The names in a path may be anybody's, as long as the document allows.
    super(`${path.slice(0, 256) || 'document'}: expected ${expected}, got ${show(got)}`)
    this.expected = expected
    this.got = got
    this.path = path
    this.hints = hints
  }
}

const show = (value: unknown): string =>
  value === undefined ? 'nothing' : JSON.stringify(value)?.slice(0, 80)

export type Decoder<T> = (value: unknown) => T
export type Decoded<D> = D extends Decoder<infer T> ? T : never

/** Makes the error to throw of one line of text and of hints, which may be none. */
export type Fault = (text: string, hints: readonly string[]) => Error

/** Runs a decoder; a mismatch is thrown as what `fault` makes of it. */
export function decode<T>(decoder: Decoder<T>, value: unknown, fault: Fault): T {
  try {
    return decoder(value)
  } catch (thrown) {
    if (!(thrown instanceof Mismatch)) throw thrown
    throw fault(thrown.message, thrown.hints)
  }
}

function at<T>(segment: string, decoder: Decoder<T>, value: unknown): T {
  try {
    return decoder(value)
  } catch (thrown) {
    if (!(thrown instanceof Mismatch)) throw thrown
    const rest = thrown.path === '' || thrown.path.startsWith('[') ? thrown.path : `.${thrown.path}`
    throw new Mismatch(thrown.expected, thrown.got, segment + rest, thrown.hints)
  }
}

type Length = {
  readonly min?: number
  readonly max?: number
  readonly pattern?: RegExp
  readonly what?: string
}

export const string =
  (options: Length = {}): Decoder<string> =>
  (value) => {
    const { min = 0, max = 65536, pattern, what } = options
    const ok =
      typeof value === 'string' &&
      value.length >= min &&
      value.length <= max &&
      (!pattern || pattern.test(value))
    if (!ok) throw new Mismatch(what ?? `a string of ${min} to ${max} characters`, value)
    return value
  }

export const integer =
  (min: number, max: number): Decoder<number> =>
  (value) => {
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min || value > max) {
      throw new Mismatch(`a whole number from ${min} to ${max}`, value)
    }
    return value
  }

export const number =
  (min: number, max: number): Decoder<number> =>
  (value) => {
    if (typeof value !== 'number' || !(value >= min && value <= max)) {
      throw new Mismatch(`a number from ${min} to ${max}`, value)
    }
    return value
  }

export const boolean: Decoder<boolean> = (value) => {
  if (typeof value !== 'boolean') throw new Mismatch('true or false', value)
  return value
}

export const oneOf =
  <const T extends string | number>(...allowed: readonly T[]): Decoder<T> =>
  (value) => {
    if (!allowed.includes(value as T))
      throw new Mismatch(allowed.map((v) => JSON.stringify(v)).join(' or '), value)
    return value as T
  }

export const array =
  <T>(item: Decoder<T>, max = 65536): Decoder<readonly T[]> =>
  (value) => {
    if (!Array.isArray(value) || value.length > max)
      throw new Mismatch(`a list of at most ${max} entries`, value)
    return value.map((entry, index) => at(`[${index}]`, item, entry))
  }

/** A list of exactly these entries, each of its own kind. */
export const tuple =
  <const T extends readonly Decoder<unknown>[]>(
    ...items: T
  ): Decoder<{ readonly [K in keyof T]: Decoded<T[K]> }> =>
  (value) => {
    if (!Array.isArray(value) || value.length !== items.length)
      throw new Mismatch(`a list of ${items.length} entries`, value)
    return items.map((item, index) => at(`[${index}]`, item, value[index])) as {
      readonly [K in keyof T]: Decoded<T[K]>
    }
  }

/** An object with any keys whose values are all of one kind. */
export const record =
  <T>(item: Decoder<T>, max = 1024): Decoder<Readonly<Record<string, T>>> =>
  (value) => {
    const entries = Object.entries(plain(value))
    if (entries.length > max) throw new Mismatch(`at most ${max} members`, entries.length)
    const out: Record<string, T> = Object.create(null)
    for (const [key, entry] of entries) out[key] = at(key, item, entry)
    return out
  }

/** Marks a member that may be absent; `object` leaves it out of the result then. */
export type Optional<T> = Decoder<T> & { readonly optional: true }

export const optional = <T>(decoder: Decoder<T>): Optional<T> =>
  Object.assign((value: unknown) => decoder(value), { optional: true } as const)

/** A member that takes this value where it is absent. */
export const withDefault =
  <T>(decoder: Decoder<T>, fallback: T): Decoder<T> =>
  (value) =>
    value === undefined ? fallback : decoder(value)

/** An object that may be left out as a whole because all its members have defaults. */
export const section =
  <T>(decoder: Decoder<T>): Decoder<T> =>
  (value) =>
    decoder(value ?? {})

type Shape = Readonly<Record<string, Decoder<unknown>>>
type OptionalKeys<S extends Shape> = {
  [K in keyof S]: S[K] extends Optional<unknown> ? K : never
}[keyof S]
type ObjectOf<S extends Shape> = {
  readonly [K in Exclude<keyof S, OptionalKeys<S>>]: Decoded<S[K]>
} & {
  readonly [K in OptionalKeys<S>]?: Decoded<S[K]>
}

/** An object with exactly these members; unknown ones are refused by name. */
export const object =
  <const S extends Shape>(shape: S): Decoder<ObjectOf<S>> =>
  (value) => {
    const source = plain(value)
    for (const key of Object.keys(source)) {
      if (Object.hasOwn(shape, key)) continue
      const known = Object.keys(shape)
      const meant = closest(key, known)
      throw new Mismatch(
        `only the fields ${known.join(', ')}`,
        source[key],
        key,
        meant === undefined ? [] : [`did you mean ${meant}?`],
      )
    }
    return members(shape, source)
  }

/** An object with at least these members, for signed documents whose format others may extend. */
export const openObject =
  <const S extends Shape>(shape: S): Decoder<ObjectOf<S>> =>
  (value) =>
    members(shape, plain(value))

function members<S extends Shape>(shape: S, source: Record<string, unknown>): ObjectOf<S> {
  const out: Record<string, unknown> = {}
  for (const [key, decoder] of Object.entries(shape)) {
    const present = Object.hasOwn(source, key) && source[key] !== undefined
    if (!present && 'optional' in decoder) continue
    out[key] = at(key, decoder, present ? source[key] : undefined)
  }
  return out as ObjectOf<S>
}

function plain(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Mismatch('an object', value)
  return value as Record<string, unknown>
}

/** A value that must also pass a test; `what` says what was expected where it does not. */
export const refine =
  <T>(decoder: Decoder<T>, test: (value: T) => boolean, what: string): Decoder<T> =>
  (value) => {
    const decoded = decoder(value)
    if (!test(decoded)) throw new Mismatch(what, value)
    return decoded
  }

/** A lower-case SHA-256 in hexadecimal. */
export const sha256Hex: Decoder<string> = string({
  pattern: /^[0-9a-f]{64}$/,
  what: 'a SHA-256 as 64 lower-case hex digits',
})

/** Canonical base64 of `min` to `max` bytes; the value stays text. */
export const base64 = (min: number, max: number): Decoder<string> =>
  refine(
    string({ max: 4 * Math.ceil(max / 3) }),
    (text) => {
      const length = fromBase64(text)?.length
      return length !== undefined && length >= min && length <= max
    },
    min === max ? `${min} bytes in canonical base64` : `${min} to ${max} bytes in canonical base64`,
  )

/** Canonical base64 of at most `max` bytes, decoded. */
export const base64Bytes =
  (max: number): Decoder<Bytes> =>
  (value) => {
    const bytes = fromBase64(string({ max: 4 * Math.ceil(max / 3) })(value))
    if (!bytes || bytes.length > max) {
      throw new Mismatch(`at most ${max} bytes in canonical base64`, value)
    }
    return bytes
  }

/** A time in UTC with whole seconds, `YYYY-MM-DDTHH:MM:SSZ`; the value stays text. */
export const rfc3339: Decoder<string> = refine(
  string({ max: 20 }),
  (text) => fromRfc3339(text) !== undefined,
  'a time such as "2026-01-31T12:00:00Z"',
)

/** A length of time such as "500ms", "30s", "5m", "24h" or "14d", as milliseconds. */
export const duration: Decoder<number> = (value) => {
  const found = typeof value === 'string' ? /^([0-9]{1,9})(ms|s|m|h|d)$/.exec(value) : null
  if (!found) throw new Mismatch('a duration such as "500ms", "30s", "5m", "24h" or "14d"', value)
  return (
    Number(found[1]) *
    { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }[
      found[2] as 'ms' | 's' | 'm' | 'h' | 'd'
    ]
  )
}

/** A size such as 4096, "64Ki", "256Mi" or "2Gi", in bytes. */
export const byteSize: Decoder<number> = (value) => {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
  const found = typeof value === 'string' ? /^([0-9]{1,9})(Ki|Mi|Gi)?$/.exec(value) : null
  if (!found) throw new Mismatch('a size such as 4096, "64Ki", "256Mi" or "2Gi"', value)
  const unit =
    { Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30 }[(found[2] ?? '') as 'Ki' | 'Mi' | 'Gi'] ?? 1
  return Number(found[1]) * unit
}
