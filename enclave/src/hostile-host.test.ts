import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { concat, utf8 } from '@vorta/core'
import fc from 'fast-check'
import { maxFrameBytes } from './frames.ts'
import { exampleRun } from './testkit/example.ts'
import { spawnEnclave, type TestEnclave } from './testkit/spawn.ts'

const frameOf = (body: Uint8Array, length = body.length): Uint8Array => {
  const header = new Uint8Array(4)
  new DataView(header.buffer).setUint32(0, length)
  return concat(header, body)
}

suite('an enclave whose host sends nonsense', () => {
  let enclave: TestEnclave

  before(() => {
    enclave = spawnEnclave()
  })
  after(() => enclave.end())

  /** Sends any JSON as the parameters of a request and gives the code of the answer. */
  const codeOf = async (method: string, params: unknown, id = 7) => {
    const answer = enclave.next((given) => given.id === id)
    enclave.write(frameOf(utf8(JSON.stringify({ id, method, params }))))
    return (await answer).error?.code
  }

  test('refuses work before it has started', async () => {
    assert.equal(await codeOf('run', exampleRun('j1')), 'ENCLAVE_FAILED')
    assert.equal(await codeOf('attest', { nonce: '00'.repeat(32) }), 'ENCLAVE_FAILED')
    await enclave.start()
  })

  test('answers a frame that is not a request with a code, and goes on', async () => {
    for (const [body, code] of [
      [utf8('garbage'), 'MALFORMED_JSON'],
      [Uint8Array.of(0xff, 0xfe), 'MALFORMED_JSON'],
      [utf8(''), 'MALFORMED_JSON'],
      [utf8('[]'), 'INVALID_ARGUMENT'],
      [utf8('{"id":0,"method":"run","params":{},"more":1}'), 'INVALID_ARGUMENT'],
    ] as const) {
      const answer = enclave.next(({ id }) => id === 0)
      enclave.write(frameOf(body))
      assert.equal((await answer).error?.code, code)
    }
  })

  test('refuses methods and parameters it does not know', async () => {
    assert.equal(await codeOf('export-key', {}), 'INVALID_ARGUMENT')
    assert.equal(await codeOf('toString', {}), 'INVALID_ARGUMENT')
    assert.equal(await codeOf('start', { tee: 'sgx', platformId: '00' }), 'INVALID_ARGUMENT')
    assert.equal(await codeOf('run', { ...exampleRun(), trust: 'me' }), 'INVALID_ARGUMENT')
  })

  test('answers any JSON with a code', async () => {
    await fc.assert(
      fc.asyncProperty(fc.json(), async (text) => {
        assert.equal(await codeOf('run', JSON.parse(text)), 'INVALID_ARGUMENT')
      }),
      { numRuns: 100 },
    )
  })
})

test('ends with a message, not a crash, at a frame over the limit', async () => {
  const enclave = spawnEnclave()
  enclave.write(frameOf(new Uint8Array(), maxFrameBytes + 1))
  assert.equal(await enclave.exited, 1)
  assert.match(enclave.stderr(), /TOO_LARGE/)
  assert.doesNotMatch(enclave.stderr(), /\n\s+at /)
})

test('ends at once when its host is gone', async () => {
  assert.equal(await spawnEnclave().end(), 0)
})
