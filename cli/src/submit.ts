// What `submit` and `run` share: spec, upload, CreateJob.

import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { Job, PlacementReport } from '@vorta/api'
import { fail } from '@vorta/core'
import type { Options, Values } from './command.ts'
import { prepareSpec } from './job-spec.ts'
import { idOf } from './jobs.ts'
import { isDisconnect, type Server } from './server.ts'
import type { Ui } from './ui.ts'
import { upload } from './upload.ts'

export const specOptions = {
  'job-spec': { type: 'string', value: 'FILE', summary: 'job spec in JSON or YAML; - for stdin' },
  proof: { type: 'string', value: 'FILE', summary: "proof, instead of the spec's" },
  vk: { type: 'string', value: 'FILE', summary: "verification key, instead of the spec's" },
  public: { type: 'string', value: 'FILE', summary: "public inputs, instead of the spec's" },
  'job-id': { type: 'string', value: 'ID', summary: 'id of the job; else the server makes one' },
} as const satisfies Options

type SpecValues = Values<typeof specOptions>

// CreateJob carries a request id, so that to repeat it cannot make a second job.
const createTries = 3
const retryAfterMs = 200

/** Submits a job, or with `validateOnly` only places it on paper. */
export async function submit(
  ui: Ui,
  server: Server,
  values: SpecValues,
  validateOnly: boolean,
): Promise<{ readonly job: Job | undefined; readonly placement: PlacementReport | undefined }> {
  const path = values['job-spec']
  if (path === undefined) {
    throw fail('USAGE', 'option --job-spec is missing', {
      hints: ['try --job-spec jobs/example_job.json --proof artifacts/proof.bin'],
    })
  }
  const { label, spec, sources } = await prepareSpec(ui.io, path, values)
  if (!validateOnly) await upload(ui, server, sources)
  const request = { jobId: values['job-id'] ?? '', spec, requestId: randomUUID(), validateOnly }
  const { job, placement } = await create(server, request)
  if (job && !validateOnly) ui.step('Submitted', `${label ? `${label} as ` : ''}${idOf(job.name)}`)
  return { job, placement }
}

async function create(server: Server, request: Parameters<Server['jobs']['createJob']>[0]) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await server.jobs.createJob(request)
    } catch (thrown) {
      if (attempt === createTries || !isDisconnect(thrown)) throw thrown
      await pause(attempt * retryAfterMs)
    }
  }
}
