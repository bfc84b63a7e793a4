import assert from 'node:assert/strict'
import { test } from 'node:test'
import { now, verify } from '../test/fixture.ts'
import { anchorFromPem, intelAnchor, requireSoundAnchor, simulatedAnchor } from './anchors.ts'
import {
  pem,
  platformCaCertificate,
  root,
  rootCertificate,
  tcbSignerCertificate,
} from './simulated/pki.ts'

test('has the simulated anchor that follows from the public seed', () => {
  assert.deepEqual(simulatedAnchor.key, root.key.publicKey)
  assert.deepEqual(simulatedAnchor.subject, root.subject)
})

test('makes an anchor from a root certificate', () => {
  const anchor = anchorFromPem('simulated', simulatedAnchor.name, pem(rootCertificate))
  assert.deepEqual(anchor, simulatedAnchor)
})

test('refuses PEM that is no single root certificate', () => {
  const bad: Readonly<Record<string, string>> = {
    [pem(rootCertificate, rootCertificate)]: 'ANCHOR_INVALID',
    [pem(platformCaCertificate)]: 'ANCHOR_INVALID',
    [pem(tcbSignerCertificate)]: 'ANCHOR_INVALID',
    '': 'ANCHOR_INVALID',
    'not PEM': 'CHAIN_FORMAT',
  }
  for (const [text, code] of Object.entries(bad)) {
    assert.throws(() => anchorFromPem('simulated', 'test', text), { code })
  }
})

test("keeps Intel's key and name apart from every other kind", () => {
  const mixed = [
    { ...simulatedAnchor, kind: 'intel' },
    { ...intelAnchor, kind: 'simulated' },
    { ...simulatedAnchor, key: intelAnchor.key },
    { ...intelAnchor, key: simulatedAnchor.key },
    { ...intelAnchor, subject: simulatedAnchor.subject },
  ] as const
  for (const anchor of mixed) {
    assert.throws(() => requireSoundAnchor(anchor), { code: 'ANCHOR_INVALID' })
  }
  // Intel's public test root has Intel's name: a simulated anchor is known by its key.
  requireSoundAnchor({ ...simulatedAnchor, subject: intelAnchor.subject })
  requireSoundAnchor(intelAnchor)
  requireSoundAnchor(simulatedAnchor)
})

test('says of a simulated quote that it is one', async () => {
  const verified = await verify({ now })
  assert.equal(verified.simulated, true)
  assert.deepEqual(verified.anchor, { kind: 'simulated', name: simulatedAnchor.name })
})
