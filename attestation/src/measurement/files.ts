// The simulated MRENCLAVE: SHA-256 over the list of all files that can run
// inside the enclave, as `<sha256>  <path>` lines sorted by path. It depends on
// the files' contents and their place in the repository, and on nothing else:
// not on the folder of the checkout, the user, or file times. On hardware the
// processor measures; this only gives simulated enclaves an identity of that kind.

import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { createRequire, isBuiltin } from 'node:module'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { type Bytes, own, utf8, VortaError } from '@vorta/core'
import { findImports } from './imports.ts'

export type MeasuredFile = { readonly path: string; readonly sha256: string }

export type ProgramMeasurement = {
  /** 32 bytes. */
  readonly measurement: Bytes
  /** Sorted by path, which is relative to the repository. */
  readonly files: readonly MeasuredFile[]
}

/**
 * Measures the program that starts at this .ts file (an absolute path): our own
 * sources as far as they are imported, other packages whole.
 * Throws MEASUREMENT_FAILED.
 */
export function measureProgram(entry: string): ProgramMeasurement {
  const files = programFiles(entry)
  const list = files.map(({ path, sha256 }) => `${sha256}  ${path}\n`).join('')
  return { measurement: own(createHash('sha256').update(utf8(list)).digest()), files }
}

function programFiles(entry: string): readonly MeasuredFile[] {
  const found = new Map<string, Uint8Array>()
  const packages = new Set<string>()
  if (!isFile(entry)) throw failure(`${entry}: no such file`)
  const main = realpathSync(entry)
  const root = repositoryOf(main)

  function visit(file: string): void {
    if (found.has(file)) return
    const content = read(file)
    found.set(file, content)
    if (!/\.[cm]?[jt]s$/.test(file)) return
    const { modules, files } = findImports(Buffer.from(content).toString('utf8'), file)
    for (const specifier of modules) follow(specifier, file)
    for (const path of files.map((name) => resolve(dirname(file), name))) {
      if (isFile(path)) visit(path)
    }
  }

  function follow(specifier: string, from: string): void {
    if (isBuiltin(specifier)) return
    if (specifier.startsWith('.')) {
      visit(resolve(dirname(from), specifier))
      return
    }
    const folder = packageFolder(specifier, dirname(from))
    if (folder === undefined) throw failure(`${from}: package of ${specifier} is not installed`)
    if (isOurs(folder)) visit(resolveOurs(specifier, from))
    else visitPackage(folder)
  }

  /** A package of others is taken whole, with what it depends on: its imports follow no style of ours. */
  function visitPackage(folder: string): void {
    if (packages.has(folder)) return
    packages.add(folder)
    for (const file of filesBelow(folder)) found.set(file, read(file))
    const manifest = readManifest(folder)
    const optional = { ...manifest.optionalDependencies, ...manifest.peerDependencies }
    for (const name of Object.keys({ ...manifest.dependencies, ...optional })) {
      const dependency = packageFolder(name, folder)
      if (dependency !== undefined) visitPackage(dependency)
      else if (!(name in optional)) throw failure(`${folder}: ${name} is not installed`)
    }
  }

  const isOurs = (folder: string): boolean => !relativePath(root, folder).includes('node_modules/')

  visit(main)
  return [...found]
    .map(([file, content]) => ({
      path: relativePath(root, file),
      sha256: createHash('sha256').update(content).digest('hex'),
    }))
    .sort((a, b) => (a.path < b.path ? -1 : 1))
}

/** The nearest folder above whose package.json has workspaces. */
function repositoryOf(entry: string): string {
  for (const folder of foldersAbove(dirname(entry))) {
    if (isFile(join(folder, 'package.json')) && readManifest(folder).workspaces) return folder
  }
  throw failure(`${entry}: no workspace above it`)
}

/** Node's own search: node_modules here, then in every folder above. */
function packageFolder(specifier: string, from: string): string | undefined {
  const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
  for (const folder of foldersAbove(from)) {
    const candidate = join(folder, 'node_modules', name)
    if (isFile(join(candidate, 'package.json'))) return realpathSync(candidate)
  }
  return undefined
}

/** By the `exports` of the package's manifest, as Node does it. */
function resolveOurs(specifier: string, from: string): string {
  try {
    return createRequire(from).resolve(specifier)
  } catch (cause) {
    throw failure(`${from}: ${specifier} cannot be resolved`, cause)
  }
}

function* foldersAbove(start: string): Generator<string> {
  for (let folder = start; ; folder = dirname(folder)) {
    yield folder
    if (folder === dirname(folder)) return
  }
}

/** Every file of a package; packages nested in it are reached by name, links are not followed. */
const filesBelow = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : filesBelow(path)
    return entry.isFile() ? [path] : []
  })

function relativePath(root: string, path: string): string {
  const inside = relative(root, path).split(sep).join('/')
  if (inside.startsWith('../')) throw failure(`${path}: outside of the repository ${root}`)
  return inside
}

const isFile = (path: string): boolean => existsSync(path) && statSync(path).isFile()

function read(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (cause) {
    throw failure(`${path}: cannot be read`, cause)
  }
}

type Manifest = {
  readonly workspaces?: readonly string[]
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

function readManifest(folder: string): Manifest {
  const path = join(folder, 'package.json')
  try {
    return JSON.parse(read(path).toString())
  } catch (cause) {
    throw failure(`${path}: cannot be read`, cause)
  }
}

const failure = (message: string, cause?: unknown): VortaError =>
  new VortaError('MEASUREMENT_FAILED', message, { cause })
