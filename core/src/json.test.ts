import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { VortaError } from './errors.ts'
import { parseJson } from './json.ts'

const read = (text: string) => parseJson(text, { maxBytes: 1 << 26 })
const malformed = { code: 'MALFORMED_JSON' }

test('reads what JSON.parse reads', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.nat(2), (value, indent) => {
      const text = JSON.stringify(value, null, indent)
      assert.equal(JSON.stringify(read(text)), JSON.stringify(JSON.parse(text)))
    }),
  )
})

test('reads every escape, and refuses strings that are none', () => {
  assert.equal(read('"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00fC\\ud83d\\ude00"'), '"\\/\b\f\n\r\tü😀')
  for (const text of ['"', '"\\', '"\\"', '"\\x"', '"\\u12"', '"\\n\n"', '"\u0000"', '"\\ud800"']) {
    assert.throws(() => read(text), malformed, text)
  }
})

test('reads strings of any length within the limit, with escapes in them or not', () => {
  for (const part of ['a', '\\n', 'a\\u0062']) {
    const count = Math.floor(16e6 / part.length)
    const long = read(`"\\t${part.repeat(count)}"`)
    assert.equal((long as string).length, 1 + count * JSON.parse(`"${part}"`).length)
  }
  assert.throws(() => read(`"\\t${'a'.repeat(16e6)}`), malformed)
})

test('throws its own errors and nothing else', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), fc.nat(), fc.string(), (text, at, change) => {
      const place = at % (text.length + 1)
      try {
        read(text.slice(0, place) + change + text.slice(place + 1))
      } catch (thrown) {
        assert.ok(thrown instanceof VortaError, String(thrown))
      }
    }),
  )
})
