// What a relying party can hold against a receipt besides a policy: the files
// it has in hand, and the key, inputs or proof it had asked about.

import { type Crypto, toHex } from '@vorta/core'
import { type Check, finding } from './checklist.ts'
import type { ReceiptFacts } from './facts.ts'

/** A file to find among the outputs; `name` as the statement spells it. */
export type OutputFile = { readonly name: string; readonly bytes: Uint8Array }

/** SHA-256 digests in lower-case hex; what is absent is not compared. */
export type Expectations = {
  readonly verificationKey?: string
  readonly publicInputs?: string
  readonly proof?: string
}

/** One finding a file: OUTPUT_UNKNOWN, OUTPUT_MISMATCH or passed. */
export const checkOutputs = (
  crypto: Crypto,
  { statement }: ReceiptFacts,
  outputs: readonly OutputFile[],
): readonly Check[] =>
  outputs.map(({ name, bytes }) => {
    const check = `output ${name}`
    const expected = statement.subject.find((output) => output.name === name)?.digest.sha256
    if (expected === undefined) {
      const known = statement.subject.map((output) => output.name).join(', ')
      return finding(check, 'OUTPUT_UNKNOWN', false, `expected one of ${known}, got ${name}`)
    }
    const got = toHex(crypto.sha256(bytes))
    const detail = got === expected ? `sha256:${got}` : `expected ${expected}, got ${got}`
    return finding(check, 'OUTPUT_MISMATCH', got === expected, detail)
  })

/** One finding for each digest that is expected: EXPECTATION_MISMATCH or passed. */
export function checkExpectations(
  { statement }: ReceiptFacts,
  expect: Expectations,
): readonly Check[] {
  const { proof } = statement.predicate
  const pairs = [
    ['verification key', expect.verificationKey, proof.verificationKey],
    ['public inputs', expect.publicInputs, proof.publicInputs],
    ['proof', expect.proof, proof.proof],
  ] as const
  return pairs.flatMap(([name, expected, got]) => {
    if (expected === undefined) return []
    const detail = got === expected ? `sha256:${got}` : `expected ${expected}, got ${got}`
    return [finding(`expected ${name}`, 'EXPECTATION_MISMATCH', got === expected, detail)]
  })
}
