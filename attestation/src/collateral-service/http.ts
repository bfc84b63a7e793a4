// One bounded HTTP GET. The server behind a URL of the configuration may be
// slow, broken or hostile: time, headers and body are limited, redirects are
// not followed, and nothing it sends is believed here.

import { type IncomingHttpHeaders, type IncomingMessage, get as plainGet } from 'node:http'
import { get as tlsGet } from 'node:https'
import { type Bytes, concat, fail } from '@vorta/core'

export type HttpAnswer = {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Bytes
}

export type HttpLimits = {
  /** From the first packet to the last. */
  readonly timeoutMs: number
  readonly maxBytes: number
  /** PEM of the CAs to trust for https instead of the system's. */
  readonly ca?: string
}

// A percent-encoded chain of three certificates is 8 KiB; the rest is small.
const maxHeaderSize = 32 * 1024

/** Throws COLLATERAL_UNAVAILABLE where there is no complete answer within the limits. */
export async function httpGet(url: URL, limits: HttpLimits): Promise<HttpAnswer> {
  const { timeoutMs, ca } = limits
  const signal = AbortSignal.timeout(timeoutMs)
  try {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const options = { signal, maxHeaderSize, ...(ca === undefined ? {} : { ca }) }
      const get = url.protocol === 'https:' ? tlsGet : plainGet
      // Any number of errors may come, and one that nobody hears ends the process. None comes
      // where the server switches protocols: the connection is closed, and that is all.
      get(url, options, resolve)
        .on('error', reject)
        .once('close', () => reject(new Error('the connection ended without an answer')))
    })
    const body = await readBody(response, limits.maxBytes)
    signal.throwIfAborted() // a body without a length ends well with the connection
    return { status: response.statusCode ?? 0, headers: response.headers, body }
  } catch (cause) {
    const reason = signal.aborted ? `no answer within ${timeoutMs} ms` : reasonOf(cause)
    throw fail('COLLATERAL_UNAVAILABLE', `${url.origin}${url.pathname}: ${reason}`, { cause })
  }
}

async function readBody(response: IncomingMessage, maxBytes: number): Promise<Bytes> {
  const parts: Uint8Array[] = []
  let size = 0
  // Leaving the loop early destroys the connection.
  for await (const part of response as AsyncIterable<Uint8Array>) {
    size += part.length
    if (size > maxBytes) throw new Error(`answers with more than ${maxBytes} bytes`)
    parts.push(part)
  }
  return concat(...parts)
}

const reasonOf = (cause: unknown): string => {
  const { code = '', message = '' } = cause as NodeJS.ErrnoException
  return message || code || 'the connection failed'
}
