import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { Heap } from './heap.ts'
import { JobQueue, type Queued } from './queue.ts'

const anyJob = fc.record({
  uid: fc.nat({ max: 50 }).map((age) => `j${String(age).padStart(3, '0')}`),
  priority: fc.integer({ min: 0, max: 4 }),
})

const byUrgency = (a: Queued, b: Queued) => b.priority - a.priority || (a.uid < b.uid ? -1 : 1)

function drain(queue: JobQueue): Queued[] {
  const out: Queued[] = []
  for (let job = queue.pop(); job; job = queue.pop()) out.push(job)
  return out
}

suite('the queue', () => {
  test('gives jobs by priority, then by age, as sorting does', () => {
    const distinct = fc.uniqueArray(anyJob, { selector: ({ uid }) => uid })
    fc.assert(
      fc.property(distinct, (jobs) => {
        const queue = new JobQueue()
        for (const job of jobs) queue.push(job)
        assert.deepEqual(drain(queue), jobs.toSorted(byUrgency))
        assert.equal(queue.size, 0)
      }),
    )
  })

  test('gives the most urgent of what is in it at each moment', () => {
    const step = fc.oneof(anyJob, fc.constant('pop' as const))
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const queue = new JobQueue()
        const model: Queued[] = []
        for (const next of steps) {
          if (next === 'pop') assert.deepEqual(queue.pop(), model.sort(byUrgency).shift())
          else {
            queue.push(next)
            if (!model.some(({ uid }) => uid === next.uid)) model.push(next)
          }
          assert.equal(queue.size, model.length)
        }
      }),
    )
  })

  test('holds a job once, and again after it was taken out', () => {
    const queue = new JobQueue()
    const job = { uid: 'j1', priority: 1 }
    queue.push(job)
    queue.push({ ...job, priority: 9 })
    assert.deepEqual(drain(queue), [job])
    queue.push(job)
    assert.deepEqual(drain(queue), [job])
  })

  test('compares its first job with that of another queue', () => {
    const [a, b] = [new JobQueue(), new JobQueue()]
    a.push({ uid: 'j2', priority: 1 })
    b.push({ uid: 'j1', priority: 1 })
    assert.ok(b.isBefore(a) && !a.isBefore(b))
    a.push({ uid: 'j3', priority: 2 })
    assert.ok(a.isBefore(b) && !b.isBefore(a))
  })
})

test('a heap gives its items in order', () => {
  fc.assert(
    fc.property(fc.array(fc.integer()), (numbers) => {
      const heap = new Heap<number>((a, b) => a < b)
      for (const number of numbers) heap.push(number)
      const out: number[] = []
      while (heap.size > 0) {
        assert.equal(heap.peek(), Math.min(...numbers.toSorted((a, b) => a - b).slice(out.length)))
        out.push(heap.pop() as number)
      }
      assert.deepEqual(
        out,
        numbers.toSorted((a, b) => a - b),
      )
      assert.equal(heap.pop(), undefined)
    }),
  )
})
