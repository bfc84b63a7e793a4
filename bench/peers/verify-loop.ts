// A peer of the end-to-end benchmark: one process that verifies the example proof
// in a loop and does nothing else. `node verify-loop.ts snarkjs|zkp MILLISECONDS`
// prints verifications a second and processor time of one in milliseconds, as JSON.
// snarkjs (GPL-3.0) runs in this process only.

import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { createVerifier } from '@vorta/zkp'

type Snarkjs = {
  readonly groth16: {
    verify(key: unknown, inputs: unknown, proof: unknown): Promise<boolean>
  }
}

/** Enough for both to have compiled what they need. */
const warmUp = 20

const artifacts = resolve(import.meta.dirname, '../../artifacts')
const read = (name: string): Uint8Array => readFileSync(join(artifacts, name))
const files = {
  verificationKey: read('verification_key.json'),
  publicInputs: read('public.json'),
  proof: read('proof.bin'),
}

const loops: Readonly<Record<string, () => Promise<() => Promise<boolean>>>> = {
  async snarkjs() {
    // Under a name that is not a literal: it has no types.
    const name: string = 'snarkjs'
    const { groth16 } = (await import(name)) as Snarkjs
    const [key, inputs, proof] = Object.values(files).map((bytes) => parse(bytes))
    return () => groth16.verify(key, inputs, proof)
  },
  async zkp() {
    const verifier = await createVerifier()
    const request = { system: 'groth16', curve: 'bn254', encoding: 'snarkjs', ...files } as const
    return async () => (await verifier.verify(request)).verdict === 'valid'
  },
}

const parse = (bytes: Uint8Array): unknown => JSON.parse(new TextDecoder().decode(bytes))

const [name = '', milliseconds] = process.argv.slice(2)
const open = loops[name]
if (!open) throw new Error(`no verifier "${name}"`)
const verify = await open()
async function check(): Promise<void> {
  if (!(await verify())) throw new Error(`${name} finds the example proof invalid`)
}
for (let count = 0; count < warmUp; count++) await check()

const usedBefore = process.cpuUsage()
const begun = performance.now()
const until = begun + Number(milliseconds)
let count = 0
let now = begun
while (now < until) {
  await check()
  count++
  now = performance.now()
}
const { user, system } = process.cpuUsage(usedBefore)
const measured = {
  perSecond: (count * 1000) / (now - begun),
  cpuMs: (user + system) / 1000 / count,
}
process.stdout.write(`${JSON.stringify(measured)}\n`)
process.exit(0) // snarkjs leaves worker threads behind
