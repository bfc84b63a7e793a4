import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fromHex, toHex, VerificationError } from '@vorta/core'
import fc from 'fast-check'
import {
  DerReader,
  openDer,
  readBitString,
  readBoolean,
  readOid,
  readSmall,
  readTime,
  readUnsigned,
  tags,
} from './der.ts'
import { integer, oid, sequence, smallInteger, time } from './der-writer.ts'

const reader = (hex: string): DerReader => new DerReader(fromHex(hex)!)
const refuses = (read: () => unknown): void => assert.throws(read, { code: 'DER' })

test('reads elements one after the other to the exact end', () => {
  const outer = openDer(fromHex('3006020105020107')!, tags.sequence)
  assert.equal(readSmall(outer, 10), 5)
  assert.equal(readSmall(outer, 10), 7)
  outer.end()
  refuses(() => outer.read(tags.integer))
})

test('refuses lengths that are indefinite, not minimal, too long or beyond the input', () => {
  for (const hex of ['3080020105', '30810302010500', '3082000302010500', '308400000003020105']) {
    refuses(() => openDer(fromHex(hex)!, tags.sequence))
  }
  for (const hex of ['', '30', '3003', '30030201', '30ff']) {
    refuses(() => openDer(fromHex(hex)!, tags.sequence))
  }
})

test('refuses another tag and bytes left over', () => {
  refuses(() => openDer(fromHex('3103020105')!, tags.sequence))
  refuses(() => openDer(fromHex('300302010500')!, tags.sequence))
  refuses(() => reader('020105').end())
})

test('refuses integers that are negative, padded, empty or too large', () => {
  for (const hex of ['020180', '02020001', '0200']) refuses(() => readUnsigned(reader(hex)))
  assert.equal(toHex(readUnsigned(reader('02020080'))), '0080')
  refuses(() => readSmall(reader('02020100'), 255))
  refuses(() => readSmall(reader('020500ffffffff'), 65535))
})

test('refuses booleans and bit strings that have a second spelling', () => {
  assert.equal(readBoolean(reader('0101ff')), true)
  for (const hex of ['010101', '0100', '0102ffff']) refuses(() => readBoolean(reader(hex)))
  refuses(() => readBitString(reader('030201fe')))
  refuses(() => readBitString(reader('0300')))
})

test('refuses object identifiers that are not minimal, unfinished or oversized', () => {
  assert.equal(readOid(reader('06082a8648ce3d040302')), '1.2.840.10045.4.3.2')
  for (const hex of [
    '0600',
    '06022a80',
    '06032a8001',
    '06072a8fffffffff7f',
    `0621${'2a'.repeat(33)}`,
  ]) {
    refuses(() => readOid(reader(hex)))
  }
})

test('reads times as RFC 5280 spells them and refuses other spellings', () => {
  const spelled = (tag: string, text: string) =>
    reader(`${tag}${toHex(Uint8Array.of(text.length))}${toHex(new TextEncoder().encode(text))}`)
  assert.equal(readTime(spelled('17', '491231235959Z')), Date.UTC(2049, 11, 31, 23, 59, 59))
  assert.equal(readTime(spelled('17', '500101000000Z')), Date.UTC(1950, 0, 1))
  assert.equal(readTime(spelled('18', '20500101000000Z')), Date.UTC(2050, 0, 1))
  for (const text of ['260230000000Z', '2606010000Z', '260601000000+0000', '2606010000000', '']) {
    refuses(() => readTime(spelled('17', text)))
  }
  for (const text of ['20260601000000Z', '20510101000000.5Z', '20511301000000Z']) {
    refuses(() => readTime(spelled('18', text)))
  }
})

test('reads back what the writer writes', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 300 }),
      fc.array(fc.nat(0xffffffff), { maxLength: 4 }),
      fc.nat(0xffff),
      fc.date({ min: new Date(0), max: new Date(Date.UTC(2099, 0, 1)), noInvalidDate: true }),
      (bytes, arcs, small, date) => {
        const dotted = ['1', '2', ...arcs].join('.')
        const seconds = Math.floor(date.getTime() / 1000) * 1000
        const all = sequence(integer(bytes), oid(dotted), smallInteger(small), time(seconds))
        const back = openDer(all, tags.sequence)
        assert.equal(BigInt(`0x${toHex(readUnsigned(back))}`), BigInt(`0x${toHex(bytes)}`))
        assert.equal(readOid(back), dotted)
        assert.equal(readSmall(back, 0xffff), small)
        assert.equal(readTime(back), seconds)
        back.end()
      },
    ),
    { numRuns: 200 },
  )
})

test('answers any bytes with an element or DER', () => {
  const reads = [readUnsigned, readBoolean, readBitString, readOid, readTime]
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.constantFrom(...reads), (bytes, read) => {
      try {
        read(new DerReader(bytes))
      } catch (error) {
        assert.ok(error instanceof VerificationError && error.code === 'DER', String(error))
      }
    }),
    { numRuns: 2000 },
  )
})
