// How the program talks: data to stdout, everything else to stderr, colour only
// where a person looks. The palette is the dashboard's: blue at work, green
// good, amber attention, red failed, violet SIMULATED. A colour never stands
// alone; the word is always there.

import { styleText } from 'node:util'
import type { Io, Sink } from './io.ts'

export type Tone = 'good' | 'attention' | 'failed' | 'working' | 'simulated' | 'strong' | 'dim'

const formats = {
  good: 'green',
  attention: 'yellow',
  failed: 'red',
  working: 'blue',
  simulated: 'magenta',
  strong: 'bold',
  dim: 'dim',
} as const satisfies Record<Tone, string>

export type Paint = (tone: Tone, text: string) => string

export type Ui = {
  readonly io: Io
  /** Colours for stdout. */
  readonly paint: Paint
  /** Colours for stderr. */
  readonly talk: Paint
  /** One line of data. */
  readonly print: (line: string) => void
  /** One line of talk. */
  readonly say: (line: string) => void
  /** A step: right-aligned bold verb, then what it is done to. */
  readonly step: (verb: string, text: string) => void
  readonly warn: (text: string) => void
  readonly hint: (text: string) => void
  readonly error: (text: string) => void
  /** The line under an error that names its page. */
  readonly docs: (page: string) => void
}

// All that a terminal would act on, but for line, tab and the codes of `formats`: much of what is
// said comes from a server, which could paint over the word SIMULATED with it.
// biome-ignore lint/suspicious/noControlCharactersInRegex: the palette's own codes
const acting = /(?!\x1b\[(?:[12]|22|3[1-59])m)[^\P{Cc}\n\t]|\p{Bidi_Control}/gu

/** A program gets the very bytes. */
const forReader = ({ isTTY }: Sink, text: string): string =>
  isTTY ? text.replace(acting, '\ufffd') : text

export function createUi(io: Io, noColor: boolean): Ui {
  const painter = (sink: Sink): Paint => {
    const { NO_COLOR, TERM } = io.env
    if (noColor || !sink.isTTY || NO_COLOR || TERM === 'dumb') return (_, text) => text
    return (tone, text) => styleText(formats[tone], text, { validateStream: false })
  }
  const talk = painter(io.stderr)
  const tell = (sink: Sink) => (line: string) => sink.write(`${forReader(sink, line)}\n`)
  const say = tell(io.stderr)
  const label = (tone: Tone, word: string) => (text: string) =>
    say(`${talk(tone, `${word}:`)} ${text}`)
  return {
    io,
    paint: painter(io.stdout),
    talk,
    print: tell(io.stdout),
    say,
    step: (verb, text) => say(`${talk('strong', verb.padStart(12))} ${text}`),
    warn: label('attention', 'warning'),
    hint: label('working', 'hint'),
    error: label('failed', 'error'),
    docs: label('dim', 'docs'),
  }
}
