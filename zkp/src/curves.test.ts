import assert from 'node:assert/strict'
import { test } from 'node:test'
import { curves } from './curves.ts'
import { fromNobleG2, noble } from './testkit/trapdoor.ts'

for (const { name, p, r, g2GeneratorX } of Object.values(curves)) {
  test(`has the numbers of ${name} that @noble/curves has`, () => {
    const { fields, G2 } = noble[name]
    assert.equal(p, fields.Fp.ORDER)
    assert.equal(r, fields.Fr.ORDER)
    assert.deepEqual(g2GeneratorX, fromNobleG2(G2.Point.BASE).x)
  })
}
