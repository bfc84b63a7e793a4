import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { policyDecoder, policyDigest } from '@vorta/attestation'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { cli, folder } from '../test/io.ts'

const cwd = folder()
const enclave = 'ab'.repeat(32)

function write(name: string, text: string): string {
  writeFileSync(join(cwd, name), text)
  return name
}

const check = (file: string, ...more: readonly string[]) =>
  cli(['policy', 'check', '--policy', file, ...more], { cwd })

const good = write(
  'good.yaml',
  `measurements: { mrenclave: ["${enclave}"] }
grace: { statuses: [OutOfDate], period: 60d }
debug: true
`,
)

test('says what a policy means, and names it by its digest', async () => {
  const { code, out } = await check(good)
  assert.equal(code, 0)
  const digest = policyDigest(
    nodeCrypto,
    policyDecoder({
      debug: true,
      grace: { period: '60d', statuses: ['OutOfDate'] },
      measurements: { mrenclave: [enclave] },
    }),
  )
  assert.equal(out.split('\n')[0], `digest  sha256:${digest}`)
  assert.match(out, /^Accepts\n {2}SGX enclaves with one of 1 MRENCLAVE values$/m)
  assert.match(out, /OutOfDate: until 60 days after/)
  assert.match(out, /^Leaves open$/m)
  const json = JSON.parse((await check(good, '-o', 'json')).out)
  assert.equal(json.digest, digest)
  assert.deepEqual(json.policy.measurements.mrenclave, [enclave])
  assert.deepEqual(Object.keys(json), ['digest', 'accepts', 'requires', 'leavesOpen', 'policy'])
})

test('takes the part about enclaves out of a receipt policy', async () => {
  const inner = `{ measurements: { mrenclave: ["${enclave}"] } }`
  const alone = await check(write('alone.yaml', inner))
  const within = await check(write('within.yaml', `attestation: ${inner}\nmaxAge: 30d\n`))
  assert.deepEqual([within.code, within.out], [0, alone.out])
})

test('refuses what is no policy, and says what was expected', async () => {
  const cases = [
    ['statuses: [Revoked]', /Revoked, which can never be accepted/],
    ['statusses: [UpToDate]', /did you mean statuses\?/],
    ['debug: true\ndebug: false', /unique/],
  ] as const
  for (const [text, message] of cases) {
    const { code, err } = await check(write('bad.yaml', text))
    assert.equal(code, 2)
    assert.match(err, message)
  }
  assert.equal((await check('none.yaml')).code, 6)
  assert.equal((await cli(['policy', 'check'], { cwd })).code, 2)
})

test('does not ask the mainframe to replay what is no policy', async () => {
  const nobody = ['--endpoint', 'http://127.0.0.1:9']
  const replay = (...args: readonly string[]) =>
    cli(['policy', 'replay', ...nobody, ...args], { cwd })
  assert.equal((await replay()).code, 2)
  assert.equal((await replay('--policy', write('bad.yaml', 'statuses: [Revoked]'))).code, 2)
  assert.equal((await replay('--policy', good)).code, 7, 'nobody is there')
})
