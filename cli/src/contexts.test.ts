import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { cli, folder, testIo } from '../test/io.ts'
import { resolveTarget } from './target.ts'

/** A project folder, a user's configuration and tokens for both. */
function setUp(projectEndpoint = 'http://127.0.0.1:7001') {
  const cwd = folder()
  const config = folder()
  writeFileSync(join(cwd, 'project.token'), 'project-token\n')
  writeFileSync(join(config, 'user.token'), 'user-token\n')
  writeFileSync(
    join(cwd, '.vorta.yaml'),
    `current: here\ncontexts:\n  here: { endpoint: "${projectEndpoint}", tokenFile: project.token }\n`,
  )
  mkdirSync(join(config, 'vorta'))
  const user = join(config, 'user.token')
  writeFileSync(
    join(config, 'vorta/config.yaml'),
    `current: prod\ncontexts:\n  prod: { endpoint: "https://prod.example", tokenFile: "${user}" }\n`,
  )
  return { cwd, env: { XDG_CONFIG_HOME: config }, user }
}

async function target(world: ReturnType<typeof setUp>, flags = {}, env = {}, cwd = world.cwd) {
  const io = testIo({ env: { ...world.env, ...env }, cwd })
  return resolveTarget(io, flags)
}

test('flag goes before environment, environment before project, project before user', async () => {
  const world = setUp()
  assert.equal((await target(world)).endpoint, 'http://127.0.0.1:7001')
  const env = { VORTA_ENDPOINT: 'http://127.0.0.1:7002' }
  assert.equal((await target(world, {}, env)).endpoint, 'http://127.0.0.1:7002')
  const flags = { endpoint: 'http://127.0.0.1:7003' }
  assert.equal((await target(world, flags, env)).endpoint, 'http://127.0.0.1:7003')
  const elsewhere = await target(world, {}, {}, folder())
  assert.equal(elsewhere.endpoint, 'https://prod.example')
  assert.equal(elsewhere.token, 'user-token')
  assert.equal((await target(world, {}, { VORTA_CONTEXT: 'prod' })).token, 'user-token')
  assert.equal((await target(world, { context: 'prod' })).endpoint, 'https://prod.example')
})

test('finds the project file from a folder below, and the one of the installation last', async () => {
  const world = setUp()
  const below = join(world.cwd, 'a/b')
  mkdirSync(below, { recursive: true })
  assert.equal((await target(world, {}, {}, below)).token, 'project-token')
  const bare = { ...world, env: { XDG_CONFIG_HOME: folder() } }
  assert.equal((await target(bare, {}, {}, folder())).endpoint, 'http://127.0.0.1:7070')
})

test('the token comes from the flag, then VORTA_TOKEN_FILE, then VORTA_TOKEN', async () => {
  const world = setUp()
  const env = { VORTA_TOKEN: 'from-env' }
  assert.equal((await target(world, {}, env)).token, 'from-env')
  const both = { ...env, VORTA_TOKEN_FILE: world.user }
  assert.equal((await target(world, {}, both)).token, 'user-token')
  assert.equal(
    (await target(world, { 'token-file': 'project.token' }, both)).token,
    'project-token',
  )
})

test("a context's token goes to that context's endpoint only", async () => {
  const world = setUp('https://here.example')
  assert.equal((await target(world)).token, 'project-token')
  for (const endpoint of [
    'https://evil.example',
    'http://here.example',
    'https://here.example:8443',
    'https://here.example.evil.example',
    'http://127.0.0.1:7001',
  ]) {
    const { token, tokenSource } = await target(world, { endpoint })
    assert.equal(token, undefined, endpoint)
    assert.match(tokenSource, /^none \(that of context here is for https:\/\/here\.example\)$/)
    assert.equal((await target(world, {}, { VORTA_ENDPOINT: endpoint })).token, undefined, endpoint)
  }
})

test('loopback is one machine: its token goes to any of its ports and to nobody else', async () => {
  const world = setUp('http://127.0.0.1:7001')
  for (const endpoint of ['http://127.0.0.1:9', 'http://localhost:9', 'http://[::1]:9']) {
    assert.equal((await target(world, { endpoint })).token, 'project-token', endpoint)
  }
  for (const endpoint of [
    'http://127.0.0.1.evil.example',
    'http://10.0.0.1',
    'http://127.evil.example',
  ]) {
    assert.equal((await target(world, { endpoint })).token, undefined, endpoint)
  }
})

test("a project file cannot call the environment's token to a server of its choice", async () => {
  const world = setUp('https://evil.example')
  const env = { VORTA_TOKEN: 'from-env' }
  await assert.rejects(target(world, {}, env), { code: 'USAGE' })
  const confirmed = await target(world, { endpoint: 'https://evil.example' }, env)
  assert.equal(confirmed.token, 'from-env')
})

test('a project file cannot name a token outside its folder, nor through a link', async () => {
  for (const tokenFile of ['../user.token', '/etc/hostname', 'link.token']) {
    const world = setUp()
    symlinkSync(world.user, join(world.cwd, 'link.token'))
    writeFileSync(
      join(world.cwd, '.vorta.yaml'),
      `contexts:\n  here: { endpoint: "http://127.0.0.1:7001", tokenFile: "${tokenFile}" }\n`,
    )
    await assert.rejects(target(world), { code: 'CONFIG_INVALID' }, tokenFile)
  }
})

test('refuses endpoints that are no http URL or hold a password', async () => {
  const world = setUp()
  for (const endpoint of ['ftp://a', 'prod.example', 'https://user:secret@prod.example']) {
    await assert.rejects(target(world, { endpoint }), { code: 'USAGE' }, endpoint)
  }
})

test('adds, uses, lists, shows and removes contexts, and never writes a token', async () => {
  const cwd = folder()
  const config = folder()
  writeFileSync(join(cwd, 'secret.token'), 'very-secret\n')
  const world = { cwd, env: { XDG_CONFIG_HOME: config } }
  const add = ['context', 'add', 'prod', '--endpoint', 'https://prod.example']
  const added = await cli([...add, '--token-file', 'secret.token'], world)
  assert.equal(added.code, 0)
  assert.match(added.err, /next: vorta-cli context use prod/)
  await cli(['context', 'add', 'dev', '--endpoint', 'http://127.0.0.1:7070'], world)
  assert.equal((await cli(['context', 'use', 'dev'], world)).code, 0)

  const listed = JSON.parse((await cli(['context', 'list', '--json'], world)).out)
  const prod = listed.find(({ name }: { name: string }) => name === 'prod')
  assert.deepEqual(Object.keys(prod), [
    'name',
    'endpoint',
    'tokenFile',
    'logKey',
    'source',
    'current',
  ])
  assert.equal(prod.tokenFile, join(cwd, 'secret.token'))
  assert.match((await cli(['context', 'list', '-q'], world)).out, /^dev$/m)
  assert.match(
    (await cli(['context', 'show'], world)).out,
    /^endpoint +http:\/\/127\.0\.0\.1:7070$/m,
  )

  const file = readFileSync(join(config, 'vorta/config.yaml'), 'utf8')
  assert.doesNotMatch(file, /very-secret/)
  assert.equal((await cli(['context', 'remove', 'prod'], world)).code, 0)
  assert.equal((await cli(['context', 'use', 'prod'], world)).code, 2)
  const local = await cli(['context', 'remove', 'local'], world)
  assert.match(
    local.err,
    /^error: context local is defined in .*\.vorta\.yaml\nhint: remove it there/,
  )
})

test('names the field and what was meant in a wrong configuration', async () => {
  const cwd = folder()
  writeFileSync(join(cwd, '.vorta.yaml'), 'contexts:\n  a: { endpont: "http://127.0.0.1" }\n')
  const { code, err } = await cli(['context', 'list'], { cwd })
  assert.equal(code, 2)
  assert.match(err, /\.vorta\.yaml: contexts\.a\.endpont: expected only the fields endpoint, /)
  assert.match(err, /hint: did you mean endpoint\?/)
})
