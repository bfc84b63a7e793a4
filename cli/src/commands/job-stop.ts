// `job stop JOB`.

import { durationFromMs } from '@bufbuild/protobuf/wkt'
import { fail } from '@vorta/core'
import { decode, duration } from '@vorta/core/decode'
import { connectionOptions, command as define, itemOptions } from '../command.ts'
import { idOf, printJob, resourceName } from '../jobs.ts'
import { withServer } from '../server.ts'

export const command = define({
  summary: 'end a job gently: no retry, and time to finish',
  options: {
    grace: { type: 'string', value: 'TIME', summary: 'how long it may take (default 10s)' },
    ...itemOptions,
    ...connectionOptions,
  },
  arguments: [{ name: 'job', summary: 'name or id', completes: 'job' }],
  examples: ['job stop example --grace 30s'],
  run: async (ui, values, [argument]) => {
    const name = resourceName('jobs', argument!)
    const graceMs = decode(duration, values.grace ?? '10s', (text) =>
      fail('USAGE', text.replace('document', '--grace')),
    )
    const request = { name, grace: durationFromMs(graceMs) }
    const { job } = await withServer(ui, values, ({ jobs }) => jobs.stopJob(request))
    if (job) printJob(ui, values, job)
    ui.say(`next: vorta-cli job watch ${idOf(name)}`)
    return 0
  },
})
