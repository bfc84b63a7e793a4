// What a manifest allows that a production policy should not: each makes the
// enclave believe its host in something. The measurement is right all the same.

import type { Manifest } from './manifest.ts'

export type ManifestWarning = {
  /** The key of the manifest, such as "sgx.debug". */
  readonly key: string
  readonly detail: string
}

type Table = Readonly<Record<string, unknown>>

/** In the order of the keys below, then `insecure__` keys as they stand in the manifest. */
export function warningsOf(manifest: Manifest): readonly ManifestWarning[] {
  const { document, debug, remoteAttestation } = manifest
  const sgx = tableAt(document, 'sgx')
  const env = tableAt(tableAt(document, 'loader'), 'env')
  const found: ManifestWarning[] = []
  const warn = (key: string, detail: string) => found.push({ key, detail })
  if (debug) warn('sgx.debug', "the host can read and write the enclave's memory")
  if (remoteAttestation !== 'dcap') {
    warn('sgx.remote_attestation', 'the enclave can give no quote: set it to "dcap"')
  }
  if (Array.isArray(sgx.allowed_files) && sgx.allowed_files.length > 0) {
    warn('sgx.allowed_files', 'these files are read as the host gives them, unmeasured')
  }
  if (sgx.file_check_policy === 'allow_all_but_log') {
    warn('sgx.file_check_policy', 'every file is read as the host gives it, unmeasured')
  }
  for (const [name, value] of Object.entries(env)) {
    if (isTable(value) && value.passthrough === true) {
      warn(`loader.env.${name}`, 'the host chooses the value')
    }
  }
  for (const key of insecureKeys(document, '')) {
    warn(key, 'Gramine itself calls this insecure')
  }
  return found
}

/** Keys that start with `insecure__` and are on, at any depth. The reader bounds the depth. */
function* insecureKeys(table: Table, path: string): Generator<string> {
  for (const [key, value] of Object.entries(table)) {
    const at = path === '' ? key : `${path}.${key}`
    const isOn = value !== false && value !== 0
    if (key.startsWith('insecure__') && isOn) yield at
    else if (isTable(value)) yield* insecureKeys(value, at)
  }
}

const isTable = (value: unknown): value is Table =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const tableAt = (table: Table, key: string): Table => {
  const value = Object.hasOwn(table, key) ? table[key] : undefined
  return isTable(value) ? value : {}
}
