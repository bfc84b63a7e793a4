// The enclave's program, for SGX and its simulation. What it imports is what is
// measured, so it imports nothing for other platforms.

import { fileURLToPath } from 'node:url'
import { openPlatform } from './platform.ts'
import { serveEnclave } from './serve.ts'

serveEnclave(fileURLToPath(import.meta.url), openPlatform)
