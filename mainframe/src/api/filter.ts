// The documented subset of AIP-160: `state = "RUNNING" AND worker = "workers/w1"`.

import { fail, idPattern } from '@vorta/core'
import { type JobState, jobStates } from '../records.ts'
import type { JobFilter } from '../store/store.ts'

const term = /^([a-z_]+) *= *"([^"]{0,80})"$/

const refuse = (text: string) =>
  fail('FILTER_INVALID', `filter: ${text}`, {
    meta: { field: 'filter' },
    hints: [
      'write it as state = "RUNNING" AND worker = "workers/worker-01" AND verdict = "invalid"',
    ],
  })

// More than every field at its longest, and short enough for any regular expression.
const longestFilter = 500

/** Throws FILTER_INVALID. */
export function parseFilter(text: string): JobFilter {
  const filter: { state?: JobState; worker?: string; verdict?: string } = {}
  if (text.length > longestFilter) throw refuse(`expected at most ${longestFilter} characters`)
  if (text.trim() === '') return filter
  for (const part of text.split(/ +AND +/)) {
    const [, field = '', value = ''] = term.exec(part.trim()) ?? []
    if (Object.hasOwn(filter, field)) throw refuse(`expected ${field} once`)
    if (field === 'state' && jobStates.includes(value as JobState)) filter.state = value as JobState
    else if (field === 'worker' && idPattern.test(value.replace(/^workers\//, ''))) {
      filter.worker = value.replace(/^workers\//, '')
    } else if (field === 'verdict' && (value === 'valid' || value === 'invalid'))
      filter.verdict = value
    else
      throw refuse(
        `expected state, worker or verdict = "value", got ${JSON.stringify(part.slice(0, 80))}`,
      )
  }
  return filter
}
