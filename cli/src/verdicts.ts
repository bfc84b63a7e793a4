// How checks and verdicts are printed: a glyph and a word, so that nothing
// depends on colour.

import { toHex } from '@vorta/core'
import type { Check } from '@vorta/receipt'
import type { Paint, Tone } from './ui.ts'

const marks = {
  passed: ['✓', 'passed', 'good'],
  failed: ['✗', 'FAILED', 'failed'],
  'not-performed': ['·', 'not performed', 'attention'],
} as const satisfies Record<Check['outcome'], readonly [glyph: string, word: string, tone: Tone]>

/** One line a check. */
export function checkLines(paint: Paint, checks: readonly Check[]): string {
  const width = Math.max(...checks.map(({ name }) => name.length))
  return checks
    .map(({ name, outcome, code, detail }) => {
      const [glyph, word, tone] = marks[outcome]
      const text = outcome === 'failed' ? `${word} ${code ?? ''}: ${detail}` : detail
      return `  ${paint(tone, glyph)} ${name.padEnd(width)}  ${text}`
    })
    .join('\n')
}

/** The line that stands above and below anything that rests on a simulated root. */
export const simulatedNotice = (paint: Paint): string =>
  paint('simulated', 'SIMULATED: no hardware vouches for this; it proves nothing about hardware')

const bytesAsHex = (_: string, member: unknown): unknown =>
  member instanceof Uint8Array ? toHex(member) : member

/** Pretty JSON of verified facts; byte strings become hex. */
export const verdictJson = (value: unknown): string => JSON.stringify(value, bytesAsHex, 2)

/** The same on one line. */
export const verdictLine = (value: unknown): string => JSON.stringify(value, bytesAsHex)
