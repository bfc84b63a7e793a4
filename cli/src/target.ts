// Whom to talk to and with which token. A token belongs to an endpoint: the one
// of a context goes to that context's endpoint and to no other.

import { fail } from '@vorta/core'
import type { connectionOptions, Values } from './command.ts'
import { type Context, checkEndpoint, contextNamed, loadContexts } from './contexts.ts'
import { readInput } from './input.ts'
import type { Io } from './io.ts'

export type Connection = Values<typeof connectionOptions>

export type Target = {
  readonly endpoint: string
  readonly token?: string
  /** Where the token came from, for `doctor` and `context show`. */
  readonly tokenSource: string
  readonly context?: Context
}

/** Flag, then environment, then context. Throws USAGE, CONFIG_INVALID or FILE_UNREADABLE. */
export async function resolveTarget(io: Io, flags: Connection): Promise<Target> {
  const contexts = loadContexts(io)
  const name = flags.context ?? (io.env.VORTA_CONTEXT || contexts.current)
  const context = name === undefined ? undefined : contextNamed(contexts, name)
  const given = flags.endpoint ?? (io.env.VORTA_ENDPOINT || undefined)
  const text = given ?? context?.endpoint
  if (text === undefined) {
    throw fail('USAGE', 'no endpoint is known', {
      hints: ['give --endpoint URL, or remember one with `vorta-cli context add`'],
    })
  }
  const url = checkEndpoint(text, flags.endpoint === undefined ? 'endpoint' : '--endpoint')
  const token = await findToken(io, flags, url, given !== undefined, context)
  return {
    endpoint: url.href.replace(/\/$/, ''),
    ...token,
    ...(context && sameServer(url, context) ? { context } : {}),
  }
}

async function findToken(
  io: Io,
  flags: Connection,
  url: URL,
  endpointGiven: boolean,
  context: Context | undefined,
): Promise<Pick<Target, 'token' | 'tokenSource'>> {
  const { VORTA_TOKEN_FILE: file, VORTA_TOKEN: token } = io.env
  if (flags['token-file'] !== undefined) {
    return fromFile(io, flags['token-file'], '--token-file')
  }
  if (file || token) {
    // A token in the environment is meant for the user's servers. A project file
    // that came with a repository may not call it to a server of its choice.
    if (context?.project && !endpointGiven && !isLoopback(url)) {
      throw fail('USAGE', `the token of the environment is not sent to ${url.host}`, {
        hints: [
          `${context.source} chose this endpoint; confirm it with --endpoint or VORTA_ENDPOINT`,
        ],
      })
    }
    if (file) return fromFile(io, file, 'VORTA_TOKEN_FILE')
    return { token: checkToken(token!, 'VORTA_TOKEN'), tokenSource: 'VORTA_TOKEN' }
  }
  if (!context?.tokenFile) return { tokenSource: 'none' }
  if (!sameServer(url, context)) {
    return { tokenSource: `none (that of context ${context.name} is for ${context.endpoint})` }
  }
  return fromFile(io, context.tokenFile, `context ${context.name}`)
}

/** One exception: on one's own machine the port does not matter, only that it is this machine. */
function sameServer(url: URL, context: Context): boolean {
  const own = new URL(context.endpoint)
  return url.origin === own.origin || (isLoopback(url) && isLoopback(own))
}

export const isLoopback = ({ hostname }: URL): boolean =>
  hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname)

const maxTokenBytes = 4096

async function fromFile(io: Io, path: string, tokenSource: string) {
  try {
    const bytes = await readInput(io, path, maxTokenBytes)
    return { token: checkToken(new TextDecoder().decode(bytes).trim(), path), tokenSource }
  } catch (cause) {
    // A context's token file appears when the server first starts: say that, not more.
    if (!tokenSource.startsWith('context ')) throw cause
    return { tokenSource: `none (${path} cannot be read)` }
  }
}

function checkToken(token: string, origin: string): string {
  if (/^[\x21-\x7e]+$/.test(token)) return token
  throw fail('USAGE', `${origin}: expected a token of visible ASCII characters`)
}
