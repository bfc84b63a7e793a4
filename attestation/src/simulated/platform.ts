// A simulated SGX platform: a PCK certificate, a quoting enclave and its
// attestation key, all following from the platform's id. Makes DCAP quotes of
// version 3, field for field as hardware does, under the simulated root.

import { type Bytes, concat, fromHex, utf8 } from '@vorta/core'
import { tags } from '../der.ts'
import { boolean, element, octets, oid, sequence, smallInteger } from './der-writer.ts'
import { sha256, signRaw, simulatedKey } from './keys.ts'
import {
  certify,
  pckSubject,
  pem,
  platformCa,
  platformCaCertificate,
  rootCertificate,
  serialOf,
} from './pki.ts'

/** What every simulated platform is, and what simulated collateral is about. */
export const simulatedModel = {
  fmspc: utf8('SIM\0\0\0'), // no processor has this one
  pceId: fromHex('0000')!,
  pceSvn: 13,
  componentSvns: [8, 8, 2, 2, 4, 1, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0],
  qe: { mrsigner: sha256(utf8('Vorta SIMULATED quoting enclave')), isvProdId: 1, isvSvn: 8 },
} as const

export type PlatformOptions = {
  /** 16 bytes, stable for a host: the platform's PPID. */
  readonly platformId: Uint8Array
  /** When the platform is certified, in milliseconds. */
  readonly now: number
  /** Kind of platform, 6 bytes. */
  readonly fmspc?: Uint8Array
  /** 16 patch levels, 0 to 255 each. */
  readonly componentSvns?: readonly number[]
  /** Patch level of the quoting enclave. */
  readonly qeIsvSvn?: number
  /** Authentication data of the quoting enclave; any length is valid. */
  readonly qeAuthData?: Uint8Array
}

export type EnclaveOptions = {
  /** MRENCLAVE, 32 bytes. */
  readonly measurement: Uint8Array
  /** 64 bytes. */
  readonly reportData: Uint8Array
  readonly debug?: boolean
  readonly mrsigner?: Uint8Array
  readonly isvProdId?: number
  readonly isvSvn?: number
}

export type SimulatedPlatform = { readonly quote: (enclave: EnclaveOptions) => Bytes }

const day = 24 * 3_600_000
const attestationRole = 'attestation key'
const pckRole = 'PCK'

/** Serial of a platform's PCK certificate, as a CRL lists it. */
export const pckSerial = (platformId: Uint8Array): Bytes =>
  serialOf(pckSubject, simulatedKey(pckRole, platformId).publicKey)

/** Makes the certificate and the QE report once; quotes then cost one signature each. */
export function simulatedPlatform(options: PlatformOptions): SimulatedPlatform {
  const { platformId, qeIsvSvn = simulatedModel.qe.isvSvn } = options
  const { qeAuthData = Uint8Array.from({ length: 32 }, (_, i) => i) } = options
  const svns = Uint8Array.from(options.componentSvns ?? simulatedModel.componentSvns)
  const pck = simulatedKey(pckRole, platformId)
  const attestation = simulatedKey(attestationRole, platformId)
  const chain = pem(pckCertificate(options, svns), platformCaCertificate, rootCertificate)

  const attestationKey = concat(attestation.publicKey.x, attestation.publicKey.y)
  const qeReport = report({
    cpuSvn: svns,
    measurement: sha256(utf8('Vorta SIMULATED quoting enclave, any build')),
    mrsigner: simulatedModel.qe.mrsigner,
    isvProdId: simulatedModel.qe.isvProdId,
    isvSvn: qeIsvSvn,
    flags: 0x15, // INIT, MODE64, PROVISIONKEY: what Intel's quoting enclave has
    reportData: concat(sha256(concat(attestationKey, qeAuthData)), new Uint8Array(32)),
  })
  const certified = concat(
    attestationKey,
    qeReport,
    signRaw(pck, qeReport),
    u16(qeAuthData.length),
    qeAuthData,
    certification(`${chain}\0`), // Intel's library counts the end of the C string
  )

  const quote = ({ debug = false, mrsigner, isvProdId, isvSvn, ...enclave }: EnclaveOptions) => {
    const signedData = concat(
      header(platformId),
      report({
        cpuSvn: svns,
        measurement: enclave.measurement,
        mrsigner: mrsigner ?? new Uint8Array(32),
        isvProdId: isvProdId ?? 0,
        isvSvn: isvSvn ?? 0,
        flags: debug ? 0x07 : 0x05, // INIT, MODE64, and DEBUG
        reportData: enclave.reportData,
      }),
    )
    const auth = concat(signRaw(attestation, signedData), certified)
    return concat(signedData, u32(auth.length), auth)
  }
  return { quote }
}

function pckCertificate({ platformId, now, fmspc }: PlatformOptions, svns: Uint8Array): Bytes {
  const prefix = '1.2.840.113741.1.13.1'
  const entry = (arc: string, value: Uint8Array) => sequence(oid(`${prefix}.${arc}`), value)
  const tcb = sequence(
    ...Array.from(svns, (svn, i) => entry(`2.${i + 1}`, smallInteger(svn))),
    entry('2.17', smallInteger(simulatedModel.pceSvn)),
    entry('2.18', octets(svns)),
  )
  const configuration = sequence(
    entry('7.1', boolean(false)),
    entry('7.2', boolean(false)),
    entry('7.3', boolean(false)),
  )
  const sgx = sequence(
    entry('1', octets(platformId)),
    entry('2', tcb),
    entry('3', octets(simulatedModel.pceId)),
    entry('4', octets(fmspc ?? simulatedModel.fmspc)),
    entry('5', element(tags.enumerated, Uint8Array.of(0))),
    entry('6', octets(sha256(concat(utf8('instance'), platformId)).slice(0, 16))),
    entry('7', configuration),
  )
  return certify({
    issuer: platformCa,
    subject: pckSubject,
    key: simulatedKey(pckRole, platformId).publicKey,
    validity: { notBefore: now - day, notAfter: now + 7 * 365 * day },
    more: [sequence(oid(prefix), octets(sgx))],
  })
}

const u16 = (value: number): Uint8Array => Uint8Array.of(value & 0xff, value >> 8)
const u32 = (value: number): Uint8Array => concat(u16(value & 0xffff), u16(value >>> 16))

/** Version 3, ECDSA over P-256, SGX, and the QE vendor id that every DCAP quote carries. */
const header = (platformId: Uint8Array): Bytes =>
  concat(
    fromHex('030002000000000000000000939a7233f79c4ca9940a0db3957f0607')!,
    platformId,
    new Uint8Array(4),
  )

/** Certification data of type 5: the PCK chain in PEM. */
function certification(chain: string): Bytes {
  const text = utf8(chain)
  return concat(u16(5), u32(text.length), text)
}

type ReportFields = {
  readonly cpuSvn: Uint8Array
  readonly measurement: Uint8Array
  readonly mrsigner: Uint8Array
  readonly isvProdId: number
  readonly isvSvn: number
  readonly flags: number
  readonly reportData: Uint8Array
}

/** An SGX report body, 384 bytes; what is not set is zero. */
function report(fields: ReportFields): Bytes {
  const out = new Uint8Array(384)
  out.set(fields.cpuSvn, 0)
  out[48] = fields.flags
  out[56] = 0x07 // XFRM: x87, SSE, AVX
  out.set(fields.measurement, 64)
  out.set(fields.mrsigner, 128)
  out.set(u16(fields.isvProdId), 256)
  out.set(u16(fields.isvSvn), 258)
  out.set(fields.reportData, 320)
  return out
}
