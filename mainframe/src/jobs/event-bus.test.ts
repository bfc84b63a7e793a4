import assert from 'node:assert/strict'
import { afterEach, beforeEach, mock, suite, test } from 'node:test'
import type { EventRecord } from '../records.ts'
import { eventOf, jobRecord } from '../store/conformance/fixtures.ts'
import { EventBus } from './event-bus.ts'

const eventsOf = (number: number, ...sequences: number[]): EventRecord[] =>
  sequences.map((sequence) => ({ ...eventOf(jobRecord(number)), sequence }))
const sequencesOf = (events: readonly EventRecord[]) => events.map(({ sequence }) => sequence)

suite('the event bus', () => {
  let bus: EventBus
  beforeEach(() => {
    mock.timers.enable({ apis: ['setTimeout'] })
    bus = new EventBus()
  })
  afterEach(() => mock.timers.reset())

  const watch = (wanted: (event: EventRecord) => boolean = () => true) => {
    const subscription = bus.subscribe(wanted, 1000)
    const reader = subscription[Symbol.asyncIterator]()
    return { ...subscription, next: () => reader.next(), leave: () => reader.return?.() }
  }

  test('gives what was published meanwhile in one batch, in order, to each watcher', async () => {
    const [a, b] = [watch(), watch()]
    bus.publish(eventsOf(1, 1, 2))
    bus.publish([])
    bus.publish(eventsOf(2, 3))
    for (const watcher of [a, b]) {
      assert.deepEqual(sequencesOf((await watcher.next()).value), [1, 2, 3])
    }
    const waiting = a.next()
    bus.publish(eventsOf(1, 4))
    assert.deepEqual(sequencesOf((await waiting).value), [4])
  })

  test('gives only what is wanted', async () => {
    const { next } = watch(({ jobId }) => jobId === 'job-2')
    const first = next()
    bus.publish(eventsOf(1, 1))
    bus.publish(eventsOf(2, 2))
    assert.deepEqual(sequencesOf((await first).value), [2])
  })

  test('beats its heart when nothing comes', async () => {
    const { next } = watch()
    const first = next()
    mock.timers.tick(999)
    assert.equal(await Promise.race([first, 'nothing yet']), 'nothing yet')
    mock.timers.tick(1)
    assert.deepEqual((await first).value, [])
  })

  test('lets a watcher go that does not keep up, and keeps nothing for it', async () => {
    let looks = 0
    const { next } = watch(() => ++looks > 0)
    const many = Array.from({ length: 20_001 }, (_, index) => index)
    bus.publish(eventsOf(1, ...many))
    bus.publish(eventsOf(1, 20_002))
    assert.equal(looks, 20_001, 'it is no longer asked')
    await assert.rejects(next(), { code: 'COMPACTED' })
    assert.equal((await next()).done, true)
  })

  test('does not let one go that has just enough room', async () => {
    const { next } = watch()
    bus.publish(eventsOf(1, ...Array.from({ length: 20_000 }, (_, index) => index)))
    assert.equal((await next()).value.length, 20_000)
  })

  test('forgets who closes or leaves, waiting or not', async () => {
    let looks = 0
    const count = () => ++looks > 0
    const [waiting, idle, left] = [watch(count), watch(count), watch(count)]
    const pending = waiting.next()
    waiting.close()
    idle.close()
    const first = left.next()
    bus.publish(eventsOf(1, 1))
    await first
    await left.leave()
    bus.publish(eventsOf(1, 2))
    assert.equal(looks, 1)
    assert.equal((await pending).done, true)
    assert.equal((await idle.next()).done, true)
  })

  test('ends all with UNAVAILABLE when it closes, and whoever comes later', async () => {
    const [waiting, idle] = [watch(), watch()]
    const pending = waiting.next()
    bus.close()
    const later = watch()
    for (const answer of [pending, idle.next(), later.next()]) {
      await assert.rejects(answer, { code: 'UNAVAILABLE' })
    }
  })
})
