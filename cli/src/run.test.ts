import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cli, folder } from '../test/io.ts'

test('names the commands on stderr and exits with 2 when given none', async () => {
  const { code, out, err } = await cli([])
  assert.equal(code, 2)
  assert.equal(out, '')
  assert.match(err, /^ {2}submit /m)
})

test('prints help on stdout when asked for it', async () => {
  assert.match((await cli(['--help'])).out, /^ {2}receipt +verify and read receipts, offline$/m)
  assert.match((await cli(['job', '--help'])).out, /job explain/)
  const { code, out } = await cli(['receipt', 'verify', '--help'])
  assert.equal(code, 0)
  assert.match(out, /Usage: vorta-cli receipt verify FILE \[OPTIONS\]/)
  assert.match((await cli(['help', 'receipt', 'verify'])).out, /--allow-simulated/)
})

for (const [topic, line] of [
  ['exit-codes', /^ {2}5 +verification failed/m],
  ['environment', /^ {2}VORTA_TOKEN_FILE /m],
  ['job-spec', /"verificationKey"/],
] as const) {
  test(`explains the topic ${topic}`, async () => {
    const { code, out } = await cli(['help', topic])
    assert.equal(code, 0)
    assert.match(out, line)
  })
}

for (const [argv, suggestion] of [
  [['sumbit'], 'did you mean `vorta-cli submit`?'],
  [['job', 'lst'], 'did you mean `vorta-cli job list`?'],
  [['submit', '--job-spce', 'x'], 'did you mean --job-spec?'],
  [['job', 'list', '-o', 'jsno'], 'did you mean json?'],
  [['help', 'exit-code'], 'did you mean exit-codes?'],
  [['completion', 'bsh'], 'did you mean bash?'],
  [['api', 'JobService/ListJob'], 'did you mean JobService/ListJobs?'],
] as const) {
  test(`suggests what was meant by ${argv.join(' ')}`, async () => {
    const { code, out, err } = await cli(argv)
    assert.equal(code, 2)
    assert.equal(out, '')
    assert.match(err, /^error: /)
    assert.ok(err.includes(`hint: ${suggestion}`), err)
  })
}

for (const [argv, message] of [
  [['submit', '--job-spec'], 'option --job-spec needs a value: FILE'],
  [['submit', '--job-spec', '--wait'], 'option --job-spec needs a value: FILE'],
  [['submit', '--wait=yes'], 'option --wait takes no value'],
  [['submit', '--proof', 'a', '--proof', 'b'], 'option --proof is given twice'],
  [['submit'], 'option --job-spec is missing'],
  [['job', 'get'], 'missing argument JOB: name or id'],
  [['job', 'get', 'a', 'b'], 'unexpected argument "b"'],
  [['job', 'get', 'No_Such'], 'expected a name such as jobs/abc, got "No_Such"'],
  [['job', 'list', '--limit', 'many'], '--limit: expected a whole number, got "many"'],
  [['job', 'stop', 'a', '--grace', '5'], '--grace: expected a duration'],
  [['frobnicate'], 'unknown command "frobnicate"'],
  [['__proto__'], 'unknown command "__proto__"'],
  [['api', 'ArtifactService/UploadArtifact'], 'ArtifactService/UploadArtifact takes a stream'],
  [['api', 'JobService/GetJob', '--data', '{'], '--data: '],
] as const) {
  test(`refuses the usage ${argv.join(' ')}`, async () => {
    const { code, out, err } = await cli(argv)
    assert.equal(code, 2)
    assert.equal(out, '')
    assert.ok(err.startsWith(`error: ${message}`), err)
    assert.doesNotMatch(err, /^ {4}at /m, 'prints no stack')
  })
}

test('exits with 6 for a file that is not there', async () => {
  const cwd = folder()
  for (const argv of [
    ['receipt', 'verify', 'none.json'],
    ['receipt', 'show', 'none.json'],
    ['quote', 'inspect', 'none.bin'],
    ['proof', 'verify', 'none.json', '--vk', 'a', '--public', 'b'],
  ]) {
    const { code, err } = await cli(argv, { cwd })
    assert.equal(code, 6, argv.join(' '))
    assert.match(err, /^error: none\.\w+: no such file\ndocs: docs\/errors\.md#file_unreadable\n$/)
  }
})

test('says where to start a server when there is none, and exits with 7', async () => {
  const { code, err } = await cli(['job', 'list', '--endpoint', 'http://127.0.0.1:1'])
  assert.equal(code, 7)
  assert.equal(
    err,
    'error: cannot reach the mainframe at http://127.0.0.1:1: connection refused\n' +
      'hint: start one with `make dev`, or choose another with --endpoint\n' +
      'docs: docs/errors.md#unavailable\n',
  )
})

test('takes connection options before the command too', async () => {
  const { code, err } = await cli(['--endpoint', 'http://127.0.0.1:1', 'job', 'list'])
  assert.equal(code, 7)
  assert.match(err, /127\.0\.0\.1:1: connection refused/)
})

test('colours only for a terminal that wants colours', async () => {
  const colour = '\u001b['
  const topic = ['submit', '--wait=1']
  const coloured = async (env: Record<string, string>, tty = true, more: string[] = []) =>
    (await cli([...topic, ...more], { tty, env })).err.includes(colour)
  assert.equal(await coloured({}), true)
  assert.equal(await coloured({ NO_COLOR: '1' }), false)
  assert.equal(await coloured({ TERM: 'dumb' }), false)
  assert.equal(await coloured({}, false), false)
  assert.equal(await coloured({}, true, ['--no-color']), false)
})
