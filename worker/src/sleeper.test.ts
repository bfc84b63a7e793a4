import { test } from 'node:test'
import { createSleeper } from './sleeper.ts'

test('a pause ends when it is woken, also by what came just before it', {
  timeout: 10_000,
}, async () => {
  const sleeper = createSleeper()
  sleeper.wake()
  await sleeper.sleep(1e9)
  const second = sleeper.sleep(1e9)
  sleeper.wake()
  await second
})
