import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { exitCodes } from '@vorta/api/errors'
import { cli } from '../test/io.ts'
import { allCommands } from './commands.ts'
import { docsPath, reference } from './docs.ts'

test('docs/cli.md is what the table of commands says; run `node cli/src/docs.ts`', async () => {
  assert.equal(readFileSync(docsPath, 'utf8'), await reference())
})

test('every command has a summary, an example, and options that do not clash', async () => {
  for (const { words, command } of await allCommands()) {
    const name = words.join(' ')
    assert.match(command.summary, /^[a-z][^.]*$/, name)
    assert.ok(command.examples.length > 0, name)
    for (const example of command.examples)
      assert.ok(example.includes(name) || example.includes('-'))
    const shorts = Object.values(command.options).flatMap(({ short }) => short ?? [])
    assert.equal(new Set([...shorts, 'h']).size, shorts.length + 1, name)
  }
})

test('the topic exit-codes names every code', async () => {
  const { out } = await cli(['help', 'exit-codes'])
  for (const code of Object.values(exitCodes)) assert.match(out, new RegExp(`^ {2}${code} `, 'm'))
})

function complete(script: string, ...words: string[]): string[] {
  const line = words.map((word) => `'${word}'`).join(' ')
  const probe = `${script}\nCOMP_WORDS=(vorta-cli ${line}); COMP_CWORD=${words.length}; _vorta_cli; printf '%s\\n' "\${COMPREPLY[@]}"`
  return execFileSync('bash', ['-c', probe], { encoding: 'utf8' }).trim().split('\n')
}

test('the bash completion offers commands, second words, options and topics', async () => {
  const { out } = await cli(['completion', 'bash'])
  assert.deepEqual(complete(out, 'su'), ['submit'])
  assert.deepEqual(complete(out, 'job', 'e'), ['events', 'explain'])
  assert.deepEqual(complete(out, 'receipt', 'verify', '--allow'), ['--allow-simulated'])
  assert.deepEqual(complete(out, 'submit', '--job-s'), ['--job-spec'])
  assert.deepEqual(complete(out, 'help', 'exit'), ['exit-codes'])
})

test('the zsh and fish completions name every command', async () => {
  const zsh = (await cli(['completion', 'zsh'])).out
  const fish = (await cli(['completion', 'fish'])).out
  assert.match(zsh, /^#compdef vorta-cli\n/)
  for (const { words } of await allCommands()) {
    assert.ok(zsh.includes(words.at(-1)!), words.join(' '))
    assert.ok(fish.includes(`-a ${words.at(-1)}`), words.join(' '))
  }
})
