import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Decoder, decode, integer, object, openObject, optional, record } from './decode.ts'

const shape = { count: integer(0, 9), size: optional(integer(0, 9)) }

/** The text and hints of a refusal. */
function refusal(decoder: Decoder<unknown>, value: unknown): readonly string[] {
  let said: readonly string[] = []
  assert.throws(() =>
    decode(decoder, value, (text, hints) => {
      said = [text, ...hints]
      return new Error(text)
    }),
  )
  return said
}

test('refuses an unknown member by name and says what was meant', () => {
  const [text, hint] = refusal(object(shape), { cuont: 1 })
  assert.match(text ?? '', /^cuont: expected only the fields count, size/)
  assert.equal(hint, 'did you mean count?')
})

test('takes from an open object the members it knows, and leaves out the others', () => {
  assert.deepEqual(openObject(shape)({ count: 1, more: 2 }), { count: 1 })
  assert.match(refusal(openObject(shape), { more: 2 })[0] ?? '', /^count: expected a whole number/)
  assert.match(refusal(openObject(shape), [])[0] ?? '', /expected an object/)
})

test('says where it went wrong in few words, however long the name of a field', () => {
  const long = { ['k'.repeat(1e4)]: 'v'.repeat(1e4) }
  for (const decoder of [object({}), record(integer(0, 1))]) {
    assert.throws(
      () => decode(decoder, long, (text) => new Error(text)),
      ({ message }: Error) => message.length < 500 && message.startsWith('kkk'),
    )
  }
})
