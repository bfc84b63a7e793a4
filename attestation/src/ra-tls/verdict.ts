// The first words on an RA-TLS connection: one line of JSON by which the end that
// decides tells the other its verdict, `{}` for a welcome or why it refuses. Only
// after it the two speak what they came for. Node only.

import type { TLSSocket } from 'node:tls'
import { fail, parseJson, VortaError } from '@vorta/core'
import { array, decode, object, optional, string } from '@vorta/core/decode'

// The hints name every rule of a policy that is broken.
const maxBytes = 16 * 1024

const verdict = object({
  code: optional(string({ min: 1, max: 64 })),
  message: optional(string({ max: 4096 })),
  hints: optional(array(string({ max: 4096 }), 64)),
})

const line = (said: object): string => `${JSON.stringify(said)}\n`

/** Resolves when the line is out: whoever takes over the socket's handle has to wait for that. */
export const sayWelcome = (socket: TLSSocket): Promise<void> =>
  new Promise((resolve, reject) => {
    socket.write(line({}), (error) => (error ? reject(error) : resolve()))
  })

/** Says why, and hangs up. */
export function sayRefusal(socket: TLSSocket, { code, message, hints }: VortaError): void {
  // The other side may never close; it is not waited for.
  socket.end(line({ code, message, hints }), () => socket.destroy())
}

/** Resolves at a welcome. Throws the code of a refusal, JOIN_REFUSED, MALFORMED_JSON, UNAVAILABLE. */
export async function hearVerdict(socket: TLSSocket, signal: AbortSignal): Promise<void> {
  const json = parseJson(await firstLine(socket, signal), { maxBytes })
  const said = decode(verdict, json, (text) => fail('JOIN_REFUSED', `verdict: ${text}`))
  if (said.code === undefined) return
  const text = `not admitted to the cluster: ${said.message ?? said.code}`
  throw new VortaError(said.code, text, { hints: said.hints ?? [] })
}

/** Reads up to the first line feed, and leaves what follows to whoever reads next. */
function firstLine(socket: TLSSocket, signal: AbortSignal): Promise<Uint8Array> {
  let seen = Buffer.alloc(0)
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
  const lost = () => reject(fail('UNAVAILABLE', 'the other side hung up without a word'))
  const read = () => {
    const chunk: Buffer | null = socket.read()
    if (chunk === null) return
    seen = Buffer.concat([seen, chunk])
    const end = seen.indexOf('\n')
    if (end < 0 && seen.length <= maxBytes) return
    socket.off('readable', read)
    if (end < 0) reject(fail('JOIN_REFUSED', 'expected a verdict in one line, got something else'))
    else if (end + 1 < seen.length) socket.unshift(seen.subarray(end + 1))
    resolve(seen.subarray(0, end))
  }
  socket.on('readable', read).once('close', lost)
  signal.addEventListener('abort', lost)
  // Of what is over already no event tells.
  if (socket.destroyed || signal.aborted) lost()
  return promise.finally(() => {
    socket.off('readable', read).off('close', lost)
    signal.removeEventListener('abort', lost)
  })
}
