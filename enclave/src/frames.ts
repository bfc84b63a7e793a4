// How the enclave and its host talk over a pipe: frames of a length (32 bits,
// big-endian) and that many bytes of UTF-8 JSON. This file knows lengths only.

import { type Bytes, type Canonical, canonicalBytes, concat, fail } from '@vorta/core'

/** A batch with its artifacts fits; whoever announces more is not heard out. */
export const maxFrameBytes = 64 * 1024 * 1024

const headerBytes = 4

/** A message as a frame. Throws TOO_LARGE. */
export function encodeFrame(message: Canonical): Bytes {
  const body = canonicalBytes(message)
  if (body.length > maxFrameBytes) throw tooLarge(body.length)
  const header = new Uint8Array(headerBytes)
  new DataView(header.buffer).setUint32(0, body.length)
  return concat(header, body)
}

/**
 * Cuts a stream of chunks into frame bodies. The function it gives back takes
 * the chunks; it throws TOO_LARGE at a header over the limit, after which the
 * stream has no meaning any more.
 */
export function frameReader(onFrame: (body: Uint8Array) => void): (chunk: Uint8Array) => void {
  let pending: Uint8Array[] = []
  let size = 0
  let body: number | undefined // length of the frame being read, once its header is there

  return (chunk) => {
    pending.push(chunk)
    size += chunk.length
    while (size >= (body ?? headerBytes)) {
      const wanted = body ?? headerBytes
      const all = pending.length === 1 ? (pending[0] as Uint8Array) : concat(...pending)
      pending = [all.subarray(wanted)]
      size -= wanted
      if (body === undefined) {
        body = new DataView(all.buffer, all.byteOffset).getUint32(0)
        if (body > maxFrameBytes) throw tooLarge(body)
      } else {
        body = undefined
        onFrame(all.subarray(0, wanted))
      }
    }
  }
}

const tooLarge = (length: number) =>
  fail('TOO_LARGE', `enclave frame: expected at most ${maxFrameBytes} bytes, got ${length}`)
