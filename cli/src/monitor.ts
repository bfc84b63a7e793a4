// Follows a job to its end and says what changed, nothing else. A connection
// that breaks is taken up again; no event is said twice, and none is left out.

import { setTimeout as pause } from 'node:timers/promises'
import type { Job, JobEvent } from '@vorta/api'
import { fail } from '@vorta/core'
import { hasEnded, idOf, stateTone } from './jobs.ts'
import { timeText } from './messages.ts'
import { sayUnschedulable } from './placement.ts'
import { isDisconnect, type Server, untimed } from './server.ts'
import type { Ui } from './ui.ts'

// How long a server may be gone before following it is given up.
const patienceMs = 60_000
const firstBackoffMs = 200
const longestBackoffMs = 5_000

export type Monitor = {
  readonly onEvent?: (event: JobEvent) => void
  /** Called with each state of the job, the first one included. */
  readonly onJob?: (job: Job) => void
  readonly signal?: AbortSignal
}

/** Resolves with the job when it has ended. Throws UNAVAILABLE when the server stays away. */
export async function follow(ui: Ui, server: Server, name: string, watch: Monitor): Promise<Job> {
  let last = -1n
  const tell = (events: readonly JobEvent[]) => {
    for (const event of events) {
      if (event.sequence <= last) continue
      last = event.sequence
      watch.onEvent?.(event)
    }
  }
  let lostAt: number | undefined
  let backoff = firstBackoffMs
  for (;;) {
    try {
      const options = { ...untimed, ...(watch.signal ? { signal: watch.signal } : {}) }
      let first = true
      for await (const { job, events } of server.jobs.watchJob({ name }, options)) {
        // The stream begins with the present; what led there is in the list.
        if (first) tell(await allEvents(server, name))
        first = false
        lostAt = undefined
        backoff = firstBackoffMs
        tell(events)
        if (!job) continue
        watch.onJob?.(job)
        if (hasEnded(job)) return job
      }
      throw fail('UNAVAILABLE', 'the server ended the stream before the job did')
    } catch (thrown) {
      lostAt ??= ui.io.now()
      const gone = ui.io.now() - lostAt > patienceMs
      if (watch.signal?.aborted || !isDisconnect(thrown) || last < 0n || gone) throw thrown
      if (backoff === firstBackoffMs) ui.warn('connection lost; trying again')
      await pause(backoff, undefined, watch.signal ? { signal: watch.signal } : {})
      backoff = Math.min(2 * backoff, longestBackoffMs)
    }
  }
}

/** Every event of a job, oldest first. */
export async function allEvents(server: Server, name: string): Promise<readonly JobEvent[]> {
  const all: JobEvent[] = []
  let pageToken = ''
  do {
    const page = await server.jobs.listJobEvents({ name, pageSize: 1000, pageToken })
    all.push(...page.events)
    pageToken = page.nextPageToken
  } while (pageToken !== '')
  return all
}

/** Follows a job and says each event on stderr, and once, why no worker fits if none does. */
export async function monitor(
  ui: Ui,
  server: Server,
  name: string,
  watch: Omit<Monitor, 'onEvent'> = {},
): Promise<Job> {
  let unplaceable = false
  let explained: Promise<void> | undefined
  const job = await follow(ui, server, name, {
    ...watch,
    onEvent: (event) => {
      const clock = timeText(event.time).slice(11, 19)
      ui.say(`==> ${clock} ${ui.talk(stateTone(event.state), event.type)}: ${event.message}`)
      if (event.type !== 'Unplaceable' || unplaceable) return
      unplaceable = true
      explained = explain(ui, server, name)
    },
  })
  await explained
  return job
}

async function explain(ui: Ui, server: Server, job: string): Promise<void> {
  const { report } = await server.cluster.getPlacementReport({ job }).catch(() => ({
    report: undefined, // an explanation that cannot be had must not end the watch
  }))
  if (report?.feasible === 0) {
    sayUnschedulable(ui, 'warn', `job "${idOf(job)}"`, report)
    ui.say('The job goes on waiting, until it expires')
  }
}
