// ClusterService: what the cluster consists of and why it placed work as it did.

import type { ServiceImpl } from '@connectrpc/connect'
import type { ClusterService } from '@vorta/api'
import { idIn } from '@vorta/api/server/names'
import { type PageTokens, pageSize } from '@vorta/api/server/paging'
import type { AttestationPolicy } from '@vorta/attestation'
import { fail } from '@vorta/core'
import type { Cluster } from '../cluster/cluster.ts'
import type { LogIdentity } from '../cluster/session.ts'
import type { JobTable } from '../jobs/job-table.ts'
import type { PlacementReport } from '../scheduler/place.ts'
import type { Store } from '../store/store.ts'
import { version } from '../version.ts'
import { placementMessage, workerMessage } from './messages.ts'

export type ClusterServiceDeps = {
  readonly store: Store
  readonly table: JobTable
  readonly cluster: Cluster
  readonly logIdentity: LogIdentity
  readonly policy: AttestationPolicy
  readonly tokens: PageTokens
}

export function clusterService(deps: ClusterServiceDeps): ServiceImpl<typeof ClusterService> {
  const { store, table, cluster, logIdentity, policy, tokens } = deps

  return {
    getServerInfo: () => ({
      version,
      apiVersions: ['vorta.v1'],
      logOrigin: logIdentity.origin,
      logKey: logIdentity.key,
      simulatedAccepted: policy.simulated,
      measurements: [...policy.measurements.mrenclave],
    }),

    getWorker: ({ name }) => {
      const worker = cluster.get(idIn('workers', name))
      if (!worker) throw fail('WORKER_NOT_FOUND', `${name} does not exist`)
      return { worker: workerMessage(worker) }
    },

    listWorkers: ({ pageSize: asked, pageToken }) => {
      const after = tokens.open('workers', pageToken) ?? ''
      const limit = pageSize(asked)
      const rest = cluster.all().filter((worker) => worker.id > after)
      const workers = rest.slice(0, limit)
      const next = rest.length > limit ? workers.at(-1)?.id : undefined
      return { workers: workers.map(workerMessage), nextPageToken: tokens.seal('workers', next) }
    },

    async getPlacementReport({ job: name, attempt }) {
      const id = idIn('jobs', name, 'job')
      const live = table.byId(id)
      // A job that waits has no attempt yet; the last look at the workers explains it.
      if (live?.unplaced && attempt === 0) return { report: placementMessage(live.unplaced) }
      const record = await store.job(id)
      if (!record) throw fail('JOB_NOT_FOUND', `jobs/${id} does not exist`)
      const stored = await store.placement(record.uid, attempt)
      if (!stored)
        throw fail(
          'INVALID_ARGUMENT',
          attempt === 0
            ? `jobs/${id} was not looked at yet`
            : `jobs/${id} has no attempt ${attempt}`,
          {
            meta: { field: 'attempt' },
          },
        )
      const report: PlacementReport = JSON.parse(stored.report)
      return { report: placementMessage(report) }
    },
  }
}
