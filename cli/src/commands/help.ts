// `help [topic]`: a topic, or the page of a command.

import { closest, fail } from '@vorta/core'
import { command as define } from '../command.ts'
import { commands } from '../commands.ts'
import { commandHelp, groupHelp, overview } from '../help.ts'
import { topics } from '../topics.ts'

export const command = define({
  summary: 'explain a command or a topic',
  options: {},
  arguments: [
    { name: 'topic', summary: 'topic or command', optional: true, completes: 'topic' },
    { name: 'command', summary: 'second word of a command', optional: true },
  ],
  examples: ['help exit-codes', 'help receipt verify'],
  run: async (ui, _, [first, second]) => {
    ui.print(await page(first, second))
    return 0
  },
})

async function page(first?: string, second?: string): Promise<string> {
  if (first === undefined) return overview()
  const topic = Object.hasOwn(topics, first) ? topics[first] : undefined
  if (topic) return `${topic.title}\n\n${topic.body}`
  const entry = Object.hasOwn(commands, first) ? commands[first] : undefined
  if (typeof entry === 'function') return commandHelp([first], (await entry()).command)
  if (entry && second === undefined) return groupHelp(first)
  const load = entry && second !== undefined && Object.hasOwn(entry, second) && entry[second]
  if (load) return commandHelp([first, second!], (await load()).command)
  const word = entry ? second! : first
  const known = entry ? Object.keys(entry) : [...Object.keys(topics), ...Object.keys(commands)]
  const meant = closest(word, known)
  throw fail('USAGE', `no help for "${word}"`, {
    hints: [meant === undefined ? `expected one of ${known.join(', ')}` : `did you mean ${meant}?`],
  })
}
