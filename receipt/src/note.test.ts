import assert from 'node:assert/strict'
import { generateKeyPairSync, sign } from 'node:crypto'
import { test } from 'node:test'
import { fromBase64, toHex, VerificationError } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import fc from 'fast-check'
import { formatCheckpoint, parseCheckpoint } from './checkpoint.ts'
import { formatVkey, noteKey, openNote, parseNote, parseVkey, signNote } from './note.ts'

// From the C2SP signed-note specification.
const vkey = 'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k'
const text = 'This is an example message.\n'
const line =
  '— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n'
const note = `${text}\n${line}`

const coded = (code: string) => (thrown: unknown) =>
  thrown instanceof VerificationError && thrown.code === code
const open = async (value: string, key = vkey) =>
  openNote(nodeCrypto, parseNote(value), parseVkey(nodeCrypto, key))

function newKey(name: string) {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const raw = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32)
  return {
    key: noteKey(nodeCrypto, name, raw),
    sign: (data: Uint8Array) => sign(null, data, privateKey),
  }
}

test('the published note opens under the published key', async () => {
  const key = parseVkey(nodeCrypto, vkey)
  assert.equal(key.name, 'example.com/foo')
  assert.equal(toHex(key.id), '530d903a')
  assert.equal(formatVkey(key), vkey)
  assert.equal(await open(note), text)
})

test('a note signed here opens under its key only', async () => {
  const [mine, other] = [newKey('log.example'), newKey('log.example')]
  const signed = await signNote('a\n\nb\n', mine.key, mine.sign)
  assert.equal(await open(signed, formatVkey(mine.key)), 'a\n\nb\n')
  await assert.rejects(open(signed, formatVkey(other.key)), coded('CHECKPOINT_KEY'))
  await assert.rejects(open(signed), coded('CHECKPOINT_KEY'))
})

test('signatures by other keys are passed over, a second one by the same key is not', async () => {
  const witness = newKey('witness.example')
  const more = await signNote(text, witness.key, witness.sign)
  assert.equal(await open(note + more.slice(text.length + 1)), text)
  await assert.rejects(open(note + line), coded('CHECKPOINT_KEY'))
})

test('refuses a note with a changed text or signature', async () => {
  await assert.rejects(
    open(note.replace('example message', 'Example message')),
    coded('CHECKPOINT_SIGNATURE'),
  )
  const data = fromBase64(line.slice(18, -1)) ?? assert.fail()
  for (const at of [4, 35, 36, 67]) {
    const changed = data.map((byte, index) => (index === at ? byte ^ 1 : byte))
    const spoilt = note.replace(line.slice(18, -1), Buffer.from(changed).toString('base64'))
    await assert.rejects(open(spoilt), coded('CHECKPOINT_SIGNATURE'))
  }
})

test('refuses what is not a note in its one form', () => {
  const wrong = {
    empty: '',
    'no signature': text,
    'no signature after the blank line': `${text}\n`,
    'no newline at the end': note.slice(0, -1),
    'a line after the signature': `${note}x`,
    'a hyphen for the dash': note.replace('—', '-'),
    'two spaces': note.replace('foo ', 'foo  '),
    'a carriage return': note.replace('\n\n', '\r\n\r\n'),
    'a tab': note.replace('This ', 'This\t'),
    'base64 without padding': note.replace('aQM=', 'aQM'),
    'base64 with stray bits': note.replace('aQM=', 'aQN='),
    'a plus in the name': note.replace('— example.com/foo', '— example.com+foo'),
    'a lone surrogate': note.replace('This', '\ud800'),
    'a signature too short to have a key id': `${text}\n— example.com/foo Uw2QOg==\n`,
    'too many signatures': `${text}\n${line.repeat(33)}`,
    'too long': `${'x'.repeat(20_000)}\n\n${line}`,
  }
  for (const [name, value] of Object.entries(wrong)) {
    assert.throws(() => parseNote(value), coded('NOTE_MALFORMED'), name)
  }
})

test('refuses keys that are not Ed25519 vkeys in their one form', () => {
  const wrong = {
    empty: '',
    'no name': vkey.replace('example.com/foo', ''),
    'a space in the name': vkey.replace('.', ' '),
    'another name': vkey.replace('foo', 'bar'),
    'another key id': vkey.replace('530d903a', '530d903b'),
    'an upper-case key id': vkey.replace('530d903a', '530D903A'),
    'another key': vkey.replace('AekyeRrm', 'AekyeRrn'),
    'another type': vkey.replace('+Ae', '+Be'),
    'a short key': vkey.slice(0, -4),
    'something after it': `${vkey}+`,
  }
  for (const [name, value] of Object.entries(wrong)) {
    assert.throws(() => parseVkey(nodeCrypto, value), coded('LOG_KEY_MALFORMED'), name)
  }
})

test('no text makes the parsers throw anything without a code', () => {
  const pieces = fc.constantFrom(
    '\n',
    '\n\n',
    '— ',
    'a',
    ' ',
    '+',
    '0',
    '9007199254740993',
    'Uw2QOg==',
    '\ud800',
    '\u2003',
  )
  fc.assert(
    fc.property(
      fc.array(fc.oneof(pieces, fc.string({ unit: 'binary' })), { maxLength: 12 }),
      (parts) => {
        for (const parse of [parseNote, parseCheckpoint, (s: string) => parseVkey(nodeCrypto, s)]) {
          try {
            parse(parts.join(''))
          } catch (thrown) {
            assert.ok(thrown instanceof VerificationError)
          }
        }
      },
    ),
  )
})

const root = new Uint8Array(32).fill(7)
const body = `log.example/1\n42\n${Buffer.from(root).toString('base64')}\n`

test('a checkpoint has one form', () => {
  assert.equal(formatCheckpoint({ origin: 'log.example/1', size: 42, root }), body)
  assert.deepEqual(parseCheckpoint(body), { origin: 'log.example/1', size: 42, root })
  const wrong = {
    empty: '',
    'no origin': body.replace('log.example/1', ''),
    'a leading zero': body.replace('42', '042'),
    'a sign': body.replace('42', '+42'),
    'no size': body.replace('42', ''),
    'a size beyond 2^53': body.replace('42', '9007199254740992'),
    'a size of many digits': body.replace('42', '9'.repeat(400)),
    'a short root': body.replace('Bw', ''),
    'an extension line': `${body}extension\n`,
    'no last newline': body.slice(0, -1),
  }
  for (const [name, value] of Object.entries(wrong)) {
    assert.throws(() => parseCheckpoint(value), coded('CHECKPOINT_MALFORMED'), name)
  }
})
