// Which checks there are, in which order, and which of them a kind of enclave
// needs. Each check is one function that says what it found; none changes anything.

import { fromUtf8 } from '@vorta/core'
import { readInput } from '../input.ts'
import type { Connection } from '../target.ts'
import type { Ui } from '../ui.ts'
import { aesm, qcnl, quoteProvider } from './dcap.ts'
import { type Finding, named } from './finding.ts'
import { dataFolder, docker, gramine, node, runc } from './local.ts'
import type { Machine } from './machine.ts'
import { pccs, pccsUnasked, platform, platformUnasked } from './pccs.ts'
import { clock, server } from './server.ts'
import { cpu, enclaveDevice, epc, kernel, provisionDevice } from './sgx.ts'
import { dstack, tdxGuest } from './tdx.ts'

/** The findings that running each kind of enclave needs. */
export const needs = {
  gramine: [
    'node',
    'data-folder',
    'sgx-cpu',
    'kernel',
    'sgx-enclave',
    'epc',
    'aesm',
    'quote-provider',
    'qcnl',
    'pccs',
    'gramine',
  ],
  dstack: ['node', 'data-folder', 'dstack'],
  simulated: ['node', 'data-folder'],
} as const satisfies Readonly<Record<string, readonly string[]>>

export type Purpose = keyof typeof needs

const maxPlatformBytes = 64 * 2 ** 10

/** Looks at the machine. `platformFile` is what PCKIDRetrievalTool wrote, if it was given. */
export async function examineMachine(
  machine: Machine,
  platformFile?: string,
): Promise<readonly Finding[]> {
  const { result: qcnlResult, config } = qcnl(machine)
  const [service, registration, ...rest] = await Promise.all([
    config ? pccs(config) : pccsUnasked,
    config && platformFile !== undefined ? platform(config, platformFile) : platformUnasked,
    aesm(machine),
    gramine(machine),
    dstack(machine),
  ])
  const [aesmResult, gramineResult, dstackResult] = rest
  return [
    named('node', node()),
    named('data-folder', dataFolder()),
    named('sgx-cpu', cpu(machine)),
    named('kernel', kernel(machine)),
    named('sgx-enclave', enclaveDevice(machine)),
    named('sgx-provision', provisionDevice(machine)),
    named('epc', epc(machine)),
    named('aesm', aesmResult),
    named('quote-provider', quoteProvider(machine)),
    named('qcnl', qcnlResult),
    named('pccs', service.result),
    named('pccs-clock', clock(machine, service.time, "the PCCS's")),
    named('platform', registration),
    named('gramine', gramineResult),
    named('tdx-guest', tdxGuest(machine)),
    named('dstack', dstackResult),
    named('docker', docker(machine)),
    named('runc', runc(machine)),
  ]
}

/** Looks at the machine and at the connection to the mainframe. Throws FILE_UNREADABLE. */
export async function examine(
  ui: Ui,
  connection: Connection,
  root: string,
  platformPath: string | undefined,
): Promise<readonly Finding[]> {
  const platformFile =
    platformPath === undefined
      ? undefined
      : (fromUtf8(await readInput(ui.io, platformPath, maxPlatformBytes)) ?? '')
  const [local, remote] = await Promise.all([
    examineMachine({ root, env: ui.io.env, now: ui.io.now }, platformFile),
    server(ui, connection),
  ])
  return [...local.slice(0, 1), ...remote, ...local.slice(1)]
}

/** Whether this kind of enclave needs what the finding is about. */
export const isNeeded = ({ name }: Finding, purpose: Purpose | undefined): boolean =>
  purpose !== undefined && (needs[purpose] as readonly string[]).includes(name)

/** Whether something that is needed is not there. Without a purpose any fault counts. */
export const isWanting = (findings: readonly Finding[], purpose: Purpose | undefined): boolean =>
  findings.some((finding) =>
    purpose === undefined
      ? finding.status === 'fail'
      : isNeeded(finding, purpose) && ['fail', 'absent'].includes(finding.status),
  )
