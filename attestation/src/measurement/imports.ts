// Finds what a source file of ours loads at run time. Not a JavaScript parser:
// it reads the few forms our sources use, and refuses what it cannot read, so
// that nothing that runs is left out. Better one file too many than one too few.

import { VortaError } from '@vorta/core'

export type Imports = {
  /** Module specifiers: relative, or of a package. */
  readonly modules: readonly string[]
  /** Relative files named by `new URL('…', import.meta.url)`: workers, WebAssembly, data. */
  readonly files: readonly string[]
}

const statements = /^[ \t]*(?:import|export)\b/gm
const importForm =
  /import\s*(type\s+(?=[\w$*{]))?(?:(?:[\w$]+\s*,?\s*)?(?:\{[^}]*\}|\*\s*as\s+[\w$]+)?\s*from\s*)?(['"])([^'"\n]+)\2/y
const exportForm =
  /export\s*(type\s+)?(?:\*(?:\s*as\s+[\w$]+)?|\{[^}]*\})\s*(?:from\s*(['"])([^'"\n]+)\2)?/y

const importCalls = /\bimport\s*\(|\bimport\.meta\.resolve\s*\(/g
const literalArgument = /\s*(['"])([^'"\n]+)\1\s*[,)]/y
const urls = /new\s+URL\(\s*(['"])(\.{1,2}\/[^'"\n]*)\1\s*,\s*import\.meta\.url/g

/** Throws MEASUREMENT_FAILED for a form that cannot be read; `path` is for the message. */
export function findImports(source: string, path: string): Imports {
  return {
    modules: [...staticImports(source, path), ...dynamicImports(source, path)],
    files: [...source.matchAll(urls)].map((found) => found[2]!),
  }
}

function* staticImports(source: string, path: string): Generator<string> {
  for (const { index, 0: start } of source.matchAll(statements)) {
    const isImport = start.endsWith('import')
    const at = index + start.length - 'import'.length
    const rest = source.slice(at + 'import'.length, at + 'import'.length + 64)
    const form = isImport ? importForm : exportForm
    form.lastIndex = at
    const found = form.exec(source)
    const [, typeOnly, , specifier] = found ?? []
    // A type vanishes before the program runs; a local `export { … }` loads nothing.
    if (specifier !== undefined && typeOnly === undefined) yield specifier
    const isOther = isImport ? /^\s*[.(]/ : /^\s*(?!type\s+[*{])[\w$@]/
    if (!found && !isOther.test(rest)) throw unreadable(source, at, path)
  }
}

function* dynamicImports(source: string, path: string): Generator<string> {
  for (const { index, 0: call } of source.matchAll(importCalls)) {
    if (isComment(source, index)) continue
    literalArgument.lastIndex = index + call.length
    const specifier = literalArgument.exec(source)?.[2]
    // A name made at run time could load anything: it cannot be measured.
    if (specifier === undefined) throw unreadable(source, index, path)
    yield specifier
  }
}

function isComment(source: string, at: number): boolean {
  const line = source.slice(source.lastIndexOf('\n', at) + 1, at)
  return /\/\/|^\s*\/?\*/.test(line)
}

function unreadable(source: string, at: number, path: string): VortaError {
  const line = source.slice(0, at).split('\n').length
  const text = source.slice(at).split('\n', 1)[0]?.slice(0, 80) ?? ''
  return new VortaError('MEASUREMENT_FAILED', `${path}:${line}: cannot read this import: ${text}`)
}
