// A second checkout of the sources that run in a worker, in another folder, to
// be changed there.

import { cpSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { measureProgram } from '@vorta/attestation/measurement/files'
import { root } from '../../scripts/cluster.ts'

const sources = ['core', 'api', 'attestation', 'zkp', 'receipt', 'enclave', 'worker']

/** Copies what is measured; all other packages are links to those of this checkout. */
export function copyCheckout(to: string): void {
  for (const name of ['package.json', ...sources]) {
    cpSync(join(root, name), join(to, name), { recursive: true })
  }
  const { files } = measureProgram(join(root, 'enclave/src/main.ts'))
  for (const { path } of files.filter((file) => file.path.startsWith('node_modules/'))) {
    const [, scope = '', name = ''] = path.split('/')
    const measured = join('node_modules', scope.startsWith('@') ? join(scope, name) : scope)
    cpSync(join(root, measured), join(to, measured), { recursive: true })
  }
  linkMissing('node_modules', to)
  for (const name of sources) link(join('node_modules/@vorta', name), join('../..', name), to)
}

function linkMissing(folder: string, to: string): void {
  for (const name of readdirSync(join(root, folder))) {
    const path = join(folder, name)
    if (name === '@vorta') continue
    if (name.startsWith('@')) linkMissing(path, to)
    else link(path, join(root, path), to)
  }
}

function link(path: string, target: string, to: string): void {
  mkdirSync(dirname(join(to, path)), { recursive: true })
  try {
    symlinkSync(target, join(to, path))
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw thrown
  }
}
