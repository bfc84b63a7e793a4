// A simulated platform: a PCK certificate, quoting enclaves and their attestation
// keys, all following from the platform's id. Makes DCAP quotes of SGX enclaves
// and of TDX trust domains, field for field as hardware does, under the
// simulated root.

import { type Bytes, fromHex, utf8 } from '@vorta/core'
import { once } from '../once.ts'
import { sha256, simulatedKey } from './keys.ts'
import { pckCertificate, pckRole } from './pck.ts'
import { pckSubject, pem, platformCaCertificate, rootCertificate, serialOf } from './pki.ts'
import { type EnclaveOptions, sgxReport, type TdOptions, tdBodyTypes, tdReport } from './reports.ts'
import { createSigner, type QuotingEnclave } from './signer.ts'

export type { EnclaveOptions, TdOptions }

/** What every simulated platform is, and what simulated collateral is about. */
export const simulatedModel = {
  fmspc: utf8('SIM\0\0\0'), // no processor has this one
  pceId: fromHex('0000')!,
  pceSvn: 13,
  componentSvns: [8, 8, 2, 2, 4, 1, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0],
  /** TDX module 1.5, and the patch levels behind it. */
  teeTcbSvn: [5, 1, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  qe: { mrsigner: sha256(utf8('Vorta SIMULATED quoting enclave')), isvProdId: 1, isvSvn: 8 },
  tdQe: { mrsigner: sha256(utf8('Vorta SIMULATED TD quoting enclave')), isvProdId: 2, isvSvn: 4 },
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
  /** Patch level of the quoting enclaves. */
  readonly qeIsvSvn?: number
  /** Authentication data of the quoting enclaves; any length is valid. */
  readonly qeAuthData?: Uint8Array
}

export type SimulatedPlatform = {
  /** A quote of an SGX enclave, version 3 if nothing else is said. */
  readonly quote: (enclave: EnclaveOptions) => Bytes
  /** A quote of a TDX trust domain: version 4 with TD report 1.0 if nothing else is said. */
  readonly tdQuote: (td: TdOptions) => Bytes
}

/** Serial of a platform's PCK certificate, as a CRL lists it. */
export const pckSerial = (platformId: Uint8Array): Bytes =>
  serialOf(pckSubject, simulatedKey(pckRole, platformId).publicKey)

/** Makes certificate and QE reports once; quotes then cost one signature each. */
export function simulatedPlatform(options: PlatformOptions): SimulatedPlatform {
  const { platformId } = options
  const cpuSvn = Uint8Array.from(options.componentSvns ?? simulatedModel.componentSvns)
  const certificate = pckCertificate(
    {
      fmspc: simulatedModel.fmspc,
      pceId: simulatedModel.pceId,
      pceSvn: simulatedModel.pceSvn,
      ...options,
    },
    cpuSvn,
  )
  const chain = pem(certificate, platformCaCertificate, rootCertificate)
  const signer = (qe: QuotingEnclave, role: string) =>
    once(() =>
      createSigner({
        chain,
        pck: simulatedKey(pckRole, platformId),
        attestation: simulatedKey(role, platformId),
        qe: { ...qe, isvSvn: options.qeIsvSvn ?? qe.isvSvn },
        qeAuthData: options.qeAuthData ?? Uint8Array.from({ length: 32 }, (_, i) => i),
        cpuSvn,
      }),
    )
  const sgx = signer(simulatedModel.qe, 'attestation key')
  const tdx = signer(simulatedModel.tdQe, 'TD attestation key')

  return {
    quote: ({ version = 3, ...enclave }) => {
      const body = sgxReport({ ...enclave, cpuSvn })
      return sgx()({ version, tee: 'sgx', platformId, bodyType: 1, body })
    },
    tdQuote: ({ report = '1.0', version = report === '1.0' ? 4 : 5, ...td }) => {
      const body = tdReport({ teeTcbSvn: simulatedModel.teeTcbSvn, ...td }, report)
      return tdx()({ version, tee: 'tdx', platformId, bodyType: tdBodyTypes[report], body })
    },
  }
}
