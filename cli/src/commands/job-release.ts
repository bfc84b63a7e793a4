// `job release JOB`: releases the key of a job's sealed inputs to the enclave
// that waits for it, if it is one that the policy accepts.

import { exitCodes } from '@vorta/api/errors'
import { fail } from '@vorta/core'
import { connectionOptions, command as define, itemOptions } from '../command.ts'
import { exitCodeOfJob, hasEnded, idOf, printJob, resourceName, stateName } from '../jobs.ts'
import {
  awaitsKey,
  monitorReleasing,
  releaseChoice,
  releaseKey,
  releaseOptions,
} from '../release.ts'
import { withServer } from '../server.ts'

export const command = define({
  summary: 'release the key of sealed inputs to the enclave that waits for it',
  description: `Makes the enclave prove itself by a fresh nonce, verifies that and judges it by --policy on this
machine, and seals the key to that enclave alone. Exit code 5 if the enclave is refused; the key
is kept then. With --wait it stays until the job has ended and releases the key to each attempt.
Keys are kept in vorta/keys of the state folder (see \`vorta-cli help environment\`).`,
  options: {
    ...releaseOptions,
    wait: { type: 'boolean', summary: 'stay until the job has ended' },
    ...itemOptions,
    ...connectionOptions,
  },
  arguments: [{ name: 'job', summary: 'name or id', completes: 'job' }],
  examples: ['job release example --policy policy.yaml', 'job release example --wait'],
  run: (ui, values, [argument]) =>
    withServer(ui, values, async (server) => {
      const choice = await releaseChoice(ui, values)
      const name = resourceName('jobs', argument!)
      const { job } = await server.jobs.getJob({ name })
      if (!job || hasEnded(job)) {
        throw fail('JOB_FINISHED', `${name} has ended${job ? `: ${stateName(job.state)}` : ''}`)
      }
      if (values.wait) {
        const ended = await monitorReleasing(ui, server, name, choice)
        printJob(ui, values, ended)
        return exitCodeOfJob(ended)
      }
      if (!awaitsKey(job)) {
        throw fail(
          'KEY_NOT_AWAITED',
          `${name} waits for no key now: it is ${stateName(job.state)}`,
          {
            hints: ['--wait stays until it does'],
          },
        )
      }
      await releaseKey(ui, server, job, choice)
      ui.say(`next: vorta-cli job watch ${idOf(name)}`)
      return exitCodes.ok
    }),
})
