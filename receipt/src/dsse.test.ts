import assert from 'node:assert/strict'
import { generateKeyPairSync, sign } from 'node:crypto'
import { test } from 'node:test'
import { fromUtf8, toBase64, utf8, VerificationError } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { decode } from '@vorta/core/decode'
import {
  type Envelope,
  envelopeDecoder,
  openEnvelope,
  preAuthEncoding,
  signEnvelope,
} from './dsse.ts'

const payloadType = 'http://example.com/HelloWorld'
const payload = utf8('hello world')
const coded = (code: string) => (thrown: unknown) =>
  thrown instanceof VerificationError && thrown.code === code

function newSigner() {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return {
    spki: new Uint8Array(publicKey.export({ format: 'der', type: 'spki' })),
    sign: (data: Uint8Array) =>
      new Uint8Array(sign('sha256', data, { key: privateKey, dsaEncoding: 'ieee-p1363' })),
  }
}
const signer = newSigner()
const envelope = await signEnvelope(nodeCrypto, payloadType, payload, signer)
const [signature = assert.fail()] = envelope.signatures
const open = (value: Envelope, spki = signer.spki) =>
  openEnvelope(nodeCrypto, value, { payloadType, spki })

test('the pre-authentication encoding is the published one', () => {
  assert.equal(
    fromUtf8(preAuthEncoding(payloadType, payload)),
    'DSSEv1 29 http://example.com/HelloWorld 11 hello world',
  )
  assert.equal(fromUtf8(preAuthEncoding('é', utf8('€'))), 'DSSEv1 2 é 3 €')
})

test('an envelope opens under the key that signed it', async () => {
  assert.deepEqual(await open(envelope), payload)
})

test('refuses an envelope with a changed part', async () => {
  const changed = toBase64(utf8('hello worle'))
  await assert.rejects(open({ ...envelope, payload: changed }), coded('ENVELOPE_SIGNATURE'))
  await assert.rejects(open({ ...envelope, payloadType: 'text/plain' }), coded('PAYLOAD_TYPE'))
  const sig = toBase64(new Uint8Array(64))
  const unsigned = { ...envelope, signatures: [{ ...signature, sig }] }
  await assert.rejects(open(unsigned), coded('ENVELOPE_SIGNATURE'))
  const keyid = 'ab'.repeat(32)
  const named = { ...envelope, signatures: [{ ...signature, keyid }] }
  await assert.rejects(open(named), coded('KEYID_MISMATCH'))
})

test('refuses another key, even where the key id names it', async () => {
  const other = newSigner()
  await assert.rejects(open(envelope, other.spki), coded('KEYID_MISMATCH'))
  const { signatures } = await signEnvelope(nodeCrypto, payloadType, payload, other)
  const keyid = signatures[0]?.keyid ?? assert.fail()
  const renamed = { ...envelope, signatures: [{ ...signature, keyid }] }
  await assert.rejects(open(renamed, other.spki), coded('ENVELOPE_SIGNATURE'))
})

test('refuses a key that is not P-256', async () => {
  const { publicKey } = generateKeyPairSync('ed25519')
  const spki = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }))
  await assert.rejects(open(envelope, spki), coded('ENCLAVE_KEY_MALFORMED'))
  await assert.rejects(open(envelope, new Uint8Array()), coded('ENCLAVE_KEY_MALFORMED'))
})

test('refuses envelopes that are not in their one form', () => {
  const wrong: Record<string, unknown> = {
    'no signature': { ...envelope, signatures: [] },
    'two signatures': { ...envelope, signatures: [signature, signature] },
    'an unknown field': { ...envelope, extra: 1 },
    'an unknown field in the signature': { ...envelope, signatures: [{ ...signature, cert: '' }] },
    'URL-safe base64': { ...envelope, payload: 'aGVs-G8_' },
    'base64 without padding': { ...envelope, payload: envelope.payload.replace('=', '') },
    'an empty payload': { ...envelope, payload: '' },
    'an upper-case key id': {
      ...envelope,
      signatures: [{ ...signature, keyid: signature.keyid.toUpperCase() }],
    },
    'a DER signature': {
      ...envelope,
      signatures: [{ ...signature, sig: toBase64(new Uint8Array(70)) }],
    },
    'no payload type': { payload: envelope.payload, signatures: envelope.signatures },
    'a payload over the limit': { ...envelope, payload: 'AAAA'.repeat(22_000) },
  }
  for (const [name, value] of Object.entries(wrong)) {
    assert.throws(
      () => decode(envelopeDecoder, value, (text) => new VerificationError('TEST', text)),
      coded('TEST'),
      name,
    )
  }
})
