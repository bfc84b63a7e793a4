// Quotes inside an SGX enclave, by Gramine's attestation files. Their buffers
// belong to the whole process and every write replaces all of a buffer, so that
// one quote is made at a time. No such file exists outside of an enclave.

import { constants } from 'node:fs'
import { type FileHandle, open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createMutex } from './mutex.ts'
import { openProvider, unavailable } from './own-quote.ts'
import type { QuoteProvider } from './quote-provider.ts'

/** Where Gramine puts the files. */
export const gramineFolder = '/dev/attestation'

// Gramine's own limit. The content is made anew at every open, and has no size before it is read.
const maxQuote = 8192

const hints = [
  'run it by gramine-sgx, with sgx.remote_attestation = "dcap" in the manifest',
  'a quote also needs the AESM service on the host: see vorta-cli doctor',
]

/** Throws QUOTE_UNAVAILABLE where this is no enclave, or one without remote attestation. */
export async function openGramineProvider(folder = gramineFolder): Promise<QuoteProvider> {
  const alone = createMutex()
  const type = await coded(() => readFile(join(folder, 'attestation_type'), 'utf8'))
  if (type !== 'dcap') {
    throw unavailable(`${folder}/attestation_type: expected dcap, got ${type.slice(0, 32)}`, hints)
  }
  return openProvider(`Gramine, ${folder}`, (reportData) =>
    alone(() =>
      coded(async () => {
        await writeWhole(join(folder, 'user_report_data'), reportData)
        return { quote: await readQuote(join(folder, 'quote')) }
      }),
    ),
  )
}

async function using<T>(path: string, flags: number, use: (file: FileHandle) => Promise<T>) {
  const file = await open(path, flags)
  try {
    return await use(file)
  } finally {
    await file.close()
  }
}

/** In one write: a second one would replace what the first has written. */
const writeWhole = (path: string, bytes: Uint8Array): Promise<void> =>
  using(path, constants.O_WRONLY, async (file) => {
    const { bytesWritten } = await file.write(bytes)
    if (bytesWritten !== bytes.length) {
      throw unavailable(`${path}: took ${bytesWritten} of ${bytes.length} bytes`)
    }
  })

const readQuote = (path: string): Promise<Uint8Array> =>
  using(path, constants.O_RDONLY, async (file) => {
    const buffer = new Uint8Array(maxQuote + 1)
    let length = 0
    while (length < buffer.length) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length, null)
      if (bytesRead === 0) return buffer.slice(0, length)
      length += bytesRead
    }
    throw unavailable(`${path}: expected at most ${maxQuote} bytes`)
  })

/** The operating system's word for it, in ours. */
async function coded<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    if (!(cause instanceof Error && 'syscall' in cause)) throw cause
    throw unavailable(`Gramine: ${cause.message}`, hints, cause)
  }
}
