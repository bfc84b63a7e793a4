// `policy check`: is the file a policy, what does it mean, and by which digest
// do results name it?

import { type AttestationPolicy, policyDigest } from '@vorta/attestation'
import { explain } from '@vorta/attestation/policy/explain'
import { fail } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { command as define, verdictOptions } from '../command.ts'
import { readPolicy } from '../trust.ts'
import type { Paint } from '../ui.ts'

export const command = define({
  summary: 'check a policy file and say what it means',
  description: `Reads an attestation policy, or a receipt policy with one in it. The digest names the policy by
what it means: attestation results carry it, and comments or the order of fields do not change it.`,
  options: {
    policy: { type: 'string', value: 'FILE', summary: 'policy in YAML or JSON' },
    ...verdictOptions,
  },
  arguments: [],
  examples: ['policy check --policy config/policy.yaml'],
  run: async (ui, values) => {
    if (values.policy === undefined) throw fail('USAGE', 'option --policy is missing')
    const { attestation } = await readPolicy(ui.io, values.policy, undefined)
    const digest = policyDigest(nodeCrypto, attestation)
    if (values.json || values.format === 'json') {
      ui.print(JSON.stringify({ digest, ...explain(attestation), policy: attestation }, null, 2))
    } else {
      ui.print(text(ui.paint, digest, attestation))
    }
    return 0
  },
})

function text(paint: Paint, digest: string, policy: AttestationPolicy): string {
  const { accepts, requires, leavesOpen } = explain(policy)
  const section = (title: string, lines: readonly string[]) =>
    lines.length === 0 ? [] : [paint('strong', title), ...lines.map((line) => `  ${line}`)]
  return [
    `${paint('dim', 'digest')}  sha256:${digest}`,
    ...section('Accepts', accepts),
    ...section('Requires', requires),
    ...section('Leaves open', leavesOpen),
  ].join('\n')
}
