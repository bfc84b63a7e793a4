import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { decode } from '@vorta/core/decode'
import { startParams } from '@vorta/enclave'
import { workerConfigDecoder } from './config.ts'
import { enclaveProgram } from './enclave-program.ts'

const platformId = '00'.repeat(16)
const programOf = (enclave: object) => {
  const config = { mainframe: { endpoint: 'http://127.0.0.1:7070' }, enclave }
  return enclaveProgram(decode(workerConfigDecoder, config, Error).enclave, platformId)
}

test('starts the program of each platform, and tells it what it takes', () => {
  for (const [enclave, program, start] of [
    [{}, /enclave\/src\/main\.ts$/, { tee: 'simulated', platformId }],
    [{ tee: 'dstack' }, /enclave\/src\/dstack\.ts$/, { tee: 'dstack' }],
    [
      { tee: 'dstack', endpoint: '/run/dstack.sock' },
      /enclave\/src\/dstack\.ts$/,
      { tee: 'dstack', endpoint: '/run/dstack.sock' },
    ],
  ] as const) {
    const { command, args, env, start: params } = programOf(enclave)
    assert.equal(command, process.execPath)
    assert.match(args[0]!, program)
    assert.ok(existsSync(args[0]!))
    assert.deepEqual(env, {})
    assert.deepEqual(params, start)
    assert.deepEqual(decode(startParams, params, Error), start)
  }
})

test("starts an SGX enclave by Gramine's wrapper, which needs a PATH", () => {
  const { command, args, env, start } = programOf({ tee: 'gramine', manifest: 'some/enclave' })
  assert.deepEqual([command, ...args], ['gramine-sgx', 'some/enclave'])
  assert.deepEqual(Object.keys(env), ['PATH'])
  assert.deepEqual(decode(startParams, start, Error), { tee: 'gramine' })
})
