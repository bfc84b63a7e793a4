// Bytes and their text forms. Decoders accept one spelling only: a value that
// decodes must encode back to the same characters, so that no two texts can
// stand for the same bytes in something that is hashed or signed.

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** A byte array that owns an ordinary (not shared) buffer, as WebCrypto wants. */
export type Bytes = Uint8Array<ArrayBuffer>

export const utf8 = (text: string): Bytes => encoder.encode(text)

/** Decodes UTF-8, or gives undefined where the bytes are not valid UTF-8. */
export function fromUtf8(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes)
  } catch {
    return undefined // TextDecoder has no other way to say "malformed"
  }
}

export function concat(...parts: readonly Uint8Array[]): Bytes {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

export function equal(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  // A plain loop: whole files are compared, and `every` takes 20 times as long.
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false
  return true
}

export const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0)

const hexDigits = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** Lower-case hexadecimal. */
export function toHex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += hexDigits[byte]
  return text
}

/** Decodes lower-case hexadecimal; undefined for anything else, upper case included. */
export function fromHex(text: string): Bytes | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/.test(text)) return undefined
  const out = new Uint8Array(text.length / 2)
  for (let i = 0; i < out.length; i++) out[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16)
  return out
}

/** Standard base64 with padding, RFC 4648 section 4. */
export function toBase64(bytes: Uint8Array): string {
  let text = ''
  // String.fromCharCode takes its bytes as arguments: a bounded slice at a time.
  for (let at = 0; at < bytes.length; at += 8192) {
    text += String.fromCharCode(...bytes.subarray(at, at + 8192))
  }
  return btoa(text)
}

/** Decodes canonical base64; undefined for missing padding, spaces or stray bits (RFC 4648, 3.5). */
export function fromBase64(text: string): Bytes | undefined {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined
  const raw = atob(text)
  if (btoa(raw) !== text) return undefined
  const out = new Uint8Array(raw.length)
  for (let i = 0; i < raw.length; i++) out[i] = raw.charCodeAt(i)
  return out
}

/** A copy with a buffer of its own, cut loose from any larger buffer it was a view of. */
export const own = (bytes: Uint8Array): Bytes => new Uint8Array(bytes)
