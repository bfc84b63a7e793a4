// A JSON reader for hostile input (RFC 8259). JSON.parse takes the last of two
// equal keys and any depth; this one refuses both, and gives objects without a
// prototype, so that "__proto__" is a key like any other.

import { fromUtf8 } from './bytes.ts'
import { fail } from './errors.ts'

export type Json = null | boolean | number | string | readonly Json[] | JsonObject
export type JsonObject = { readonly [key: string]: Json }

export type JsonLimits = {
  /** Largest input in bytes. */
  readonly maxBytes: number
  /** Deepest nesting of arrays and objects. */
  readonly maxDepth?: number
  /** Most values, those within arrays and objects included. */
  readonly maxValues?: number
}

const defaultDepth = 32

/** Parses UTF-8 JSON bytes. Throws MALFORMED_JSON or TOO_LARGE, never anything else. */
export function parseJson(input: Uint8Array | string, limits: JsonLimits): Json {
  if (input.length > limits.maxBytes) {
    throw fail(
      'TOO_LARGE',
      `JSON document: expected at most ${limits.maxBytes} bytes, got ${input.length}`,
    )
  }
  const text = typeof input === 'string' ? input : fromUtf8(input)
  if (text === undefined) throw fail('MALFORMED_JSON', 'JSON document is not valid UTF-8')
  const { maxDepth = defaultDepth, maxValues = Number.POSITIVE_INFINITY } = limits
  return new Reader(text, maxDepth, maxValues).document()
}

const spaces = /[ \t\n\r]*/y
// Strings without escapes are the common case and are cut out whole.
// biome-ignore lint/suspicious/noControlCharactersInRegex: RFC 8259 forbids them unescaped
const plainString = /"[^"\\\u0000-\u001f]*"/y
const number = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y
const literals = [
  ['true', true],
  ['false', false],
  ['null', null],
] as const

class Reader {
  private readonly text: string
  private readonly maxDepth: number
  private valuesLeft: number
  private at = 0

  constructor(text: string, maxDepth: number, maxValues: number) {
    this.text = text
    this.maxDepth = maxDepth
    this.valuesLeft = maxValues
  }

  document(): Json {
    const value = this.value(0)
    this.skip()
    if (this.at !== this.text.length) throw this.malformed('end of document')
    return value
  }

  private value(depth: number): Json {
    this.valuesLeft--
    if (this.valuesLeft < 0) throw fail('TOO_LARGE', 'JSON document has too many values')
    this.skip()
    const next = this.text[this.at]
    if (next === '{' || next === '[') {
      if (depth >= this.maxDepth) {
        throw fail('MALFORMED_JSON', `JSON document is nested deeper than ${this.maxDepth} levels`)
      }
      return next === '{' ? this.object(depth + 1) : this.array(depth + 1)
    }
    if (next === '"') return this.string()
    const digits = this.match(number)
    if (digits !== undefined) return Number(digits)
    for (const [word, value] of literals) {
      if (this.text.startsWith(word, this.at)) {
        this.at += word.length
        return value
      }
    }
    throw this.malformed('a value')
  }

  private object(depth: number): JsonObject {
    const out: Record<string, Json> = Object.create(null)
    this.at++
    if (this.take('}')) return out
    do {
      this.skip()
      const key = this.string()
      if (key in out)
        throw fail('MALFORMED_JSON', `JSON object repeats the key "${key.slice(0, 64)}"`)
      if (!this.take(':')) throw this.malformed('":"')
      out[key] = this.value(depth)
    } while (this.take(','))
    if (!this.take('}')) throw this.malformed('"," or "}"')
    return out
  }

  private array(depth: number): Json[] {
    const out: Json[] = []
    this.at++
    if (this.take(']')) return out
    do out.push(this.value(depth))
    while (this.take(','))
    if (!this.take(']')) throw this.malformed('"," or "]"')
    return out
  }

  private string(): string {
    const plain = this.match(plainString)
    if (plain !== undefined) return plain.slice(1, -1)
    const text = this.escapedString()
    if (text === undefined) throw this.malformed('a string')
    // A lone surrogate has no UTF-8 form, so it could not be signed as what was read.
    if (!text.isWellFormed()) throw this.malformed('a well-formed string')
    return text
  }

  /** Without a regular expression: one that chooses at each character runs out of stack. */
  private escapedString(): string | undefined {
    if (this.text[this.at] !== '"') return undefined
    let end = this.at + 1
    while (end < this.text.length && this.text[end] !== '"') end += this.text[end] === '\\' ? 2 : 1
    try {
      const text: string = JSON.parse(this.text.slice(this.at, end + 1))
      this.at = end + 1
      return text
    } catch {
      return undefined
    }
  }

  private take(character: string): boolean {
    this.skip()
    if (this.text[this.at] !== character) return false
    this.at++
    return true
  }

  private skip(): void {
    // Signed documents are mostly written without spaces.
    if (this.text.charCodeAt(this.at) <= 0x20) this.match(spaces)
  }

  private match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at
    if (!pattern.test(this.text)) return undefined
    const found = this.text.slice(this.at, pattern.lastIndex)
    this.at = pattern.lastIndex
    return found
  }

  private malformed(expected: string) {
    const got = this.text.slice(this.at, this.at + 16)
    return fail(
      'MALFORMED_JSON',
      `JSON at character ${this.at}: expected ${expected}, got ${JSON.stringify(got)}`,
    )
  }
}
