import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, suite, test } from 'node:test'
import { openTokens } from './tokens.ts'

suite('tokens', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'vorta-tokens-test-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  const stored = (name: string) => readFileSync(join(folder, name), 'utf8').trim()

  test('are made once, readable by their owner only, and kept', () => {
    openTokens(folder)
    const first = [stored('admin.token'), stored('join.token')]
    assert.notEqual(first[0], first[1])
    for (const name of ['admin.token', 'join.token']) {
      assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600)
      assert.match(stored(name), /^vorta_(?:admin|join)_[A-Za-z0-9_-]{43}$/)
    }
    openTokens(folder)
    assert.deepEqual([stored('admin.token'), stored('join.token')], first)
  })

  test('give roles: the administrator, a worker in its session, nobody else', () => {
    const tokens = openTokens(folder)
    const admin = stored('admin.token')
    const joinToken = stored('join.token')
    assert.equal(tokens.roleOf(`Bearer ${admin}`), 'admin')
    assert.equal(tokens.roleOf(`bearer ${admin}`), 'admin')
    for (const header of [
      undefined,
      null,
      '',
      admin,
      `Basic ${admin}`,
      `Bearer ${admin}x`,
      `Bearer ${admin.slice(0, -1)}`,
      `Bearer  ${admin}`,
      `Bearer ${admin}, Bearer ${admin}`,
      `Bearer ${joinToken}`,
      `Bearer ${'x'.repeat(1_000_000)}`,
    ]) {
      assert.equal(tokens.roleOf(header), undefined)
    }
    assert.ok(tokens.isJoinToken(`Bearer ${joinToken}`))
    assert.ok(!tokens.isJoinToken(`Bearer ${admin}`))
    assert.ok(!tokens.isJoinToken(undefined))
  })

  test('of a session hold until they are revoked, each by itself', () => {
    const tokens = openTokens(folder)
    const [a, b] = [tokens.openSession(), tokens.openSession()]
    assert.notEqual(a.token, b.token)
    assert.equal(tokens.roleOf(`Bearer ${a.token}`), 'worker')
    assert.ok(!tokens.isJoinToken(`Bearer ${a.token}`))
    a.revoke()
    a.revoke()
    assert.equal(tokens.roleOf(`Bearer ${a.token}`), undefined)
    assert.equal(tokens.roleOf(`Bearer ${b.token}`), 'worker')
    assert.equal(openTokens(folder).roleOf(`Bearer ${b.token}`), undefined, 'not across a restart')
  })

  test('of an operator are taken as they are', () => {
    const own = 'own-token-of-this-cluster-0123456789'
    writeFileSync(join(folder, 'join.token'), `${own}\n`)
    assert.ok(openTokens(folder).isJoinToken(`Bearer ${own}`))
  })

  for (const [what, text] of [
    ['empty', ''],
    ['short', 'secret'],
    ['not a token', 'x'.repeat(20) + ' '.repeat(20) + 'x'.repeat(20)],
  ] as const) {
    test(`are refused from a file that is ${what}`, () => {
      writeFileSync(join(folder, 'admin.token'), text)
      assert.throws(() => openTokens(folder), { code: 'CONFIG_INVALID' })
    })
  }
})
