// What Intel's quote libraries answer when something is wrong (enum
// quote3_error_t of sgx_ql_lib_common.h), and the two codes of AESM that people
// meet through Gramine. The numbers are Intel's; what to do is from experience.

import { closest, fail } from '@vorta/core'
import { doctorCodes, type Explanation } from './codes.ts'

type DcapCode = Explanation & { readonly name: string }

const restart = 'systemctl restart aesmd'
const registered =
  'register the platform: PCKIDRetrievalTool as root with -url and -user_token of the PCCS; with several sockets install sgx-ra-service first'
const reachPccs =
  'check pccs_url and use_secure_cert in /etc/sgx_default_qcnl.conf, and whether the PCCS runs: systemctl status pccs'
const updatePlatform = 'update firmware and microcode, reboot, and register the platform again'
const freshCollateral = 'refresh the PCCS: GET /sgx/certification/v4/refresh with its admin token'
const isPolicy =
  'a judgement, not a fault: update the platform, or let the policy accept the status'

export const dcapCodes: Readonly<Record<number, DcapCode>> = {
  57345: entry(
    'ERROR_UNEXPECTED',
    'An error without a name.',
    `see journalctl -u aesmd; ${restart}`,
  ),
  57347: entry(
    'ERROR_OUT_OF_MEMORY',
    'The quoting enclave got no memory.',
    `free memory; ${restart}`,
  ),
  57350: entry(
    'FILE_ACCESS_ERROR',
    'The stored attestation key cannot be read or written.',
    'give aesmd its folder /var/opt/aesmd/data',
  ),
  57351: entry(
    'ERROR_STORED_KEY',
    'The stored attestation key is damaged, or of another platform.',
    `delete /var/opt/aesmd/data and ${restart}`,
  ),
  57354: entry(
    'ATT_KEY_BLOB_ERROR',
    'The stored attestation key is damaged, or of another version.',
    `delete /var/opt/aesmd/data and ${restart}`,
  ),
  57357: entry(
    'INTERFACE_UNAVAILABLE',
    'The provisioning certification enclave cannot be loaded.',
    'install libsgx-ae-pce; let the user open /dev/sgx_provision (group sgx_prv)',
  ),
  57358: entry(
    'PLATFORM_LIB_UNAVAILABLE',
    'The quote provider library is missing.',
    `apt-get install libsgx-dcap-default-qpl, then ${restart}`,
  ),
  57359: entry(
    'ATT_KEY_NOT_INITIALIZED',
    'The attestation key was not certified yet, or no longer fits the platform.',
    'ask again: the caller has to get target info first; Gramine does',
  ),
  57360: entry(
    'ATT_KEY_CERT_DATA_INVALID',
    'The PCCS gave a certificate chain that cannot be read.',
    freshCollateral,
  ),
  57361: entry(
    'NO_PLATFORM_CERT_DATA',
    'There is no PCK certificate for this platform: it is not registered, or the PCCS has not got it.',
    registered,
  ),
  57362: entry(
    'OUT_OF_EPC',
    'The protected memory is full.',
    'stop enclaves, or raise the PRMRR size in the firmware',
  ),
  57363: entry('ERROR_REPORT', 'A report of an enclave does not verify on this machine.', restart),
  57364: entry(
    'ENCLAVE_LOST',
    'The quoting enclave was lost, as after a suspend.',
    `${restart}, and start the enclave again`,
  ),
  57365: entry(
    'INVALID_REPORT',
    "The application's report is not for the quoting enclave of this machine.",
    'use the same AESM for target info and quote',
  ),
  57366: entry(
    'ENCLAVE_LOAD_ERROR',
    'The quoting enclaves cannot be loaded: file missing, /dev mounted noexec, or no SGX.',
    'install libsgx-ae-qe3 and libsgx-ae-id-enclave; mount -o remount,exec /dev',
  ),
  57368: entry(
    // Intel's spelling.
    'KEY_CERTIFCATION_ERROR',
    'The PCK certificate is for a newer TCB than the platform has.',
    updatePlatform,
  ),
  57369: entry(
    'NETWORK_ERROR',
    'The PCK certificate could not be fetched: no connection, a proxy, or a TLS certificate that is not trusted.',
    reachPccs,
  ),
  57370: entry('MESSAGE_ERROR', 'The PCCS answered with something else.', reachPccs),
  57371: entry(
    'NO_QUOTE_COLLATERAL_DATA',
    'The PCCS has no TCB info, CRL or QE identity for this platform.',
    freshCollateral,
  ),
  57379: entry('TCBINFO_UNSUPPORTED_FORMAT', 'The TCB info cannot be read.', freshCollateral),
  57383: entry('TCB_OUT_OF_DATE', 'The platform is out of date.', updatePlatform),
  57384: entry(
    'TCB_OUT_OF_DATE_CONFIGURATION_NEEDED',
    'The platform is out of date and not configured as advised.',
    updatePlatform,
  ),
  57388: entry('SGX_TCB_INFO_EXPIRED', 'The TCB info is past its nextUpdate.', freshCollateral),
  57389: entry('SGX_PCK_CERT_CHAIN_EXPIRED', 'The PCK certificate chain has expired.', registered),
  57390: entry('SGX_CRL_EXPIRED', 'A CRL is past its nextUpdate.', freshCollateral),
  57392: entry(
    'SGX_ENCLAVE_IDENTITY_EXPIRED',
    'The QE identity is past its nextUpdate.',
    freshCollateral,
  ),
  57393: entry('PCK_REVOKED', 'Intel revoked the certificate of this platform.', 'do not use it'),
  57394: entry('TCB_REVOKED', 'Intel revoked this TCB level.', updatePlatform),
  57395: entry('TCB_CONFIGURATION_NEEDED', 'The platform is not configured as advised.', isPolicy),
  57396: entry('UNABLE_TO_GET_COLLATERAL', 'The collateral could not be fetched.', reachPccs),
  57397: entry(
    'ERROR_INVALID_PRIVILEGE',
    'The process may not use the SGX devices.',
    'add the user to the group sgx_prv; in a container pass both devices',
  ),
  57404: entry('TCB_SW_HARDENING_NEEDED', 'Software in the enclave has to be hardened.', isPolicy),
  57405: entry(
    'TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED',
    'The platform is not configured as advised, and software has to be hardened.',
    isPolicy,
  ),
  57407: entry(
    'NO_DEVICE',
    'There is no SGX device.',
    'enable SGX in the firmware; in a container pass /dev/sgx_enclave and /dev/sgx_provision',
  ),
  57408: entry('SERVICE_UNAVAILABLE', 'AESM does not answer.', 'systemctl start aesmd'),
  57409: entry('NETWORK_FAILURE', 'The connection to the PCCS failed.', reachPccs),
  57410: entry('SERVICE_TIMEOUT', 'AESM or the PCCS took too long.', `${restart}; ${reachPccs}`),
  57411: entry('ERROR_BUSY', 'The service is busy.', 'try again'),
  57412: entry(
    'UNKNOWN_MESSAGE_RESPONSE',
    'The PCCS answered with an unknown error.',
    'see its log: journalctl -u pccs; its key for the Intel service may be wrong',
  ),
  57413: entry(
    'PERSISTENT_STORAGE_ERROR',
    'The cache of the quote provider cannot be written.',
    'give aesmd a writable home or set AZDCAP_CACHE',
  ),
  57414: entry('ERROR_MESSAGE_PARSING_ERROR', 'The answer of the PCCS cannot be read.', reachPccs),
  57415: entry('PLATFORM_UNKNOWN', 'The PCCS does not know this platform.', registered),
  57416: entry(
    'UNKNOWN_API_VERSION',
    'pccs_url or pccs_api_version names a version that is not known.',
    'let pccs_url end in /sgx/certification/v4/',
  ),
  57417: entry(
    'CERTS_UNAVAILABLE',
    'There is no PCK certificate for the TCB of this platform.',
    updatePlatform,
  ),
  57426: entry(
    'PSW_NOT_AVAILABLE',
    'The SGX platform software is missing.',
    'install sgx-aesm-service',
  ),
  57443: entry('INTERNAL_SERVER_ERROR', 'The PCCS failed.', 'see its log: journalctl -u pccs'),
  57445: entry(
    'ROOT_CA_UNTRUSTED',
    'The TLS certificate of the PCCS is not trusted.',
    'add its CA with update-ca-certificates; only for a PCCS on this host set "use_secure_cert": false',
  ),
  57446: entry(
    'TCB_NOT_SUPPORTED',
    'The TCB is older than every level Intel lists.',
    updatePlatform,
  ),
  57447: entry(
    'CONFIG_INVALID_JSON',
    '/etc/sgx_default_qcnl.conf is not JSON.',
    'correct it after sgx_config/sgx_default_qcnl.conf; a trailing comma is enough to break it',
  ),
}

function entry(name: string, meaning: string, fix: string): DcapCode {
  return { name: `SGX_QL_${name}`, meaning, fix }
}

/** AESM's own numbers, which Gramine prints as "AESM service returned error N". */
export const aesmCodes: Readonly<Record<number, DcapCode>> = {
  12: { name: 'AESM_NETWORK_ERROR', meaning: dcapCodes[0xe019]!.meaning, fix: reachPccs },
  44: { name: 'AESM_NO_PLATFORM_CERT_DATA', meaning: dcapCodes[0xe011]!.meaning, fix: registered },
}

export type Explained = Explanation & {
  readonly code: string
  /** As Intel calls it; the code itself where it is ours. */
  readonly name: string
}

/**
 * Explains a DCAP code (0xe019, e019 or its name), an AESM error (12) or a code of doctor.
 * Throws USAGE.
 */
export function explain(text: string): Explained {
  const wanted = text.trim().toUpperCase()
  const hex = /^(?:0X)?(E0[0-9A-F]{2})$/.exec(wanted)?.[1]
  if (hex !== undefined) {
    const found = dcapCodes[Number.parseInt(hex, 16)]
    if (found) return { code: `0x${hex.toLowerCase()}`, ...found }
  }
  for (const [number, code] of Object.entries(dcapCodes)) {
    if (code.name === wanted) return { code: `0x${Number(number).toString(16)}`, ...code }
  }
  for (const [number, code] of Object.entries(aesmCodes)) {
    if (number === wanted || code.name === wanted) return { code: `AESM ${number}`, ...code }
  }
  for (const [code, explanation] of Object.entries(doctorCodes)) {
    if (code === wanted) return { code, name: code, ...explanation }
  }
  const known = [...Object.keys(doctorCodes), ...Object.values(dcapCodes).map(({ name }) => name)]
  const meant = closest(wanted, known)
  throw fail('USAGE', `--explain: unknown code "${text}"`, {
    hints: [
      meant === undefined
        ? 'expected a DCAP code such as 0xe019, an AESM error such as 44, or a code of doctor'
        : `did you mean ${meant}?`,
    ],
  })
}
