// Help pages, made from the table of commands.

import { type Command, commonOptions, connectionOptions, type Options } from './command.ts'
import { commands, groups } from './commands.ts'
import { columns } from './output.ts'
import { topics } from './topics.ts'

/** The page of `vorta-cli` alone. */
export async function overview(): Promise<string> {
  const rows = await Promise.all(
    Object.entries(commands).map(async ([word, entry]) => [
      word,
      typeof entry === 'function' ? (await entry()).command.summary : `${groups[word]}`,
    ]),
  )
  return [
    'vorta-cli: submit work, and check what came back without trusting who did it',
    '',
    'Usage: vorta-cli COMMAND [OPTIONS]',
    '',
    'Commands:',
    columns(rows),
    '',
    `Topics: vorta-cli help ${Object.keys(topics).join(' | ')}`,
  ].join('\n')
}

/** The page of a group such as `job`. */
export async function groupHelp(group: string): Promise<string> {
  const entry = commands[group]
  if (entry === undefined || typeof entry === 'function') return overview()
  const rows = await Promise.all(
    Object.entries(entry).map(async ([word, load]) => [
      `${group} ${word}`,
      (await load()).command.summary,
    ]),
  )
  return [
    `vorta-cli ${group}: ${groups[group]}`,
    '',
    'Commands:',
    columns(rows),
    '',
    `See \`vorta-cli ${group} COMMAND --help\`.`,
  ].join('\n')
}

export function usage(words: readonly string[], command: Command): string {
  const args = command.arguments.map(({ name, optional }) =>
    optional ? `[${name.toUpperCase()}]` : name.toUpperCase(),
  )
  return ['vorta-cli', ...words, ...args, '[OPTIONS]'].join(' ')
}

export function optionRows(options: Options): readonly (readonly string[])[] {
  return Object.entries(options).map(
    ([name, { short, type, value, choices, summary, multiple }]) => {
      const spelled = `${short ? `-${short}, ` : '    '}--${name}`
      const notes = [
        ...(choices ? [`: ${choices.join(', ')}`] : []),
        ...(multiple ? ['; may be repeated'] : []),
      ]
      return [
        type === 'string' ? `${spelled} ${value ?? 'VALUE'}` : spelled,
        summary + notes.join(''),
      ]
    },
  )
}

/** Options of a command apart from those it shares with the others. */
export function ownOptions(command: Command): Options {
  return Object.fromEntries(
    Object.entries(command.options).filter(([name]) => !Object.hasOwn(connectionOptions, name)),
  )
}

/** The page of one command. */
export function commandHelp(words: readonly string[], command: Command): string {
  const section = (title: string, body: string) => (body === '' ? [] : ['', `${title}:`, body])
  const connects = 'endpoint' in command.options
  return [
    `vorta-cli ${words.join(' ')}: ${command.summary}`,
    '',
    `Usage: ${usage(words, command)}`,
    ...(command.description === undefined ? [] : ['', command.description]),
    ...section(
      'Arguments',
      columns(command.arguments.map(({ name, summary }) => [name.toUpperCase(), summary])),
    ),
    ...section('Options', columns(optionRows({ ...ownOptions(command), ...commonOptions }))),
    ...section('Connection', connects ? columns(optionRows(connectionOptions)) : ''),
    ...section('Examples', command.examples.map((line) => `  vorta-cli ${line}`).join('\n')),
  ].join('\n')
}
