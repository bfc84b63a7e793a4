// A whole mainframe in this process, on a port and in a folder of its own, that
// accepts the enclaves of testkit/enclave.ts.

import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { createClient } from '@connectrpc/connect'
import { createGrpcTransport } from '@connectrpc/connect-node'
import {
  ArtifactService,
  ClusterService,
  fromConnectError,
  JobService,
  LogService,
  PolicyService,
  ReceiptService,
} from '@vorta/api'
import { digestOf, toHex, type VortaError } from '@vorta/core'
import { parseConfig } from '@vorta/core/config'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { mainframeConfig } from '../config.ts'
import { startMainframe } from '../mainframe.ts'
import { testMeasurement } from './enclave.ts'
import { temporaryFolder, testFiles } from './parts.ts'

const enclave = resolve(import.meta.dirname, '../../../enclave/src/main.ts')

export type TestMainframe = Awaited<ReturnType<typeof openMainframe>>

/** `attestation` adds to that section of the configuration. */
export async function openMainframe(
  folder = temporaryFolder(),
  attestation: Readonly<Record<string, unknown>> = {},
) {
  const policyFile = join(folder, 'policy.yaml')
  writeFileSync(
    policyFile,
    `simulated: true\nmeasurements: {mrenclave: ["${toHex(testMeasurement)}"]}\n`,
  )
  const config = parseConfig(
    JSON.stringify({
      listen: '127.0.0.1:0',
      dataFolder: folder,
      attestation: { policyFile, enclave, ...attestation },
      transparencyLog: { origin: 'log.test/whole' },
      log: { level: 'silent' },
    }),
    'test',
    mainframeConfig,
  )
  const faults: VortaError[] = []
  const { url, stop } = await startMainframe(config, (error) => faults.push(error))
  const token = (name: string) => readFileSync(join(folder, `${name}.token`), 'utf8').trim()

  /** Clients that present a token; errors are the server's own. */
  const as = (bearer: string) => {
    const transport = createGrpcTransport({
      baseUrl: url,
      interceptors: [
        (next) => (request) => {
          if (bearer) request.header.set('authorization', `Bearer ${bearer}`)
          return next(request)
        },
      ],
    })
    return {
      jobs: createClient(JobService, transport),
      artifacts: createClient(ArtifactService, transport),
      cluster: createClient(ClusterService, transport),
      receipts: createClient(ReceiptService, transport),
      log: createClient(LogService, transport),
      policies: createClient(PolicyService, transport),
    }
  }
  const admin = as(token('admin'))

  return {
    url,
    folder,
    faults,
    token,
    as,
    admin,
    stop,
    /** Ends it for good. */
    remove: async () => {
      await stop()
      rmSync(folder, { recursive: true, force: true })
    },
    uploadTestFiles: async () => {
      for (const data of testFiles) {
        await admin.artifacts.createArtifact({ digest: digestOf(nodeCrypto, data), data })
      }
    },
  }
}

/** The code a call fails with. */
export async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call
  } catch (thrown) {
    return fromConnectError(thrown).code
  }
  return 'none'
}
