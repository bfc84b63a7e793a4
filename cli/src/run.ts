// Finds the command, runs it, and turns whatever it throws into lines a person
// can act on and an exit code a script can act on.

import { docsUrl, exitCodeOf, exitCodes } from '@vorta/api/errors'
import { closest, fail, VortaError } from '@vorta/core'
import { type Command, connectionOptions } from './command.ts'
import { commands } from './commands.ts'
import type { Io } from './io.ts'
import { parse } from './parse.ts'
import { createUi, type Ui } from './ui.ts'

/** Runs one command line and gives its exit code. Never throws. */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  const ui = createUi(io, argv.includes('--no-color'))
  try {
    return await dispatch(ui, argv)
  } catch (thrown) {
    return report(ui, VortaError.from(thrown))
  }
}

async function dispatch(ui: Ui, argv: readonly string[]): Promise<number> {
  const { words, options } = split(argv)
  const [first, second] = words
  const asked = options.includes('--help') || options.includes('-h')
  const overview = (text: string) => {
    if (asked) ui.print(text)
    else ui.say(text)
    return asked ? exitCodes.ok : exitCodes.usage
  }
  if (first === undefined) {
    if (options.includes('--version')) return dispatch(ui, ['version'])
    return overview(await (await import('./help.ts')).overview())
  }
  const entry = lookUp(commands, first, 'command')
  if (typeof entry === 'function') {
    return start(ui, await entry(), [first], [...words.slice(1), ...options])
  }
  if (second === undefined) return overview(await (await import('./help.ts')).groupHelp(first))
  const load = lookUp(entry, second, `${first} command`)
  return start(ui, await load(), [first, second], [...words.slice(2), ...options])
}

/** The words that name the command, and the line without them; options may also stand before. */
function split(argv: readonly string[]) {
  let at = 0
  while (argv[at]?.startsWith('-')) {
    at += Object.hasOwn(connectionOptions, argv[at]!.slice(2)) ? 2 : 1
  }
  const before = argv.slice(0, at)
  const end = argv.findIndex((arg, index) => index >= at && arg.startsWith('-'))
  const words = argv.slice(at, end < 0 ? undefined : end)
  return { words, options: [...before, ...(end < 0 ? [] : argv.slice(end))] }
}

function lookUp<T>(table: Readonly<Record<string, T>>, word: string, what: string): T {
  const found = Object.hasOwn(table, word) ? table[word] : undefined
  if (found !== undefined) return found
  const meant = closest(word, Object.keys(table))
  throw fail('USAGE', `unknown ${what} "${word}"`, {
    hints: [
      meant === undefined
        ? `expected one of ${Object.keys(table).join(', ')}`
        : `did you mean \`vorta-cli ${what.replace(/command$/, '')}${meant}\`?`,
    ],
  })
}

async function start(
  ui: Ui,
  { command }: { readonly command: Command },
  words: readonly string[],
  argv: readonly string[],
): Promise<number> {
  const { values, args } = parse(command, words, argv)
  if (values.help) {
    const { commandHelp } = await import('./help.ts')
    ui.print(commandHelp(words, command))
    return exitCodes.ok
  }
  return command.run(ui, values, args)
}

/** `error:`, `hint:` and `docs:` lines; gives the exit code. */
export function report(ui: Ui, error: VortaError): number {
  ui.error(error.message)
  for (const hint of error.hints) ui.hint(hint)
  if (error.code === 'INTERNAL') {
    ui.hint('this is a fault in Vorta; please report it with the command and this trace')
    const origin = error.cause instanceof Error ? error.cause : error
    ui.say(origin.stack ?? String(origin))
  }
  if (error.code !== 'USAGE') ui.docs(docsUrl(error.code))
  return exitCodeOf(error.code)
}
