// Files that a command writes; `-` is standard output.

import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { unreadable } from './input.ts'
import type { Ui } from './ui.ts'

/** Writes a file, with the folders it needs. Throws FILE_UNREADABLE. */
export async function writeOutput(ui: Ui, path: string, bytes: Uint8Array): Promise<void> {
  if (path === '-') {
    ui.io.stdout.write(bytes)
    return
  }
  const absolute = resolve(ui.io.cwd, path)
  await mkdir(dirname(absolute), { recursive: true }).catch(unreadable(path))
  await writeFile(absolute, bytes).catch(unreadable(path))
}
