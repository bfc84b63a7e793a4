// What is said may come from a server that would like it to look otherwise.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testIo } from '../test/io.ts'
import { createUi } from './ui.ts'

function uiTo(isTTY: boolean) {
  const written: string[] = []
  const sink = { isTTY, write: (data: string | Uint8Array) => void written.push(String(data)) }
  return { ui: createUi({ ...testIo(), stdout: sink, stderr: sink }, false), written }
}

const hostile = 'w1\r\u001b[2K\u001b]0;t\u0007\u009b2J\u202e\u0000\u001b[8m'

test('shows a person no character that would move the cursor, hide or reorder text', () => {
  const { ui, written } = uiTo(true)
  ui.step('Verified', `${ui.talk('simulated', 'SIMULATED')} sgx of ${hostile}`)
  ui.print(`${ui.paint('simulated', 'SIMULATED')} ${hostile}\n\tnext`)
  const [step = '', printed = ''] = written
  assert.ok(step.includes('\u001b[35mSIMULATED\u001b[39m sgx of w1\ufffd'), step)
  assert.match(printed, /\n\tnext\n$/)
  for (const text of written) {
    const words = ['1', '22', '35', '39'].reduce(
      (rest, n) => rest.replaceAll(`\u001b[${n}m`, ''),
      text,
    )
    assert.doesNotMatch(words, /[^\P{Cc}\n\t]|\p{Bidi_Control}/u)
  }
})

test('hands a program the very bytes', () => {
  const { ui, written } = uiTo(false)
  ui.print(hostile)
  assert.deepEqual(written, [`${hostile}\n`])
})
