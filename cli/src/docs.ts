// Writes docs/cli.md from the table of commands: `node cli/src/docs.ts`. A test
// fails while the committed file differs from what this makes.

import { writeFileSync } from 'node:fs'
import { commonOptions, connectionOptions, type Options } from './command.ts'
import { allCommands } from './commands.ts'
import { optionRows, ownOptions, usage } from './help.ts'
import { installed } from './installation.ts'
import { topics } from './topics.ts'

export const docsPath = installed('docs/cli.md')

const cell = (text: string) => text.replaceAll('|', '\\|')

const optionTable = (options: Options): string =>
  [
    '| option | meaning |',
    '|---|---|',
    ...optionRows(options).map(([name, summary]) => `| \`${name?.trim()}\` | ${cell(summary!)} |`),
  ].join('\n')

/** The whole page. */
export async function reference(): Promise<string> {
  const named = await allCommands()
  const sections = named.map(({ words, command }) =>
    [
      `## vorta-cli ${words.join(' ')}`,
      `${command.summary[0]?.toUpperCase()}${command.summary.slice(1)}.`,
      ...(command.description === undefined ? [] : [command.description]),
      `\`\`\`\n${usage(words, command)}\n\`\`\``,
      ...(command.arguments.length === 0
        ? []
        : [
            command.arguments
              .map(({ name, summary }) => `- \`${name.toUpperCase()}\`: ${summary}`)
              .join('\n'),
          ]),
      ...(Object.keys(ownOptions(command)).length === 0 ? [] : [optionTable(ownOptions(command))]),
      ...('endpoint' in command.options ? ['Takes the [connection options](#connection).'] : []),
      ...(command.examples.length === 0
        ? []
        : [`\`\`\`sh\n${command.examples.map((line) => `vorta-cli ${line}`).join('\n')}\n\`\`\``]),
    ].join('\n\n'),
  )
  return `${[
    '# vorta-cli',
    'Made by `node cli/src/docs.ts` from the table of commands; do not edit.',
    'Data goes to stdout, talk to stderr. Every command also takes these options:',
    optionTable(commonOptions),
    '## Connection',
    'Commands that talk to the mainframe take these options:',
    optionTable(connectionOptions),
    ...sections,
    ...Object.entries(topics).map(
      ([word, { title, body }]) =>
        `## ${title}\n\n\`vorta-cli help ${word}\`\n\n\`\`\`\n${body}\n\`\`\``,
    ),
  ].join('\n\n')}\n`
}

if (import.meta.main) writeFileSync(docsPath, await reference())
