// The identity of this host among simulated platforms: 16 random bytes, made
// once and kept in the data folder. Real hardware brings its own.

import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fail, fromHex, systemRandom, toHex } from '@vorta/core'

/** 32 hex digits. Throws CONFIG_INVALID where the file is there and holds something else. */
export async function loadPlatformId(folder: string): Promise<string> {
  const path = join(folder, 'platform-id')
  await mkdir(folder, { recursive: true })
  try {
    await writeFile(path, `${toHex(systemRandom(16))}\n`, { flag: 'wx' })
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw thrown
  }
  const id = (await readFile(path, 'utf8')).trim()
  if (fromHex(id)?.length !== 16) {
    const hints = ['remove the file: a new id is made, and the worker is a new platform']
    throw fail('CONFIG_INVALID', `${path}: expected 32 hex digits, got "${id.slice(0, 40)}"`, {
      hints,
    })
  }
  return id
}
