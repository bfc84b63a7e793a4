// JobService: requests in, rows and decisions elsewhere, messages out.

import { durationMs } from '@bufbuild/protobuf/wkt'
import type { HandlerContext, ServiceImpl } from '@connectrpc/connect'
import { type CreateJobRequest, type Job, type JobService, toConnectError } from '@vorta/api'
import { idIn } from '@vorta/api/server/names'
import { type PageTokens, pageSize } from '@vorta/api/server/paging'
import { type Clock, fail, VortaError } from '@vorta/core'
import type { Control } from '../jobs/control.ts'
import type { EventBus } from '../jobs/event-bus.ts'
import type { JobTable } from '../jobs/job-table.ts'
import type { Submitted } from '../jobs/submission.ts'
import { type EventRecord, isTerminal, type JobRecord } from '../records.ts'
import { summarize } from '../scheduler/place.ts'
import type { Store } from '../store/store.ts'
import { parseFilter } from './filter.ts'
import { eventMessage, jobMessage, placementMessage } from './messages.ts'

export type JobServiceDeps = {
  readonly store: Store
  readonly table: JobTable
  readonly submit: (request: CreateJobRequest) => Promise<Submitted>
  readonly control: Control
  readonly bus: EventBus
  readonly tokens: PageTokens
  readonly clock: Clock
}

const largestBatch = 1000
const defaultGraceMs = 10_000
const heartbeatMs = 15_000
const eventsPerRead = 1000

export function jobService(deps: JobServiceDeps): ServiceImpl<typeof JobService> {
  const { store, table, bus, control, tokens } = deps

  return {
    async createJob(request) {
      const { record, spec, placement } = await deps.submit(request)
      const job = jobMessage(record, spec)
      return placement ? { job, placement: placementMessage(placement) } : { job }
    },

    async batchCreateJobs({ requests }) {
      if (requests.length > largestBatch) {
        throw fail(
          'INVALID_ARGUMENT',
          `requests: expected at most ${largestBatch}, got ${requests.length}`,
          {
            meta: { field: 'requests' },
          },
        )
      }
      const results = await Promise.all(
        requests.map(async (request) => {
          try {
            const { record, spec } = await deps.submit(request)
            return { job: jobMessage(record, spec) }
          } catch (thrown) {
            return {
              errorCode: VortaError.from(thrown).code,
              errorMessage: toConnectError(thrown).rawMessage,
            }
          }
        }),
      )
      return { results }
    },

    getJob: async ({ name }) => ({ job: (await find(idIn('jobs', name))).message }),

    async listJobs({ pageSize: asked, pageToken, filter }) {
      const list = `jobs ${filter}`
      const page = await store.jobs(
        parseFilter(filter),
        pageSize(asked),
        tokens.open(list, pageToken),
      )
      const jobs = page.items.map(({ job, spec }) => jobMessage(job, spec))
      return { jobs, nextPageToken: tokens.seal(list, page.next) }
    },

    async cancelJob({ name, etag }) {
      const id = idIn('jobs', name)
      return { job: await messageOf(await control.cancel(id, etag)) }
    },

    async stopJob({ name, grace }) {
      const graceMs = grace ? durationMs(grace) : defaultGraceMs
      if (!(graceMs >= 0 && graceMs <= 3_600_000)) {
        throw fail('INVALID_ARGUMENT', 'grace: expected 0 s to 1 h', { meta: { field: 'grace' } })
      }
      return { job: await messageOf(await control.stop(idIn('jobs', name), graceMs)) }
    },

    async *watchJob({ name }, context) {
      const id = idIn('jobs', name)
      // Subscribed before the first look, so that no change falls in between.
      const changes = subscribe(context, (event) => event.jobId === id)
      let { record, message } = await find(id)
      yield { job: message, events: [] }
      if (isTerminal(record.state)) return
      for await (const events of changes) {
        if (events.length === 0) {
          yield { events: [] }
          continue
        }
        ;({ record, message } = await find(id))
        yield { job: message, events: events.map(eventMessage) }
        if (isTerminal(record.state)) return
      }
    },

    async *watchEvents({ job, resumeToken }, context) {
      const uid = job === '' ? undefined : (await find(idIn('jobs', job, 'job'))).record.uid
      const changes = subscribe(context, (event) => uid === undefined || event.jobUid === uid)
      const last = await store.lastEvent()
      let seen = resumeToken === '' ? last : readResumeToken(resumeToken, last)
      const answer = (events: readonly EventRecord[]) => {
        seen = events.at(-1)?.sequence ?? seen
        return { events: events.map(eventMessage), resumeToken: String(seen) }
      }
      yield answer([])
      for (;;) {
        const missed = await store.events(seen, eventsPerRead, uid)
        if (missed.length === 0) break
        yield answer(missed)
      }
      for await (const events of changes)
        yield answer(events.filter((event) => event.sequence > seen))
    },

    async listJobEvents({ name, pageSize: asked, pageToken }) {
      const id = idIn('jobs', name)
      const { record } = await find(id)
      const list = `events ${id}`
      const limit = pageSize(asked)
      const after = Number(tokens.open(list, pageToken) ?? 0)
      const events = await store.events(after, limit, record.uid)
      const next = events.length === limit ? String(events.at(-1)?.sequence) : undefined
      return { events: events.map(eventMessage), nextPageToken: tokens.seal(list, next) }
    },
  }

  function subscribe(context: HandlerContext, wanted: (event: EventRecord) => boolean) {
    const subscription = bus.subscribe(wanted, heartbeatMs)
    context.signal.addEventListener('abort', () => subscription.close(), { once: true })
    return subscription
  }

  async function find(id: string): Promise<{ readonly record: JobRecord; readonly message: Job }> {
    const live = table.byId(id)
    // Only what is on disk is shown: a transition in flight is not yet true.
    const record = await store.job(id)
    if (!record) throw fail('JOB_NOT_FOUND', `jobs/${id} does not exist`)
    const unplaced = live?.unplaced && summarize(live.unplaced)
    return { record, message: await messageOf(record, unplaced) }
  }

  async function messageOf(record: JobRecord, unplaced?: string): Promise<Job> {
    const spec = table.get(record.uid)?.spec ?? (await store.spec(record.uid))
    if (!spec) throw fail('INTERNAL', `jobs/${record.id} has no spec`)
    return jobMessage(record, spec, unplaced)
  }
}

function readResumeToken(token: string, last: number): number {
  const sequence = /^\d{1,15}$/.test(token) ? Number(token) : Number.NaN
  if (!(sequence <= last)) {
    throw fail('INVALID_ARGUMENT', 'resume_token: was not issued by this cluster', {
      meta: { field: 'resume_token' },
    })
  }
  return sequence
}
