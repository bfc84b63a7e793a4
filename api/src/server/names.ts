// Resource names (AIP-122): `jobs/{job}`, `workers/{worker}`, …

import { fail } from '@vorta/core'

const longest = 200

/** The id in a name such as `jobs/example`. Throws INVALID_ARGUMENT. */
export function idIn(collection: string, name: string, field = 'name'): string {
  const prefix = `${collection}/`
  const id = name.slice(prefix.length)
  if (!name.startsWith(prefix) || id === '' || name.length > longest || id.includes('/')) {
    throw fail(
      'INVALID_ARGUMENT',
      `${field}: expected "${prefix}…", got ${JSON.stringify(name.slice(0, 80))}`,
      {
        meta: { field },
      },
    )
  }
  return id
}
