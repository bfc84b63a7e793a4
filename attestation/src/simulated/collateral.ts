// The collateral for simulated platforms, as Intel's service would hand it out.
// Node only: it signs. Callers keep what they get; every call signs four times.

import { toHex, toRfc3339, utf8 } from '@vorta/core'
import type { Collateral } from '../collateral.ts'
import type { EnclaveTcbStatus, PlatformTcbStatus } from '../tcb-status.ts'
import { signRaw } from './keys.ts'
import {
  pem,
  platformCa,
  platformCaCertificate,
  revocationList,
  root,
  rootCertificate,
  tcbSigner,
  tcbSignerCertificate,
} from './pki.ts'
import { pckSerial, simulatedModel } from './platform.ts'

const minute = 60_000
const day = 24 * 60 * minute

/** How long simulated collateral is in force, as Intel's. */
export const simulatedCollateralLifetime = 30 * day

// Issued a little in the past, so that a verifier whose clock is behind accepts it.
const backdated = 10 * minute

export type SimulatedCollateralOptions = {
  /** Which quotes it is for; default sgx. */
  readonly tee?: 'sgx' | 'tdx'
  readonly fmspc?: Uint8Array
  /** What is said of a platform at the current patch level. */
  readonly tcbStatus?: PlatformTcbStatus
  readonly qeStatus?: EnclaveTcbStatus
  /** TDX only: what is said of the current module. */
  readonly moduleStatus?: EnclaveTcbStatus
  readonly advisoryIds?: readonly string[]
  readonly evaluationNumber?: number
  /** Ids of platforms whose PCK certificate is revoked. */
  readonly revokedPlatforms?: readonly Uint8Array[]
  /** Members that replace or extend those of the signed documents, for tests of their checks. */
  readonly tcbInfo?: Readonly<Record<string, unknown>>
  readonly qeIdentity?: Readonly<Record<string, unknown>>
}

export function simulatedCollateral(
  now: number,
  options: SimulatedCollateralOptions = {},
): Collateral {
  const issued = Math.floor((now - backdated) / 1000) * 1000
  const expires = issued + simulatedCollateralLifetime
  const period = { thisUpdate: issued, nextUpdate: expires }
  const dates = { issueDate: toRfc3339(issued), nextUpdate: toRfc3339(expires) }
  const tcb_info = JSON.stringify(tcbInfo(dates, options))
  const qe_identity = JSON.stringify(qeIdentity(dates, options))
  const revoked = options.revokedPlatforms?.map(pckSerial) ?? []
  const signerChain = pem(tcbSignerCertificate, rootCertificate)
  return {
    pck_crl_issuer_chain: pem(platformCaCertificate, rootCertificate),
    root_ca_crl: toHex(revocationList({ issuer: root, ...period })),
    pck_crl: toHex(revocationList({ issuer: platformCa, ...period, revoked })),
    tcb_info_issuer_chain: signerChain,
    tcb_info,
    tcb_info_signature: toHex(signRaw(tcbSigner.key, utf8(tcb_info))),
    qe_identity_issuer_chain: signerChain,
    qe_identity,
    qe_identity_signature: toHex(signRaw(tcbSigner.key, utf8(qe_identity))),
  }
}

type Dates = { readonly issueDate: string; readonly nextUpdate: string }

const upper = (bytes: Uint8Array): string => toHex(bytes).toUpperCase()
const tcbDate = '2025-01-01T00:00:00Z'
const evaluationNumber = 18

/** Members in the order of Intel's documents. */
function tcbInfo(dates: Dates, options: SimulatedCollateralOptions) {
  const { fmspc = simulatedModel.fmspc, tcbStatus = 'UpToDate', advisoryIds } = options
  const isTdx = options.tee === 'tdx'
  const components = (svns: readonly number[], shift: number) =>
    svns.map((svn) => ({ svn: svn >> shift }))
  const level = (shift: number, status: PlatformTcbStatus, advisoryIDs?: readonly string[]) => ({
    tcb: {
      sgxtcbcomponents: components(simulatedModel.componentSvns, shift),
      pcesvn: simulatedModel.pceSvn,
      ...(isTdx && { tdxtcbcomponents: components(simulatedModel.teeTcbSvn, shift) }),
    },
    tcbDate,
    tcbStatus: status,
    advisoryIDs,
  })
  return {
    id: isTdx ? 'TDX' : 'SGX',
    version: 3,
    ...dates,
    fmspc: upper(fmspc),
    pceId: upper(simulatedModel.pceId),
    tcbType: 0,
    tcbEvaluationDataNumber: options.evaluationNumber ?? evaluationNumber,
    ...(isTdx && tdxModules(options)),
    tcbLevels: [level(0, tcbStatus, advisoryIds), level(1, 'OutOfDate', ['VORTA-SIM-00001'])],
    ...options.tcbInfo,
  }
}

/** Modules of major version 1, as of `simulatedModel.teeTcbSvn`. */
function tdxModules({ moduleStatus = 'UpToDate' }: SimulatedCollateralOptions) {
  const signedByIntel = {
    mrsigner: '00'.repeat(48),
    attributes: '00'.repeat(8),
    attributesMask: 'FF'.repeat(8),
  }
  const [svn] = simulatedModel.teeTcbSvn
  return {
    tdxModule: signedByIntel,
    tdxModuleIdentities: [
      {
        id: 'TDX_01',
        ...signedByIntel,
        tcbLevels: [enclaveLevel(svn, moduleStatus), enclaveLevel(svn - 2, 'OutOfDate')],
      },
    ],
  }
}

const enclaveLevel = (isvsvn: number, tcbStatus: EnclaveTcbStatus) => ({
  tcb: { isvsvn },
  tcbDate,
  tcbStatus,
})

function qeIdentity(dates: Dates, options: SimulatedCollateralOptions) {
  const isTdx = options.tee === 'tdx'
  const { isvSvn, isvProdId, mrsigner } = isTdx ? simulatedModel.tdQe : simulatedModel.qe
  return {
    id: isTdx ? 'TD_QE' : 'QE',
    version: 2,
    ...dates,
    tcbEvaluationDataNumber: options.evaluationNumber ?? evaluationNumber,
    miscselect: '00000000',
    miscselectMask: 'FFFFFFFF',
    attributes: '11000000000000000000000000000000',
    attributesMask: 'FBFFFFFFFFFFFFFF0000000000000000',
    mrsigner: upper(mrsigner),
    isvprodid: isvProdId,
    tcbLevels: [
      enclaveLevel(isvSvn, options.qeStatus ?? 'UpToDate'),
      enclaveLevel(isvSvn - 2, 'OutOfDate'),
    ],
    ...options.qeIdentity,
  }
}
