import assert from 'node:assert/strict'
import { afterEach, beforeEach, mock, suite, test } from 'node:test'
import { fakeClock } from '@vorta/core'
import fc from 'fast-check'
import { Timers } from './timers.ts'

suite('timers', () => {
  beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }))
  afterEach(() => mock.timers.reset())

  const open = () => {
    const clock = fakeClock(0)
    const told: string[][] = []
    const timers = new Timers(clock, (uids) => told.push([...uids]))
    const advance = (ms: number) => {
      clock.advance(ms)
      mock.timers.tick(ms)
    }
    return { clock, timers, told, advance }
  }

  test('tell of each deadline when it is due, soonest first, whatever order they were set in', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 50 }), { maxLength: 30 }), (delays) => {
        const { timers, told, advance } = open()
        for (const [index, at] of delays.entries()) timers.set(`j${index}`, at)
        const seen: number[] = []
        for (let now = 0; now <= 50; now++) {
          advance(now === 0 ? 0 : 1)
          mock.timers.tick(1) // a deadline that is due already fires in the next turn
          for (const uid of told.splice(0).flat()) {
            const at = delays[Number(uid.slice(1))] as number
            assert.ok(at <= now, `${uid} came early`)
            seen.push(at)
          }
        }
        assert.deepEqual(
          seen,
          delays.toSorted((a, b) => a - b),
        )
      }),
      { numRuns: 50 },
    )
  })

  test('tell of several at once, and of none before its time', () => {
    const { timers, told, advance } = open()
    timers.set('late', 200)
    timers.set('a', 100)
    timers.set('b', 100)
    advance(99)
    assert.deepEqual(told, [])
    advance(1)
    assert.deepEqual(told, [['a', 'b']])
    advance(100)
    assert.deepEqual(told[1], ['late'])
  })

  test('wait for deadlines beyond what setTimeout can count', () => {
    const { timers, told, advance } = open()
    const far = 2 ** 31 + 5000
    timers.set('far', far)
    advance(2 ** 31 - 1)
    assert.deepEqual(told, [])
    advance(5001)
    assert.deepEqual(told, [['far']])
  })

  test('are quiet once stopped, even about what is set later', () => {
    const { timers, told, advance } = open()
    timers.set('a', 10)
    timers.stop()
    timers.set('b', 20)
    advance(1000)
    assert.deepEqual(told, [])
  })

  test('may be set again by whoever is told', () => {
    const clock = fakeClock(0)
    const told: number[] = []
    const timers = new Timers(clock, () => {
      told.push(clock.now())
      if (told.length < 3) timers.set('again', clock.now() + 10)
    })
    timers.set('again', 10)
    for (let turn = 0; turn < 50; turn++) {
      clock.advance(1)
      mock.timers.tick(1)
    }
    assert.deepEqual(told, [10, 20, 30])
  })
})
