// A simulated quoting enclave: certified by the platform's PCK key, it signs
// reports with its attestation key and puts the quote together.

import { type Bytes, concat, fromHex, utf8 } from '@vorta/core'
import { type SimulatedKey, sha256, signRaw } from './keys.ts'
import { sgxReport } from './reports.ts'

export type QuotingEnclave = {
  readonly mrsigner: Uint8Array
  readonly isvProdId: number
  readonly isvSvn: number
}

type SignerOptions = {
  /** PEM. */
  readonly chain: string
  readonly pck: SimulatedKey
  readonly attestation: SimulatedKey
  readonly qe: QuotingEnclave
  readonly qeAuthData: Uint8Array
  readonly cpuSvn: Uint8Array
}

type QuoteFields = {
  readonly version: 3 | 4 | 5
  readonly tee: 'sgx' | 'tdx'
  readonly platformId: Uint8Array
  /** Version 5 names the type of its body. */
  readonly bodyType: number
  readonly body: Uint8Array
}

export function createSigner(options: SignerOptions): (fields: QuoteFields) => Bytes {
  const { attestation, pck, qe, qeAuthData, chain } = options
  const attestationKey = concat(attestation.publicKey.x, attestation.publicKey.y)
  const qeReport = sgxReport({
    ...qe,
    cpuSvn: options.cpuSvn,
    measurement: sha256(utf8('Vorta SIMULATED quoting enclave, any build')),
    flags: 0x15, // INIT, MODE64, PROVISIONKEY: what Intel's quoting enclaves have
    reportData: concat(sha256(concat(attestationKey, qeAuthData)), new Uint8Array(32)),
  })
  const certified = concat(
    qeReport,
    signRaw(pck, qeReport),
    u16(qeAuthData.length),
    qeAuthData,
    certification(5, utf8(`${chain}\0`)), // Intel's library counts the end of the C string
  )

  return ({ version, tee, platformId, bodyType, body }) => {
    const bodyHead = version === 5 ? concat(u16(bodyType), u32(body.length)) : new Uint8Array()
    const signedData = concat(header(version, tee, platformId), bodyHead, body)
    const auth = concat(
      signRaw(attestation, signedData),
      attestationKey,
      version === 3 ? certified : certification(6, certified),
    )
    return concat(signedData, u32(auth.length), auth)
  }
}

const certification = (type: number, data: Uint8Array): Bytes =>
  concat(u16(type), u32(data.length), data)

/** ECDSA over P-256, and the QE vendor id that every DCAP quote carries. */
const header = (version: number, tee: 'sgx' | 'tdx', platformId: Uint8Array): Bytes =>
  concat(
    u16(version),
    u16(2),
    u32(tee === 'sgx' ? 0 : 0x81),
    new Uint8Array(4),
    fromHex('939a7233f79c4ca9940a0db3957f0607')!,
    platformId,
    new Uint8Array(4),
  )

const u16 = (value: number): Uint8Array => Uint8Array.of(value & 0xff, value >> 8)
const u32 = (value: number): Uint8Array => concat(u16(value & 0xffff), u16(value >>> 16))
