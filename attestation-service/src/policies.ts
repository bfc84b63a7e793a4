// The policies there are to judge by, each under a name. A caller names one and
// cannot bring their own: what is accepted here is for the operator to say.

import { type AttestationPolicy, policyDigest } from '@vorta/attestation'
import { type Crypto, fail } from '@vorta/core'

export const defaultPolicyName = 'default'

export type NamedPolicy = {
  readonly name: string
  /** SHA-256 of its canonical JSON, hex. */
  readonly id: string
  readonly policy: AttestationPolicy
}

export type Policies = {
  /** In the order of their names. */
  readonly all: readonly NamedPolicy[]
  /** The default one for an empty name. Throws POLICY_NOT_FOUND. */
  get(name: string): NamedPolicy
}

export function createPolicies(
  crypto: Crypto,
  named: Readonly<Record<string, AttestationPolicy>>,
): Policies {
  const all = Object.entries(named)
    .map(([name, policy]) => ({ name, id: policyDigest(crypto, policy), policy }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
  const byName = new Map(all.map((entry) => [entry.name, entry]))
  return {
    all,
    get: (name) => {
      const found = byName.get(name === '' ? defaultPolicyName : name)
      if (found) return found
      throw fail('POLICY_NOT_FOUND', `policy: there is none called ${shown(name)}`, {
        meta: { field: 'policy' },
        hints: [`there are: ${all.map((entry) => entry.name).join(', ')}`],
      })
    },
  }
}

const shown = (name: string): string => JSON.stringify(name.slice(0, 80))
