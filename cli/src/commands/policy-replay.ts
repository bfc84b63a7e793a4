// `policy replay`: what would this policy, or newer collateral, say of all that
// the mainframe has stored?

import {
  ReplayCountsSchema,
  type ReplayPolicyResponse,
  type Ruling,
  type RulingChange,
  type VerdictChange,
  VerdictChangeSchema,
} from '@vorta/api'
import { fail, fromUtf8 } from '@vorta/core'
import { parseConfig } from '@vorta/core/config'
import { connectionOptions, command as define, verdictOptions } from '../command.ts'
import { readInput } from '../input.ts'
import type { Io } from '../io.ts'
import { plain, timeText } from '../messages.ts'
import { untimed, withServer } from '../server.ts'
import { eitherPolicy } from '../trust.ts'
import type { Paint, Ui } from '../ui.ts'

export const command = define({
  summary: 'list the workers and receipts whose verdict a policy would change',
  description: `Judges all evidence that the mainframe has stored by the policy in force and by another one: as of
when it was logged, by the collateral of that day, and as of now, by --collateral where it is about
the platform. Nothing is changed by it. Needs the administrator's token.`,
  options: {
    policy: { type: 'string', value: 'FILE', summary: 'policy file, as a mainframe reads it' },
    collateral: {
      type: 'string',
      value: 'FILE',
      summary: "JSON with the fields of Intel's quote collateral, to judge by as of now",
    },
    ...verdictOptions,
    ...connectionOptions,
  },
  arguments: [],
  examples: [
    'policy replay --policy stricter.yaml',
    'policy replay --collateral early.json -o json',
  ],
  run: async (ui, values) => {
    const { policy, collateral } = values
    if (policy === undefined && collateral === undefined) {
      throw fail('USAGE', 'expected --policy, --collateral or both')
    }
    const request = {
      policy: policy === undefined ? '' : await policyText(ui.io, policy),
      collateral: collateral === undefined ? new Uint8Array() : await readInput(ui.io, collateral),
    }
    const isJson = values.json || values.format === 'json'
    const found: VerdictChange[] = []
    const last = await withServer(ui, values, async ({ policies }) => {
      let newest: ReplayPolicyResponse | undefined
      for await (const step of policies.replayPolicy(request, untimed)) {
        newest = step
        if (isJson) found.push(...step.changes)
        else for (const change of step.changes) ui.print(lines(ui.paint, change))
      }
      return newest
    })
    if (!last) throw fail('UNAVAILABLE', 'the mainframe ended the replay before it began')
    if (isJson) ui.print(JSON.stringify(json(last, found), null, 2))
    else summary(ui, last)
    return 0
  },
})

/** As the mainframe reads it; of a receipt policy, the part about enclaves. Throws CONFIG_INVALID. */
async function policyText(io: Io, path: string): Promise<string> {
  const text = fromUtf8(await readInput(io, path)) ?? ''
  parseConfig(text, path, eitherPolicy)
  const written = parseConfig(text, path, (value) => value as { readonly attestation?: object })
  return JSON.stringify(written.attestation ?? written)
}

function lines(paint: Paint, { name, time, asOfLogged, asOfNow }: VerdictChange): string {
  return [
    paint('strong', name),
    `  as of ${timeText(time)}  ${changeText(paint, asOfLogged)}`,
    `  as of now                   ${changeText(paint, asOfNow)}`,
  ].join('\n')
}

function changeText(paint: Paint, { before, after }: Partial<RulingChange> = {}): string {
  if (!before || !after) return ''
  const shown = before.state === after.state ? paint('dim', 'stays') : `${word(paint, before)} ->`
  const against = after.code === '' ? '' : `  ${after.rule}: ${after.code}: ${after.detail}`
  return `${shown} ${word(paint, after)}${against}`
}

const tones = { accepted: 'good', grace: 'attention', refused: 'failed' } as const

function word(paint: Paint, { state, graceUntil }: Ruling): string {
  const tone = tones[state as keyof typeof tones] ?? 'dim'
  const end = state === 'grace' ? ` until ${timeText(graceUntil)}` : ''
  return paint(tone, state + end)
}

const json = (
  { counts, currentPolicy, proposedPolicy }: ReplayPolicyResponse,
  changes: readonly VerdictChange[],
) => ({
  currentPolicy,
  proposedPolicy,
  counts: counts && plain(ReplayCountsSchema)(counts),
  changes: changes.map(plain(VerdictChangeSchema)),
})

function summary(ui: Ui, { counts, currentPolicy, proposedPolicy }: ReplayPolicyResponse): void {
  if (!counts) return
  const { workers, workersChanged, receipts, receiptsChanged, evidence, recollateralised } = counts
  ui.say(`policy in force  sha256:${currentPolicy}`)
  ui.say(`proposed         sha256:${proposedPolicy}`)
  ui.say(
    `${workersChanged} of ${workers} workers and ${receiptsChanged} of ${receipts} receipts change; ` +
      `${evidence} pieces of evidence judged, ${recollateralised} by the newer collateral`,
  )
}
