import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { curves } from '../curves.ts'
import { curveNames, sample } from '../testkit/samples.ts'
import { fromNobleG1, fromNobleG2, noble, toNobleG1, toNobleG2 } from '../testkit/trapdoor.ts'
import { admitKey } from './admit-key.ts'
import { infinity } from './points.ts'

for (const name of curveNames) {
  const curve = curves[name]
  const { key } = sample(name)
  const generator = fromNobleG2(noble[name].G2.Point.BASE)
  const negative = (point: typeof key.beta) => fromNobleG2(toNobleG2(name, point).negate())
  const refused = (change: object, message: RegExp) =>
    assert.throws(() => admitKey({ ...key, ...change }, curve), {
      name: 'VerificationError',
      code: 'KEY_DEGENERATE',
      message,
    })

  describe(`a key on ${name}`, () => {
    test('is admitted as it is', () => {
      assert.deepEqual(admitKey(key, curve), key)
    })
    test('is admitted with gamma = the generator, as honest tools write it', () => {
      assert.doesNotThrow(() => admitKey({ ...key, gamma: generator }, curve))
    })
    test('K1: is refused with delta = gamma, which nobody contributed to', () => {
      refused({ delta: key.gamma }, /delta equals gamma/)
      refused({ delta: generator, gamma: generator }, /delta equals gamma/)
    })
    test('K2: is refused with any two of beta, gamma and delta equal up to sign', () => {
      refused({ delta: negative(key.gamma) }, /delta equals gamma/)
      refused({ beta: key.gamma }, /beta equals gamma/)
      refused({ beta: negative(key.gamma) }, /beta equals gamma/)
      refused({ delta: key.beta }, /delta equals beta/)
      refused({ delta: negative(key.beta) }, /delta equals beta/)
    })
    test('K2: is refused with beta or delta the generator or its negative', () => {
      for (const point of [generator, negative(generator)]) {
        refused({ delta: point }, /delta equals the generator of G2/)
        refused({ beta: point }, /beta equals the generator of G2/)
      }
    })
    for (const member of ['alpha', 'beta', 'gamma', 'delta'] as const) {
      test(`K2: is refused with ${member} at infinity`, () => {
        refused({ [member]: infinity }, new RegExp(`${member} is the point at infinity`))
      })
    }
    test('K2: is refused with a point of IC at infinity', () => {
      for (const index of key.ic.keys()) {
        refused({ ic: key.ic.with(index, infinity as never) }, /is the point at infinity/)
      }
    })
    test('K2: is refused with two points of IC equal up to sign', () => {
      const opposite = fromNobleG1(toNobleG1(name, key.ic[1]!).negate())
      refused({ ic: key.ic.with(2, key.ic[1]!) }, /IC\[2\] equals IC\[1\]/)
      refused({ ic: key.ic.with(2, opposite) }, /IC\[2\] equals IC\[1\]/)
      refused({ ic: key.ic.with(2, key.ic[0]!) }, /IC\[2\] equals IC\[0\]/)
    })
  })
}
