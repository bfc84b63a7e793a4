// A service as a process of its own has it, in this process: on a port and in a
// folder of its own, accepting the enclaves of testkit/enclave.ts.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient } from '@connectrpc/connect'
import { createGrpcTransport } from '@connectrpc/connect-node'
import { AttestationService } from '@vorta/api'
import { toHex } from '@vorta/core'
import { parseConfig } from '@vorta/core/config'
import { serviceConfig } from '../config.ts'
import { startAttestationService } from '../server.ts'
import { measurement } from './enclave.ts'

export type TestServer = Awaited<ReturnType<typeof openServer>>

export const temporaryFolder = () => mkdtempSync(join(tmpdir(), 'vorta-attestation-test-'))

/** `appraisals` is that section of the configuration. */
export async function openServer(folder = temporaryFolder(), appraisals: object = {}) {
  const policy = join(folder, 'policy.yaml')
  const none = join(folder, 'none.yaml')
  writeFileSync(policy, `simulated: true\nmeasurements: {mrenclave: ["${toHex(measurement)}"]}\n`)
  writeFileSync(none, '{}\n')
  const text = JSON.stringify({
    listen: '127.0.0.1:0',
    dataFolder: folder,
    policies: { default: policy, hardware: none },
    appraisals,
    log: { level: 'silent' },
  })
  const server = await startAttestationService(parseConfig(text, 'test', serviceConfig))
  const token = readFileSync(join(folder, 'admin.token'), 'utf8').trim()

  const as = (bearer: string) =>
    createClient(
      AttestationService,
      createGrpcTransport({
        baseUrl: server.url,
        interceptors: [
          (next) => (request) => {
            request.header.set('authorization', `Bearer ${bearer}`)
            return next(request)
          },
        ],
      }),
    )

  return {
    ...server,
    folder,
    token,
    as,
    client: as(token),
    /** GETs a plain route with the token. */
    get: (path: string, headers: Record<string, string> = {}) =>
      fetch(server.url + path, { headers: { authorization: `Bearer ${token}`, ...headers } }),
    keys: async () => (await fetch(`${server.url}/.well-known/jwks.json`)).json(),
    /** Ends it for good. */
    remove: async () => {
      await server.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
