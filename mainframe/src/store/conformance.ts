// What every engine behind the Store interface must do, as one test suite. It
// knows nothing of any engine: a place is somewhere that can be opened, also
// twice at a time, and that keeps what was committed when it is closed.

import { test } from 'node:test'
import { testCommits } from './conformance/commits.ts'
import { now, type Place, type StoreTest } from './conformance/fixtures.ts'
import { testJobs } from './conformance/jobs.ts'
import { testLease } from './conformance/lease.ts'
import { testLog } from './conformance/log.ts'
import { testRecords } from './conformance/records.ts'
import { testRequests } from './conformance/requests.ts'

/** Registers the suite under node:test. */
export function testStore(name: string, newPlace: () => Promise<Place>): void {
  const storeTest: StoreTest = (title, body) => {
    test(`${name}: ${title}`, async (t) => {
      const place = await newPlace()
      const store = await place.open()
      t.after(async () => {
        await store.close()
        await place.remove()
      })
      const { epoch } = await store.lead({ holder: 'first', ttlMs: 2_000, now })
      await body(store, epoch, place)
    })
  }

  testJobs(storeTest)
  testCommits(storeTest)
  testLease(storeTest)
  testRequests(storeTest)
  testRecords(storeTest)
  testLog(storeTest)
}
