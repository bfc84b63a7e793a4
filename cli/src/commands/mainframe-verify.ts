// `mainframe verify`: does this mainframe run in an enclave that I accept, and
// is it the one at the other end of this connection?

import { fromConnectError } from '@vorta/api'
import { docsUrl, exitCodes } from '@vorta/api/errors'
import { measurementOf } from '@vorta/attestation'
import { VerificationError } from '@vorta/core'
import { connectionOptions, command as define, verdictOptions } from '../command.ts'
import { checkVkey } from '../log-check.ts'
import { verifyMainframe } from '../mainframe-verdict.ts'
import { columns } from '../output.ts'
import { resolveTarget } from '../target.ts'
import { anchorsOf, defaultPolicy, ownMeasurement, readPolicy, trustOptions } from '../trust.ts'
import type { Paint, Ui } from '../ui.ts'
import { checkLines, simulatedNotice, verdictJson } from '../verdicts.ts'

const { root, 'allow-simulated': allowSimulated } = trustOptions

export const command = define({
  summary: 'have a mainframe prove that it runs in an enclave',
  description: `Sends a fresh challenge and no token. The quote that answers has to be genuine, bind the TLS key
of this very connection and the key that signs the log, and be accepted by the policy. Without
--policy that is the mainframe of this very installation. Exit code 0 if it is accepted, 5 if not.`,
  options: {
    policy: { type: 'string', value: 'FILE', summary: 'attestation policy in YAML or JSON' },
    root,
    'allow-simulated': allowSimulated,
    'log-key': { type: 'string', value: 'VKEY', summary: "the log's key that one knows (vkey)" },
    ...verdictOptions,
    ...connectionOptions,
  },
  arguments: [],
  examples: [
    'mainframe verify --endpoint https://mainframe.example.org:7070 --policy mainframe-policy.yaml',
    'mainframe verify --allow-simulated -o json',
  ],
  run: async (ui, values) => {
    const target = await resolveTarget(ui.io, values)
    const given = values['log-key'] === undefined ? undefined : checkVkey(values['log-key'])
    const pinned = given ?? target.context?.logKey
    const result = await verdictOn(target.endpoint, {
      anchors: await anchorsOf(ui.io, values.root),
      policy: await policyOf(ui, values.policy, values['allow-simulated']),
      now: ui.io.now,
      ...(pinned !== undefined && { pinned }),
    })
    if (values.json || values.format === 'json') ui.print(verdictJson(result))
    else ui.print(text(ui.paint, target.endpoint, result, pinned))
    if (result.rejectCode !== null) ui.docs(docsUrl(result.rejectCode))
    return result.accepted ? exitCodes.ok : exitCodes.verification
  },
})

async function policyOf(ui: Ui, path: string | undefined, simulated: true | undefined) {
  if (path !== undefined) return (await readPolicy(ui.io, path, simulated)).attestation
  const own = await ownMeasurement('mainframe/src/main.ts')
  return defaultPolicy(simulated ?? false, own === undefined ? [] : [own])
}

async function verdictOn(endpoint: string, settings: Parameters<typeof verifyMainframe>[1]) {
  try {
    const { quote, ...verdict } = await verifyMainframe(endpoint, settings)
    const broken = verdict.findings.find(({ ok }) => !ok)
    const facts = { ...quote, measurement: measurementOf(quote), ...verdict }
    return { outcome: 'verified', ...facts, rejectCode: broken?.code ?? null } as const
  } catch (thrown) {
    const error = thrown instanceof VerificationError ? thrown : fromConnectError(thrown)
    if (!(thrown instanceof VerificationError) && error.code !== 'NOT_ATTESTED') throw error
    const { code, message } = error
    return {
      outcome: 'rejected',
      accepted: false,
      rejectCode: code,
      rejectDetail: message,
    } as const
  }
}

type Result = Awaited<ReturnType<typeof verdictOn>>

function text(paint: Paint, endpoint: string, result: Result, pinned: string | undefined): string {
  if (result.outcome === 'rejected') {
    return `${paint('failed', '✗ REJECTED')} ${result.rejectCode}: ${result.rejectDetail}`
  }
  const { findings, claims, log, logSize, tls, simulated, accepted } = result
  return [
    ...(simulated ? [simulatedNotice(paint)] : []),
    paint('strong', 'Verification'),
    checkLines(paint, [
      { name: 'genuine', outcome: 'passed', detail: `quote under ${result.anchor.name}` },
      { name: 'fresh', outcome: 'passed', detail: 'answers the challenge of this call' },
      tlsCheck(tls),
      { name: 'log-key', outcome: 'passed', detail: `${log}, ${logSize} entries` },
      pinned === undefined
        ? { name: 'log-known', outcome: 'not-performed', detail: 'no --log-key to compare with' }
        : { name: 'log-known', outcome: 'passed', detail: 'it is the one that was expected' },
    ]),
    paint('strong', 'Policy'),
    checkLines(
      paint,
      findings.map(({ rule, ok, code, detail }) =>
        ok
          ? { name: rule, outcome: 'passed', detail }
          : { name: rule, outcome: 'failed', detail, ...(code && { code }) },
      ),
    ),
    paint('strong', 'What it says, and by whose word'),
    columns(claims.map(({ name, value, source, anchor }) => [name, value, source, anchor])),
    `${accepted ? paint('good', 'ACCEPTED') : paint('failed', 'REFUSED')}${
      simulated ? paint('simulated', ' SIMULATED') : ''
    } ${endpoint}`,
  ].join('\n')
}

const tlsCheck = (tls: string | undefined): Parameters<typeof checkLines>[1][number] =>
  tls === undefined
    ? { name: 'tls-key', outcome: 'not-performed', detail: 'this connection has no TLS' }
    : { name: 'tls-key', outcome: 'passed', detail: `${tls} is the key of this connection` }
