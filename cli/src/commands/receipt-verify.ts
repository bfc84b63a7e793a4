// `receipt verify FILE`: is it genuine, and do I accept it? Offline: it asks no
// server, only the file, the roots and the policy.

import { createHash } from 'node:crypto'
import { basename } from 'node:path'
import { docsUrl, exitCodes } from '@vorta/api/errors'
import { fromUtf8 } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import {
  type Appraisal,
  appraiseReceipt,
  type Expectations,
  type OutputFile,
  type ReceiptPolicy,
} from '@vorta/receipt'
import { command as define, verdictOptions } from '../command.ts'
import { readInput } from '../input.ts'
import type { Io } from '../io.ts'
import { checkVkey } from '../log-check.ts'
import { columns } from '../output.ts'
import {
  anchorsOf,
  defaultPolicy,
  momentOf,
  ownMeasurement,
  readPolicy,
  trustOptions,
} from '../trust.ts'
import type { Paint, Ui } from '../ui.ts'
import { checkLines, simulatedNotice, verdictJson } from '../verdicts.ts'

export const command = define({
  summary: 'verify a receipt, offline',
  description: `Checks that the receipt is genuine and that the policy accepts it. Without --policy that is:
an SGX enclave on genuine hardware, not in debug mode, with the code of this very installation.
Exit code 0 if it is accepted, 5 if not.`,
  options: {
    policy: { type: 'string', value: 'FILE', summary: 'policy in YAML or JSON' },
    ...trustOptions,
    'log-key': { type: 'string', value: 'VKEY', summary: "the log's key (C2SP vkey), or a file" },
    output: {
      type: 'string',
      value: 'FILE',
      multiple: true,
      summary: 'an output to compare; NAME=FILE where its name differs',
    },
    'expect-proof': { type: 'string', value: 'FILE', summary: 'the proof it must be about' },
    'expect-vk': { type: 'string', value: 'FILE', summary: 'the verification key, likewise' },
    'expect-public': { type: 'string', value: 'FILE', summary: 'the public inputs, likewise' },
    ...verdictOptions,
  },
  arguments: [{ name: 'file', summary: 'receipt; - for stdin', completes: 'file' }],
  examples: [
    'receipt verify receipt.json',
    'receipt verify receipt.json --allow-simulated --expect-proof artifacts/proof.bin',
    'receipt verify receipt.json --policy policy.yaml --at 2026-01-31T12:00:00Z -o json',
  ],
  run: async (ui, values, [path]) => {
    const { io } = ui
    const file = await readInput(io, path!)
    const policy = await policyOf(ui, values)
    const appraisal = await appraiseReceipt(nodeCrypto, file, {
      policy,
      anchors: await anchorsOf(io, values.root),
      now: momentOf(io, values.at),
      outputs: await Promise.all((values.output ?? []).map((output) => readOutput(io, output))),
      expect: await expectationsOf(io, values),
    })
    if (values.json || values.format === 'json') ui.print(verdictJson(appraisal))
    else ui.print(text(ui.paint, path!, appraisal))
    if (appraisal.accepted) return exitCodes.ok
    if (appraisal.asOfLogged.code) ui.docs(docsUrl(appraisal.asOfLogged.code))
    return exitCodes.verification
  },
})

type PolicyValues = {
  readonly policy?: string
  readonly 'allow-simulated'?: true
  readonly 'log-key'?: string
}

async function policyOf(ui: Ui, values: PolicyValues): Promise<ReceiptPolicy> {
  const simulated = values['allow-simulated']
  const pinned = values['log-key']
  const logs = pinned === undefined ? {} : { logs: [await readVkey(ui.io, pinned)] }
  if (values.policy !== undefined) {
    return { ...(await readPolicy(ui.io, values.policy, simulated)), ...logs }
  }
  const measurement = await ownMeasurement()
  if (measurement === undefined) {
    ui.warn('this installation has no enclave to compare with; name one in a --policy')
  }
  const accepted = measurement === undefined ? [] : [measurement]
  return { attestation: defaultPolicy(simulated ?? false, accepted), ...logs }
}

async function readVkey(io: Io, given: string): Promise<string> {
  const looksLikeKey = /^[^+]+\+[0-9a-f]{8}\+/.test(given)
  return checkVkey(looksLikeKey ? given : (fromUtf8(await readInput(io, given)) ?? '').trim())
}

async function readOutput(io: Io, given: string): Promise<OutputFile> {
  const named = /^([^=/]+)=(.+)$/s.exec(given)
  const path = named?.[2] ?? given
  return { name: named?.[1] ?? basename(path), bytes: await readInput(io, path) }
}

type ExpectValues = {
  readonly 'expect-proof'?: string
  readonly 'expect-vk'?: string
  readonly 'expect-public'?: string
}

async function expectationsOf(io: Io, values: ExpectValues): Promise<Expectations> {
  const digest = async <K extends string>(name: K, given: string | undefined) => {
    if (given === undefined) return {}
    const hex = /^sha256:([0-9a-f]{64})$/.exec(given)?.[1]
    const sha256 =
      hex ??
      createHash('sha256')
        .update(await readInput(io, given))
        .digest('hex')
    return { [name]: sha256 }
  }
  return {
    ...(await digest('proof', values['expect-proof'])),
    ...(await digest('verificationKey', values['expect-vk'])),
    ...(await digest('publicInputs', values['expect-public'])),
  }
}

function text(paint: Paint, path: string, appraisal: Appraisal): string {
  const { accepted, checks, findings, claims, asOfLogged, asOfNow, simulated } = appraisal
  const judged = findings.filter(({ outcome }) => outcome !== 'not-performed')
  const skipped = [...checks, ...findings].filter(({ outcome }) => outcome === 'not-performed')
  const section = (title: string, body: string) =>
    body === '' ? [] : [paint('strong', title), body]
  const word = accepted ? paint('good', 'ACCEPTED') : paint('failed', 'REFUSED')
  const verdict = (label: string, { accepted: ok, detail }: Appraisal['asOfNow']) =>
    `${label}  ${ok ? paint('good', '✓ accepted') : paint('failed', '✗ refused')}: ${detail.replace(/^accepted: /, '')}`
  return [
    ...(simulated ? [simulatedNotice(paint)] : []),
    ...section(
      'Verification',
      checkLines(
        paint,
        checks.filter(({ outcome }) => outcome !== 'not-performed'),
      ),
    ),
    ...section('Policy', judged.length === 0 ? '' : checkLines(paint, judged)),
    ...section(
      'What it says, and by whose word',
      columns(claims.map(({ name, value, source, anchor }) => [name, value, source, anchor])),
    ),
    ...section('Not checked', skipped.length === 0 ? '' : checkLines(paint, skipped)),
    verdict('as of logged', asOfLogged),
    verdict('as of now   ', asOfNow),
    `${word}${simulated ? paint('simulated', ' SIMULATED') : ''} ${path}`,
  ].join('\n')
}
