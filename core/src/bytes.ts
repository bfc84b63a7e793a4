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
  let at = 0
  // Whole files and quotes are compared: words first, and a plain loop, of which
  // `every` would take 20 times as long.
  if (a.length >= 64) {
    const left = new DataView(a.buffer, a.byteOffset, a.length)
    const right = new DataView(b.buffer, b.byteOffset, b.length)
    for (; at + 4 <= a.length; at += 4) if (left.getUint32(at) !== right.getUint32(at)) return false
  }
  for (; at < a.length; at++) if (a[at] !== b[at]) return false
  return true
}

export const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0)

const hexDigits = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))
const hexCodes = encoder.encode(hexDigits.join(''))

/** Lower-case hexadecimal. */
export function toHex(bytes: Uint8Array): string {
  if (bytes.length > 64) return longHex(bytes)
  let text = ''
  for (const byte of bytes) text += hexDigits[byte]
  return text
}

// What is hashed, signed and quoted is mostly shorter; typed arrays are dear to allocate.
const shortCodes = new Uint8Array(2048)

/** From some length on a decoder is faster than joining strings. */
function longHex(bytes: Uint8Array): string {
  const length = 2 * bytes.length
  const codes = length > shortCodes.length ? new Uint8Array(length) : shortCodes
  for (let i = 0; i < bytes.length; i++) {
    const code = 2 * bytes[i]!
    codes[2 * i] = hexCodes[code]!
    codes[2 * i + 1] = hexCodes[code + 1]!
  }
  return decoder.decode(codes.subarray(0, length))
}

// Values of the digits by character code; 16 for every other character below 128.
const hexValues = Uint8Array.from({ length: 128 }, (_, code) => {
  const value = '0123456789abcdef'.indexOf(String.fromCharCode(code))
  return value < 0 ? 16 : value
})

/** Decodes lower-case hexadecimal; undefined for anything else, upper case included. */
export function fromHex(text: string): Bytes | undefined {
  if (text.length % 2 !== 0) return undefined
  const out = new Uint8Array(text.length / 2)
  for (let i = 0; i < out.length; i++) {
    const high = hexValues[text.charCodeAt(2 * i)] ?? 16
    const low = hexValues[text.charCodeAt(2 * i + 1)] ?? 16
    if ((high | low) > 15) return undefined
    out[i] = (high << 4) | low
  }
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
