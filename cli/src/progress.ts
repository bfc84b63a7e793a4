// A bar with a real denominator, on a terminal only: in a log it would be noise.

import { sizeText } from './messages.ts'
import type { Ui } from './ui.ts'

const width = 30

// Enough for the eye; more would slow the transfer it shows.
const redrawMs = 100

export type Progress = { readonly update: (done: number) => void; readonly end: () => void }

export function progress({ io }: Ui, verb: string, total: number): Progress {
  const { stderr, now } = io
  if (!stderr.isTTY) return { update: () => {}, end: () => {} }
  let drawn = 0
  const clear = '\r\u001b[K'
  return {
    update: (done) => {
      if (now() - drawn < redrawMs) return
      drawn = now()
      const filled = Math.floor((done / total) * width)
      const bar = `${'='.repeat(filled)}${' '.repeat(width - filled)}`
      stderr.write(`${clear}${verb.padStart(12)} [${bar}] ${sizeText(done)} / ${sizeText(total)}`)
    },
    end: () => stderr.write(clear),
  }
}
