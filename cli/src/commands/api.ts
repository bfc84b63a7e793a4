// `api Service/Method`: a raw call with JSON in and JSON out.

import { create, type DescMethod, fromJson } from '@bufbuild/protobuf'
import {
  ArtifactService,
  AttestationService,
  ClusterService,
  JobService,
  KeyReleaseService,
  LogService,
  ReceiptService,
} from '@vorta/api'
import { closest, fail } from '@vorta/core'
import { connectionOptions, command as define } from '../command.ts'
import { readInput } from '../input.ts'
import type { Io } from '../io.ts'
import { plain } from '../messages.ts'
import { untimed, withServer } from '../server.ts'

const methods = new Map(
  [
    JobService,
    ArtifactService,
    ClusterService,
    AttestationService,
    ReceiptService,
    LogService,
    KeyReleaseService,
  ]
    .flatMap((service) => service.methods)
    .map((method) => [`${method.parent.name}/${method.name}`, method as DescMethod]),
)

export const command = define({
  summary: 'make a raw API call',
  description: `Methods:\n${[...methods.keys()].map((name) => `  ${name}`).join('\n')}`,
  options: {
    data: { type: 'string', value: 'JSON', summary: 'the request, or @FILE (default {})' },
    ...connectionOptions,
  },
  arguments: [{ name: 'method', summary: 'Service/Method' }],
  examples: [
    'api ClusterService/GetServerInfo',
    `api JobService/ListJobs --data '{"pageSize": 5}'`,
  ],
  run: async (ui, values, [argument]) => {
    const method = methodNamed(argument!)
    const request = await readRequest(ui.io, method, values.data ?? '{}')
    const print = (message: Parameters<ReturnType<typeof plain>>[0], indent?: number) =>
      ui.print(JSON.stringify(plain(method.output)(message), null, indent))
    await withServer(ui, values, async ({ transport }) => {
      const { methodKind } = method
      if (methodKind === 'unary') {
        const unary = method as DescMethod & { readonly methodKind: 'unary' }
        const { message } = await transport.unary(unary, undefined, undefined, undefined, request)
        print(message, 2)
        return
      }
      const streaming = method as DescMethod & { readonly methodKind: 'server_streaming' }
      const response = await transport.stream(
        streaming,
        undefined,
        untimed.timeoutMs,
        undefined,
        (async function* () {
          yield create(method.input, request)
        })(),
      )
      for await (const message of response.message) print(message)
    })
    return 0
  },
})

function methodNamed(text: string): DescMethod {
  const name = text.replace(/^\//, '').replace(/^vorta\.v1\./, '')
  const method = methods.get(name)
  if (!method) {
    const meant = closest(name, methods.keys())
    throw fail('USAGE', `there is no method "${text}"`, {
      hints: meant === undefined ? ['see `vorta-cli help api`'] : [`did you mean ${meant}?`],
    })
  }
  if (method.methodKind === 'client_streaming' || method.methodKind === 'bidi_streaming') {
    throw fail('USAGE', `${name} takes a stream, which cannot be given as JSON`)
  }
  return method
}

async function readRequest(io: Io, method: DescMethod, data: string) {
  const text = data.startsWith('@')
    ? new TextDecoder().decode(await readInput(io, data.slice(1)))
    : data
  try {
    return fromJson(method.input, JSON.parse(text))
  } catch (cause) {
    throw fail('USAGE', `--data: ${(cause as Error).message}`, { cause })
  }
}
