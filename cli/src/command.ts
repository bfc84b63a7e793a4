// What a command is: its words, options, arguments and examples as data, and a
// function. Help, completion and docs/cli.md are all made from the same data.

import type { Ui } from './ui.ts'

export type Option = {
  readonly type: 'string' | 'boolean'
  readonly summary: string
  /** One letter. */
  readonly short?: string
  /** Placeholder of the value in help texts. */
  readonly value?: string
  readonly choices?: readonly string[]
  /** May be given more than once. */
  readonly multiple?: true
}

export type Options = Readonly<Record<string, Option>>

type ValueOf<O extends Option> = O extends { readonly type: 'boolean' }
  ? true
  : O extends { readonly multiple: true }
    ? readonly string[]
    : O extends { readonly choices: readonly (infer C)[] }
      ? C
      : string

/** What was given on the command line; an option that was not given is absent. */
export type Values<O extends Options> = { readonly [K in keyof O]?: ValueOf<O[K]> }

/** What completion offers for an argument. */
export type Completes = 'file' | 'job' | 'worker' | 'context' | 'topic'

export type Argument = {
  readonly name: string
  readonly summary: string
  readonly optional?: true
  readonly completes?: Completes
}

export type Command = {
  /** One line, no full stop. */
  readonly summary: string
  /** Paragraphs for the help page. */
  readonly description?: string
  readonly options: Options
  readonly arguments: readonly Argument[]
  /** Command lines without the leading `vorta-cli`. */
  readonly examples: readonly string[]
  /** Returns the exit code; throws a VortaError. */
  readonly run: (ui: Ui, values: Values<Options>, args: readonly string[]) => Promise<number>
}

type Definition<O extends Options> = Omit<Command, 'options' | 'run'> & {
  readonly options: O
  readonly run: (ui: Ui, values: Values<O>, args: readonly string[]) => Promise<number>
}

/** Types `values` by the options declared; the parser has checked them against the same data. */
export const command = <const O extends Options>(definition: Definition<O>): Command =>
  definition as unknown as Command

/** The options of every command that talks to the mainframe. */
export const connectionOptions = {
  endpoint: {
    type: 'string',
    value: 'URL',
    summary: 'mainframe to talk to (env VORTA_ENDPOINT, else the context)',
  },
  'token-file': {
    type: 'string',
    value: 'FILE',
    summary: 'file with the bearer token (env VORTA_TOKEN_FILE or VORTA_TOKEN, else the context)',
  },
  context: {
    type: 'string',
    value: 'NAME',
    summary: 'context to use (env VORTA_CONTEXT, else the current one)',
  },
} as const satisfies Options

/** The options every command has. */
export const commonOptions = {
  'no-color': { type: 'boolean', summary: 'no colour (also NO_COLOR, TERM=dumb, or no terminal)' },
  help: { type: 'boolean', short: 'h', summary: 'print this help' },
} as const satisfies Options

const format = <const F extends readonly string[]>(choices: F) =>
  ({
    format: { type: 'string', short: 'o', value: 'FORMAT', choices, summary: 'form of the output' },
    json: { type: 'boolean', summary: 'the same as -o json' },
  }) as const satisfies Options

/** For commands that print many things. */
export const listOptions = {
  ...format(['table', 'wide', 'json', 'jsonl', 'yaml', 'name']),
  fields: { type: 'string', value: 'A,B', summary: 'only these fields, such as name,state' },
  quiet: { type: 'boolean', short: 'q', summary: 'names only' },
} as const satisfies Options

/** For commands that print one thing. */
export const itemOptions = {
  ...format(['text', 'json', 'yaml', 'name']),
  quiet: { type: 'boolean', short: 'q', summary: 'the name only' },
} as const satisfies Options

/** For commands that print a verdict. */
export const verdictOptions = format(['text', 'json'])
