// The SIGSTRUCT of an enclave (Intel SDM, volume 3D, 34.14): 1808 bytes that say
// what the enclave measures to and who signed it. Cuts and writes the bytes;
// nothing is believed here, sigstruct-verify.ts does that.

import {
  type Bytes,
  type Crypto,
  fromHex,
  isZero,
  own,
  toHex,
  VerificationError,
} from '@vorta/core'

export const sigstructLength = 1808
/** RSA-3072, the only size SGX knows. */
export const keyLength = 384

const header = '06000000e10000000000010000000000'
const header2 = '01010000600000006000000001000000'

const at = {
  header: 0,
  vendor: 16,
  date: 20,
  header2: 24,
  swDefined: 40,
  reserved1: 44,
  modulus: 128,
  exponent: 512,
  signature: 516,
  miscSelect: 900,
  miscMask: 904,
  cetAttributes: 908,
  cetAttributesMask: 909,
  reserved2: 910,
  isvFamilyId: 912,
  flags: 928,
  xfrm: 936,
  flagsMask: 944,
  xfrmMask: 952,
  mrenclave: 960,
  reserved3: 992,
  isvExtProdId: 1008,
  isvProdId: 1024,
  isvSvn: 1026,
  reserved4: 1028,
  q1: 1040,
  q2: 1424,
} as const

/** Bits of ATTRIBUTES.FLAGS (Intel SDM, volume 3D, 34.7.1). */
export const attributeFlags = {
  debug: 1n << 1n,
  mode64: 1n << 2n,
  provisionKey: 1n << 4n,
  einitTokenKey: 1n << 5n,
  cet: 1n << 6n,
  kss: 1n << 7n,
  aexNotify: 1n << 10n,
} as const

/** What the signature covers. Masks say which bits the CPU compares; hex is lower-case. */
export type SigstructBody = {
  /** 0, or 0x8086 for Intel's own enclaves. */
  readonly vendor: number
  /** "YYYY-MM-DD"; "0000-00-00" where the signer gave none. */
  readonly date: string
  readonly swDefined: number
  readonly miscSelect: number
  readonly miscMask: number
  readonly cetAttributes: number
  readonly cetAttributesMask: number
  readonly flags: bigint
  readonly xfrm: bigint
  readonly flagsMask: bigint
  readonly xfrmMask: bigint
  readonly mrenclave: string
  readonly isvFamilyId: string
  readonly isvExtProdId: string
  readonly isvProdId: number
  readonly isvSvn: number
}

export type Sigstruct = SigstructBody & {
  readonly modulus: bigint
  readonly exponent: number
  readonly signature: bigint
  readonly q1: bigint
  readonly q2: bigint
}

/** Cuts a SIGSTRUCT into its fields. Throws SIGSTRUCT_FORMAT. */
export function parseSigstruct(bytes: Uint8Array): Sigstruct {
  if (bytes.length !== sigstructLength) {
    throw malformed(`expected ${sigstructLength} bytes, got ${bytes.length}`)
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const slice = (from: number, length: number) => bytes.subarray(from, from + length)
  const hex = (from: number, length: number) => toHex(slice(from, length))
  const u16 = (from: number) => view.getUint16(from, true)
  const u32 = (from: number) => view.getUint32(from, true)
  const u64 = (from: number) => view.getBigUint64(from, true)
  const large = (from: number) => fromLittleEndian(slice(from, keyLength))

  if (hex(at.header, 16) !== header || hex(at.header2, 16) !== header2) {
    throw malformed('expected the constants of a SIGSTRUCT header')
  }
  const reserved = [
    slice(at.reserved1, at.modulus - at.reserved1),
    slice(at.reserved2, at.isvFamilyId - at.reserved2),
    slice(at.reserved3, at.isvExtProdId - at.reserved3),
    slice(at.reserved4, at.q1 - at.reserved4),
  ]
  if (!reserved.every(isZero)) throw malformed('expected zeros in reserved bytes')
  return {
    vendor: u32(at.vendor),
    date: readDate(u32(at.date)),
    swDefined: u32(at.swDefined),
    miscSelect: u32(at.miscSelect),
    miscMask: u32(at.miscMask),
    cetAttributes: view.getUint8(at.cetAttributes),
    cetAttributesMask: view.getUint8(at.cetAttributesMask),
    flags: u64(at.flags),
    xfrm: u64(at.xfrm),
    flagsMask: u64(at.flagsMask),
    xfrmMask: u64(at.xfrmMask),
    mrenclave: hex(at.mrenclave, 32),
    isvFamilyId: hex(at.isvFamilyId, 16),
    isvExtProdId: hex(at.isvExtProdId, 16),
    isvProdId: u16(at.isvProdId),
    isvSvn: u16(at.isvSvn),
    modulus: large(at.modulus),
    exponent: u32(at.exponent),
    signature: large(at.signature),
    q1: large(at.q1),
    q2: large(at.q2),
  }
}

/** The inverse of parseSigstruct. Throws SIGSTRUCT_FORMAT for a date or hex of another form. */
export function encodeSigstruct(fields: Sigstruct): Bytes {
  const bytes = new Uint8Array(sigstructLength)
  const view = new DataView(bytes.buffer)
  const hex = (from: number, text: string, length: number) => {
    const value = fromHex(text)
    if (value?.length !== length) throw malformed(`expected ${length} bytes in hex, got "${text}"`)
    bytes.set(value, from)
  }
  const large = (from: number, value: bigint) => bytes.set(toLittleEndian(value), from)
  hex(at.header, header, 16)
  view.setUint32(at.vendor, fields.vendor, true)
  view.setUint32(at.date, encodeDate(fields.date), true)
  hex(at.header2, header2, 16)
  view.setUint32(at.swDefined, fields.swDefined, true)
  large(at.modulus, fields.modulus)
  view.setUint32(at.exponent, fields.exponent, true)
  large(at.signature, fields.signature)
  view.setUint32(at.miscSelect, fields.miscSelect, true)
  view.setUint32(at.miscMask, fields.miscMask, true)
  view.setUint8(at.cetAttributes, fields.cetAttributes)
  view.setUint8(at.cetAttributesMask, fields.cetAttributesMask)
  hex(at.isvFamilyId, fields.isvFamilyId, 16)
  view.setBigUint64(at.flags, fields.flags, true)
  view.setBigUint64(at.xfrm, fields.xfrm, true)
  view.setBigUint64(at.flagsMask, fields.flagsMask, true)
  view.setBigUint64(at.xfrmMask, fields.xfrmMask, true)
  hex(at.mrenclave, fields.mrenclave, 32)
  hex(at.isvExtProdId, fields.isvExtProdId, 16)
  view.setUint16(at.isvProdId, fields.isvProdId, true)
  view.setUint16(at.isvSvn, fields.isvSvn, true)
  large(at.q1, fields.q1)
  large(at.q2, fields.q2)
  return bytes
}

/** The two ranges of bytes that the signature covers, joined. */
export function signedPart(bytes: Uint8Array): Bytes {
  const signed = new Uint8Array(at.modulus + at.reserved4 - at.miscSelect)
  signed.set(bytes.subarray(0, at.modulus))
  signed.set(bytes.subarray(at.miscSelect, at.reserved4), at.modulus)
  return signed
}

/** MRSIGNER, in hex: the identity of whoever signed. */
export const mrsignerOf = (crypto: Crypto, { modulus }: Sigstruct): string =>
  toHex(crypto.sha256(toLittleEndian(modulus)))

/** The quotients that spare the CPU its divisions: of s^2, and of (s^2 mod n) s, by n. */
export function quotientsOf(signature: bigint, modulus: bigint): { q1: bigint; q2: bigint } {
  const square = signature * signature
  return { q1: square / modulus, q2: ((square % modulus) * signature) / modulus }
}

/** Decimal digits stand as hexadecimal ones: 0x20261122. The CPU does not look at them. */
function readDate(value: number): string {
  const digits = value.toString(16).padStart(8, '0')
  if (!/^[0-9]{8}$/.test(digits)) throw malformed(`expected a date, got 0x${digits}`)
  return digits.replace(/^(....)(..)(..)$/, '$1-$2-$3')
}

function encodeDate(date: string): number {
  if (!/^[0-9]{4}-[0-9]{2}-[0-9]{2}$/.test(date)) throw malformed(`expected a date, got "${date}"`)
  return Number.parseInt(date.replaceAll('-', ''), 16)
}

export const fromLittleEndian = (bytes: Uint8Array): bigint => fromBigEndian(own(bytes).reverse())

export const fromBigEndian = (bytes: Uint8Array): bigint => BigInt(`0x${toHex(bytes)}`)

const toLittleEndian = (value: bigint): Bytes =>
  fromHex(value.toString(16).padStart(2 * keyLength, '0'))!.reverse()

const malformed = (text: string): VerificationError =>
  new VerificationError('SIGSTRUCT_FORMAT', `SIGSTRUCT: ${text}`)
