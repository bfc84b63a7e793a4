// Reads one command's options and arguments. util.parseArgs splits the line;
// what is wrong with it is said here, in our words and with a suggestion.

import { parseArgs } from 'node:util'
import { closest, fail } from '@vorta/core'
import { type Command, commonOptions, type Option, type Options, type Values } from './command.ts'

export type Parsed = { readonly values: Values<Options>; readonly args: readonly string[] }

/** Throws USAGE. `words` is the command as typed, for the hint. */
export function parse(command: Command, words: readonly string[], argv: readonly string[]): Parsed {
  const options: Options = { ...command.options, ...commonOptions }
  const refuse = (text: string, ...hints: string[]) =>
    fail('USAGE', text, { hints: [...hints, `see \`vorta-cli help ${words.join(' ')}\``] })

  // Not strict: parseArgs would throw texts of its own.
  const { tokens } = parseArgs({
    args: [...argv],
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  const values: Record<string, true | string | string[]> = {}
  const args: string[] = []
  for (const token of tokens) {
    if (token.kind === 'positional') args.push(token.value)
    if (token.kind !== 'option') continue
    const option = Object.hasOwn(options, token.name) ? options[token.name] : undefined
    if (!option) {
      const meant = token.rawName.startsWith('--')
        ? closest(token.name, Object.keys(options))
        : undefined
      throw refuse(
        `unknown option ${token.rawName}`,
        ...(meant === undefined ? [] : [`did you mean --${meant}?`]),
      )
    }
    if (option.type === 'boolean') {
      if (token.value !== undefined) throw refuse(`option ${token.rawName} takes no value`)
      values[token.name] = true
      continue
    }
    // "-x" after an option is more likely a forgotten value than a value; "-" is stdin.
    const missing = !token.inlineValue && (token.value?.startsWith('-') ?? true)
    if (token.value === undefined || (missing && token.value !== '-')) {
      throw refuse(`option ${token.rawName} needs a value: ${option.value ?? 'VALUE'}`)
    }
    checkChoice(option, token.rawName, token.value, refuse)
    if (option.multiple) {
      values[token.name] = [...((values[token.name] as string[] | undefined) ?? []), token.value]
    } else if (token.name in values) {
      throw refuse(`option ${token.rawName} is given twice`)
    } else {
      values[token.name] = token.value
    }
  }
  if (!values.help) checkArguments(command, args, refuse)
  return { values: values as Values<Options>, args }
}

type Refuse = (text: string, ...hints: string[]) => Error

function checkChoice(option: Option, name: string, value: string, refuse: Refuse): void {
  if (!option.choices || option.choices.includes(value)) return
  const meant = closest(value, option.choices)
  throw refuse(
    `option ${name}: expected ${option.choices.join(', ')}, got "${value}"`,
    ...(meant === undefined ? [] : [`did you mean ${meant}?`]),
  )
}

function checkArguments(command: Command, args: readonly string[], refuse: Refuse): void {
  const missing = command.arguments[args.length]
  if (missing && !missing.optional) {
    throw refuse(`missing argument ${missing.name.toUpperCase()}: ${missing.summary}`)
  }
  const surplus = args[command.arguments.length]
  if (surplus !== undefined) throw refuse(`unexpected argument "${surplus}"`)
}
