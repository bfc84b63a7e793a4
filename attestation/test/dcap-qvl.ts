// @phala/dcap-qvl as a second opinion: another implementation, by other people,
// of the same rules. Development only.

import { QuoteVerifier } from '@phala/dcap-qvl'
import { fromHex } from '@vorta/core'
import type { Collateral } from '../src/collateral.ts'

/** Its status, or `refused`. Collateral is given as its own getCollateral() would give it. */
export function secondOpinion(
  quote: Uint8Array,
  collateral: Collateral,
  unixSeconds: number,
  rootDer: Uint8Array,
): string {
  const bytes = (hex: string): number[] => [...(fromHex(hex) ?? [])]
  try {
    const verifier = QuoteVerifier.newWithRootCa(Buffer.from(rootDer))
    const { status } = verifier.verify(
      Buffer.from(quote),
      {
        ...collateral,
        root_ca_crl: bytes(collateral.root_ca_crl),
        pck_crl: bytes(collateral.pck_crl),
        tcb_info_signature: bytes(collateral.tcb_info_signature),
        qe_identity_signature: bytes(collateral.qe_identity_signature),
      },
      unixSeconds,
    )
    return status
  } catch (error) {
    // It refuses what is revoked after having verified it: that is its policy.
    return /^TCB status is invalid: (\w+)$/.exec((error as Error).message)?.[1] ?? 'refused'
  }
}

/** Where it is known to answer wrongly, or to decide what is a policy's to decide, and on what. */
export const knownFaults: Readonly<Record<string, readonly string[]>> = {
  'never authenticates a CRL': [
    'sgx-crl-bitflip',
    'sgx-testca-crl',
    'tdx-crl-garbage',
    'tdx-crl-swapped',
    'flip sgx root_ca_crl',
    'flip sgx pck_crl',
    'flip tdx root_ca_crl',
    'flip tdx pck_crl',
    'old CRLs',
  ],
  'takes any certificate for a CA': ['sim-inter-not-ca', 'sim-pck-as-ca'],
  'takes the first certificate for the leaf': ['sgx-chain-reversed'],
  'hashes 32 bytes of QE authentication data': [
    'sim-authdata-64',
    'auth data of 0',
    'auth data of 64',
  ],
  'ignores the TDX module': [
    'sim-tdx-UpToDate-modOutOfDate',
    'sim-tdx-mod-mrsigner',
    'sim-tdx-relaunch-svn2-unknown',
    'module OutOfDate',
    'module Revoked',
  ],
  'compares the module version with the platform': ['g10-tdx-gcp-cos'],
  'knows no relaunch': ['sim-tdx-relaunch', 'sim-tdx-relaunch-platform'],
  'takes the worse of two statuses': [
    'sim-sgx-ConfigurationNeeded-qeOutOfDate',
    ...['sgx', 'tdx'].flatMap((tee) => [
      `${tee} ConfigurationNeeded, QE OutOfDate`,
      `${tee} ConfigurationAndSWHardeningNeeded, QE OutOfDate`,
    ]),
  ],
  'refuses debug': ['g07-sgx-debug', 'g19-tdx-debug-td'],
  'refuses a TD without SEPT_VE_DISABLE': ['g12-tdx-azure-sept0'],
  'knows no TCB info of version 2': ['g18-sgx-tcbinfo-v2', 'g21-sgx-intel-test-root'],
  'knows no SGX in versions 4 and 5': ['sgx version 4', 'sgx version 5'],
  'knows no TD report 1.5Ex': ['sim-tdx-v5-15ex-ok', 'tdx report 1.5Ex'],
}
