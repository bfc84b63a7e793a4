// The enclave's program inside a dstack confidential VM. There the whole guest is
// measured, down to the containers by the compose hash, so this one may import
// the SDK of dstack.

import { fileURLToPath } from 'node:url'
import { openDstackProvider } from '@vorta/attestation/providers/dstack'
import { fail } from '@vorta/core'
import { serveEnclave } from './serve.ts'

serveEnclave(fileURLToPath(import.meta.url), async ({ tee, endpoint }) => {
  if (tee !== 'dstack') throw fail('ENCLAVE_FAILED', 'start: this program is for dstack only')
  return openDstackProvider(endpoint)
})
