// Every code of `doctor`, what it means and what to do. `doctor --explain CODE`
// prints an entry; docs/doctor.md has them all.

export type Explanation = { readonly meaning: string; readonly fix: string }

export const doctorCodes = {
  NODE_OLD: {
    meaning: 'Vorta needs Node 24.',
    fix: 'run `make all`: it brings Node 24',
  },
  CLOCK_SKEW: {
    meaning: 'The clock here differs from the one asked: evidence looks expired or not yet valid.',
    fix: 'set the clock, for instance with NTP',
  },
  CLOCK_UNKNOWN: {
    meaning: 'No server answered with its time, so the clock was not compared.',
    fix: 'see the endpoint',
  },
  SERVER_FAULT: {
    meaning: 'The mainframe cannot be reached, or did not answer as it should.',
    fix: 'start one with `make dev`, or choose another with --endpoint',
  },
  TOKEN_UNKNOWN: {
    meaning: 'Without an answer of the mainframe nothing is known about the token.',
    fix: 'see the endpoint',
  },
  TOKEN_REFUSED: {
    meaning: 'The mainframe does not accept the token.',
    fix: 'give the right one with --token-file',
  },
  SGX_CPU_NONE: {
    meaning:
      'The processor shows no SGX: it has none, the firmware keeps it off, or the kernel is older than 5.11.',
    fix: 'enable SGX in the firmware, or use a processor with SGX; until then enclaves are SIMULATED',
  },
  SGX_NO_LAUNCH_CONTROL: {
    meaning: 'SGX without Flexible Launch Control (sgx_lc): Gramine and DCAP cannot be used.',
    fix: 'enable Flexible Launch Control in the firmware, or use a server processor of 2021 or later',
  },
  SGX_KERNEL_OLD: {
    meaning: 'Linux before 5.11 has no SGX driver, and no FSGSBASE, which Gramine needs.',
    fix: 'boot Linux 5.11 or later',
  },
  SGX_DEVICE_NONE: {
    meaning: 'There is no /dev/sgx_enclave. Without it no enclave can be started.',
    fix: 'enable SGX in the firmware; in a container pass --device /dev/sgx_enclave',
  },
  SGX_DEVICE_LEGACY: {
    meaning:
      'Only a device of a driver from before Linux 5.11 is here, which Gramine 1.9 does not use.',
    fix: 'remove the out-of-tree driver and boot Linux 5.11 or later',
  },
  SGX_DEVICE_DENIED: {
    meaning: 'This user may not open /dev/sgx_enclave.',
    fix: 'install sgx_config/90-vorta-sgx.rules with scripts/setup_sgx.sh --apply',
  },
  SGX_PROVISION_NONE: {
    meaning: 'There is no /dev/sgx_provision: the quoting enclave cannot certify its key.',
    fix: 'in a container pass --device /dev/sgx_provision; on the host load the kernel driver',
  },
  SGX_PROVISION_DENIED: {
    meaning: 'This user may not open /dev/sgx_provision. AESM does it for enclaves that ask AESM.',
    fix: 'add the user to the group: usermod -a -G sgx_prv USER, then log in again',
  },
  SGX_EPC_UNKNOWN: {
    meaning: 'The kernel does not say how much protected memory (EPC) there is; Linux 5.17 does.',
    fix: 'nothing needs to be done; give the worker its EPC size in config/worker.yaml',
  },
  SGX_EPC_SMALL: {
    meaning: 'Less than 128 MiB of EPC: enclaves larger than that are paged and become slow.',
    fix: 'raise the PRMRR size in the firmware',
  },
  AESM_NONE: {
    meaning: 'The AESM service, which Gramine asks for quotes, is not installed here.',
    fix: 'run scripts/setup_sgx.sh --apply; in a container mount /var/run/aesmd',
  },
  AESM_STOPPED: {
    meaning: 'AESM is installed, but nothing answers on /var/run/aesmd/aesm.socket.',
    fix: 'systemctl restart aesmd; journalctl -u aesmd says why it ended',
  },
  AESM_DENIED: {
    meaning: 'This user may not connect to /var/run/aesmd/aesm.socket.',
    fix: 'give the user access to /var/run/aesmd',
  },
  QPL_NONE: {
    meaning:
      'No quote provider library (libdcap_quoteprov.so.1): AESM cannot get PCK certificates.',
    fix: 'apt-get install libsgx-dcap-default-qpl, then systemctl restart aesmd',
  },
  QCNL_NONE: {
    meaning:
      'There is no /etc/sgx_default_qcnl.conf: the quote provider asks https://localhost:8081.',
    fix: 'run scripts/setup_sgx.sh --apply --pccs URL',
  },
  QCNL_INVALID: {
    meaning: '/etc/sgx_default_qcnl.conf cannot be read; quotes fail with 0xe067.',
    fix: 'correct the file after sgx_config/sgx_default_qcnl.conf, then systemctl restart aesmd',
  },
  PCCS_UNASKED: {
    meaning: 'No readable /etc/sgx_default_qcnl.conf says where the PCCS is.',
    fix: 'see qcnl',
  },
  PCCS_UNREACHABLE: {
    meaning:
      'The caching service of the PCK certificates does not answer; quotes fail with 0xe019.',
    fix: 'check pccs_url in /etc/sgx_default_qcnl.conf, the service (systemctl status pccs) and the proxy',
  },
  PCCS_TLS_UNTRUSTED: {
    meaning: 'The certificate of the PCCS is not trusted here; quotes fail with 0xe019 or 0xe065.',
    fix: 'add its CA with update-ca-certificates; only for a PCCS on this host set "use_secure_cert": false',
  },
  PCCS_TLS_UNCHECKED: {
    meaning:
      'use_secure_cert is false: anyone on the way can answer as the PCCS. What it serves is signed by Intel; it can be withheld, not forged.',
    fix: 'trust the CA of the PCCS and set "use_secure_cert": true',
  },
  PCCS_FAULT: {
    meaning: 'The PCCS answers, and not as it should.',
    fix: 'see its log: journalctl -u pccs',
  },
  PLATFORM_UNASKED: {
    meaning: 'Whether the PCCS has a certificate for this platform was not asked.',
    fix: 'run PCKIDRetrievalTool as root and give its file: doctor --platform pckid_retrieval.csv',
  },
  PLATFORM_FILE_INVALID: {
    meaning: 'The file is not what PCKIDRetrievalTool writes.',
    fix: 'run PCKIDRetrievalTool again, as root',
  },
  PLATFORM_UNKNOWN: {
    meaning:
      'The PCCS has no PCK certificate for this platform; quotes fail with 0xe011 or 0xe047.',
    fix: 'register the platform: PCKIDRetrievalTool -url PCCS -user_token TOKEN; with several sockets install sgx-ra-service first',
  },
  PLATFORM_NO_CERTIFICATE: {
    meaning: 'Intel has no PCK certificate for the TCB of this platform; quotes fail with 0xe049.',
    fix: 'update firmware and microcode, then register the platform again',
  },
  GRAMINE_NONE: {
    meaning: 'Gramine is not installed: enclaves on this machine are SIMULATED.',
    fix: 'run scripts/setup_sgx.sh --apply',
  },
  GRAMINE_VERSION: {
    meaning: 'The layout of enclaves of this Gramine is not known to `vorta-cli measure`.',
    fix: 'install the version that docs/measurement.md names',
  },
  TDX_NONE: {
    meaning: 'This machine is not a TDX guest.',
    fix: 'nothing, unless TDX is wanted: then run inside a TDX VM with Linux 6.7 or later',
  },
  TDX_NO_QUOTES: {
    meaning: 'A TDX guest, but the kernel offers no way to quotes (configfs-tsm).',
    fix: 'boot Linux 6.7 or later and mount configfs on /sys/kernel/config',
  },
  DSTACK_NONE: {
    meaning: 'There is no dstack socket: this is no dstack confidential VM.',
    fix: 'in docker-compose mount /var/run/dstack.sock into the container',
  },
  DSTACK_STOPPED: {
    meaning: 'There is a dstack socket, and nothing answers on it.',
    fix: 'restart the guest agent of the VM; a mount made before its start is stale',
  },
  CONTAINERS_NONE: {
    meaning: 'Container jobs need Docker or runc.',
    fix: 'start Docker, or install runc',
  },
  DOCKER_DENIED: {
    meaning: 'This user may not use Docker.',
    fix: 'join the group docker',
  },
  DATA_FOLDER_DENIED: {
    meaning: 'The data folder cannot be written.',
    fix: 'set dataFolder elsewhere',
  },
} as const satisfies Readonly<Record<string, Explanation>>

export type DoctorCode = keyof typeof doctorCodes
