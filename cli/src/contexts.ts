// Contexts: names for endpoints and for the files where their tokens are. They
// come from `.vorta.yaml` of the project one stands in, then from the user's own
// file, then from `.vorta.yaml` of this installation. No token is ever written
// into any of them.

import { existsSync, mkdirSync, realpathSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join, resolve, sep } from 'node:path'
import { closest, fail } from '@vorta/core'
import { loadConfig } from '@vorta/core/config'
import { type Decoded, object, optional, record, refine, string } from '@vorta/core/decode'
import { stringify } from 'yaml'
import { installed } from './installation.ts'
import type { Io } from './io.ts'

const httpUrl = refine(
  string({ max: 2048 }),
  (text) => /^https?:$/.test(URL.parse(text)?.protocol ?? ''),
  'an http:// or https:// URL',
)

const fileDecoder = object({
  /** Name of the context that is used when none is named. */
  current: optional(string({ min: 1, max: 64 })),
  contexts: record(
    object({
      endpoint: httpUrl,
      /** Relative to this file. */
      tokenFile: optional(string({ min: 1, max: 4096 })),
      /** The log's key as a C2SP vkey; pinned. */
      logKey: optional(string({ min: 1, max: 256 })),
    }),
  ),
})
type ContextFile = Decoded<typeof fileDecoder>

export type Context = {
  readonly name: string
  readonly endpoint: string
  /** Absolute path. */
  readonly tokenFile?: string
  readonly logKey?: string
  /** The file it comes from. */
  readonly source: string
  /** Whether that file belongs to a folder one stands in rather than to the user. */
  readonly project: boolean
}

export type Contexts = {
  /** By name; the project's go before the user's. */
  readonly all: ReadonlyMap<string, Context>
  readonly current?: string
}

/** File of a project's contexts. */
export const projectFile = '.vorta.yaml'

/** Throws CONFIG_INVALID. */
export function loadContexts(io: Io): Contexts {
  const all = new Map<string, Context>()
  let current: string | undefined
  const users = userFile(io)
  for (const path of new Set([...projectFiles(io.cwd), users, installed(projectFile)])) {
    if (!existsSync(path)) continue
    const project = path !== users
    const file = loadConfig(path, fileDecoder)
    current ??= file.current
    for (const [name, { tokenFile, ...rest }] of Object.entries(file.contexts)) {
      if (all.has(name)) continue
      const token = tokenFile === undefined ? {} : { tokenFile: locate(path, tokenFile, project) }
      all.set(name, { name, ...rest, ...token, source: path, project })
    }
  }
  return { all, ...(current === undefined ? {} : { current }) }
}

/** Throws CONFIG_INVALID where there is no such context. */
export function contextNamed(contexts: Contexts, name: string): Context {
  const found = contexts.all.get(name)
  if (found) return found
  const meant = closest(name, contexts.all.keys())
  throw fail('CONFIG_INVALID', `there is no context "${name}"`, {
    hints: [meant === undefined ? 'see `vorta-cli context list`' : `did you mean ${meant}?`],
  })
}

/** The nearest project file at or above a folder. */
function projectFiles(from: string): readonly string[] {
  for (let folder = resolve(from); ; folder = dirname(folder)) {
    const path = join(folder, projectFile)
    if (existsSync(path)) return [path]
    if (folder === dirname(folder)) return []
  }
}

/**
 * A project file comes with somebody's repository. It may name a token inside its
 * own folder, but not reach for those the user keeps elsewhere.
 */
function locate(source: string, tokenFile: string, project: boolean): string {
  const path = resolve(dirname(source), tokenFile)
  if (!project) return path
  const folder = realpathSync(dirname(source)) + sep
  const real = existsSync(path) ? realpathSync(path) : resolve(folder, tokenFile)
  if (real.startsWith(folder)) return path
  throw fail('CONFIG_INVALID', `${source}: tokenFile leaves the folder of the project`, {
    hints: ['name it in your own contexts: `vorta-cli context add`'],
  })
}

export const userFile = ({ env }: Io): string =>
  join(env.XDG_CONFIG_HOME || join(env.HOME || homedir(), '.config'), 'vorta/config.yaml')

/** Changes the user's file, which may not exist yet. */
export function updateUserFile(io: Io, change: (file: ContextFile) => ContextFile): string {
  const path = userFile(io)
  const before: ContextFile = existsSync(path) ? loadConfig(path, fileDecoder) : { contexts: {} }
  const after = change(before)
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  writeFileSync(path, stringify(after), { mode: 0o600 })
  return path
}

/** Checks an endpoint given by hand. Throws USAGE. */
export function checkEndpoint(text: string, origin: string): URL {
  const url = URL.parse(text)
  if (url && /^https?:$/.test(url.protocol) && !url.username && !url.password) return url
  throw fail('USAGE', `${origin}: expected an http:// or https:// URL, got "${text}"`)
}
