import assert from 'node:assert/strict'
import { test } from 'node:test'
import { concat, fromUtf8 } from '@vorta/core'
import fc from 'fast-check'
import { encodeFrame, frameReader, maxFrameBytes } from './frames.ts'

test('gives back every message, however the stream is cut into chunks', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string(), { maxLength: 8 }),
      fc.array(fc.nat(40), { minLength: 1 }),
      (messages, cuts) => {
        const stream = concat(...messages.map(encodeFrame))
        const bodies: unknown[] = []
        const read = frameReader((body) => bodies.push(JSON.parse(fromUtf8(body) ?? '')))
        for (let at = 0, turn = 0; at < stream.length; turn++) {
          const length = (cuts[turn % cuts.length] ?? 0) + (turn % 2)
          read(stream.subarray(at, at + length))
          at += length
        }
        assert.deepEqual(bodies, messages)
      },
    ),
  )
})

test('refuses a length over the limit as soon as the header is there', () => {
  const read = frameReader(() => assert.fail('no frame was sent'))
  const header = new Uint8Array(4)
  new DataView(header.buffer).setUint32(0, maxFrameBytes + 1)
  read(header.subarray(0, 3))
  assert.throws(() => read(header.subarray(3)), { code: 'TOO_LARGE' })
})

test('refuses to send a message over the limit', () => {
  assert.throws(() => encodeFrame('x'.repeat(maxFrameBytes)), { code: 'TOO_LARGE' })
})
