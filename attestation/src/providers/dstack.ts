// Quotes inside a dstack confidential VM, from its guest agent: a socket, or an
// address of HTTP where a stand-in takes the agent's place. Each quote comes with
// the event log that belongs to it.

import { existsSync } from 'node:fs'
import { DstackClient } from '@phala/dstack-sdk'
import { fromHex } from '@vorta/core'
import { maxEventLog } from '../dstack/limits.ts'
import { openProvider, unavailable } from './own-quote.ts'
import type { FreshQuote, QuoteProvider } from './quote-provider.ts'

/** Where guest agents listen. */
const sockets = [
  '/var/run/dstack.sock',
  '/run/dstack.sock',
  '/var/run/dstack/dstack.sock',
  '/run/dstack/dstack.sock',
]

const hints = [
  'mount /var/run/dstack.sock into the container (docker-compose: volumes)',
  'or name the address of the guest agent in the configuration',
]

export type DstackAgent = {
  readonly endpoint: string
  /** A quote over 64 bytes of report data, taken as they are. */
  readonly quote: (reportData: Uint8Array) => Promise<FreshQuote>
  /** A TLS key of this application with its certificates, leaf first, in PEM. */
  readonly tlsKey: (name: string) => Promise<{ readonly key: string; readonly cert: string }>
}

/**
 * `endpoint` is a path, or an http address; by default the first socket that exists.
 * Throws QUOTE_UNAVAILABLE where there is none.
 */
export function connectDstack(endpoint = sockets.find((path) => existsSync(path))): DstackAgent {
  if (endpoint === undefined) throw unavailable('dstack: no socket of a guest agent exists', hints)
  const failed = (cause: unknown): never => {
    const text = cause instanceof Error ? cause.message : String(cause)
    throw unavailable(`dstack: ${endpoint}: ${text}`, hints, cause)
  }
  const client = connect(endpoint, failed)
  return {
    endpoint,
    quote: async (reportData) => {
      const answer = await client.getQuote(reportData).catch(failed)
      return { quote: readHex(answer.quote), eventLog: readLog(answer.event_log) }
    },
    tlsKey: async (name) => {
      const options = { subject: name, altNames: [name], usageRaTls: true }
      const { key, certificate_chain } = await client.getTlsKey(options).catch(failed)
      if (typeof key !== 'string' || !Array.isArray(certificate_chain)) {
        throw unavailable(`dstack: ${endpoint} gives no TLS key`)
      }
      return { key, cert: certificate_chain.join('\n') }
    },
  }
}

/** The address is always given: without one the SDK looks for it in the environment. */
function connect(endpoint: string, failed: (cause: unknown) => never): DstackClient {
  try {
    return new DstackClient(endpoint)
  } catch (cause) {
    return failed(cause)
  }
}

/** Throws QUOTE_UNAVAILABLE where no guest agent answers. */
export async function openDstackProvider(endpoint?: string): Promise<QuoteProvider> {
  const agent = connectDstack(endpoint)
  return openProvider(`dstack, ${agent.endpoint}`, agent.quote)
}

// The agent is part of the guest; still, what it says is read as what it has to be.
const maxQuoteDigits = 128 * 1024

function readHex(text: unknown): Uint8Array {
  const short = typeof text === 'string' && text.length <= maxQuoteDigits
  const bytes = short ? fromHex(text.toLowerCase().replace(/^0x/, '')) : undefined
  if (bytes) return bytes
  throw unavailable('dstack: the agent gives no quote in hex')
}

function readLog(text: unknown): string {
  if (typeof text === 'string' && text.length <= maxEventLog) return text
  throw unavailable(`dstack: the agent gives no event log of at most ${maxEventLog} characters`)
}
