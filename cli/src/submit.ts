// What `submit` and `run` share: spec, upload, CreateJob.

import { randomUUID } from 'node:crypto'
import type { Job, PlacementReport } from '@vorta/api'
import { fail } from '@vorta/core'
import type { Options, Values } from './command.ts'
import { writeContentKey } from './content-keys.ts'
import { prepareSpec } from './job-spec.ts'
import { idOf } from './jobs.ts'
import { repeated, type Server } from './server.ts'
import type { Ui } from './ui.ts'
import { upload } from './upload.ts'

export const specOptions = {
  'job-spec': { type: 'string', value: 'FILE', summary: 'job spec in JSON or YAML; - for stdin' },
  proof: { type: 'string', value: 'FILE', summary: "proof, instead of the spec's" },
  vk: { type: 'string', value: 'FILE', summary: "verification key, instead of the spec's" },
  public: { type: 'string', value: 'FILE', summary: "public inputs, instead of the spec's" },
  'job-id': { type: 'string', value: 'ID', summary: 'id of the job; else the server makes one' },
} as const satisfies Options

export const sealOptions = {
  seal: {
    type: 'string',
    value: 'INPUT',
    multiple: true,
    summary: 'encrypt proof, public or vk so that only the enclave can read it',
  },
} as const satisfies Options

type SpecValues = Values<typeof specOptions & typeof sealOptions>

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
  const { label, spec, sources, contentKey } = await prepareSpec(ui.io, path, values)
  if (contentKey && !validateOnly) {
    // Before the job exists: a job whose key is lost can never run.
    await writeContentKey(ui.io, { ...contentKey, releases: 0 })
  }
  if (!validateOnly) await upload(ui, server, sources)
  const request = { jobId: values['job-id'] ?? '', spec, requestId: randomUUID(), validateOnly }
  // It carries a request id, so that to repeat it cannot make a second job.
  const { job, placement } = await repeated(() => server.jobs.createJob(request))
  if (job && !validateOnly) ui.step('Submitted', `${label ? `${label} as ` : ''}${idOf(job.name)}`)
  return { job, placement }
}
