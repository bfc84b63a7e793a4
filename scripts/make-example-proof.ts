// Makes the files in artifacts/: compiles zkp/circuits/factors.circom, makes a
// set-up for it and proves one statement. A development tool: circom2 and
// snarkjs (GPL-3.0) run as programs of their own and ship with nothing. Every
// run gives another set-up and another proof of the same statement.
//
//   node scripts/make-example-proof.ts

import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

// Two primes below 2^64: the first after the 64-bit fractions of the golden ratio and of e.
const p = 11400714819323198549n
const q = 13249961062380153451n

const root = resolve(import.meta.dirname, '..')
const work = mkdtempSync(join(tmpdir(), 'vorta-example-proof-'))

const run = (tool: string, ...args: string[]) =>
  execFileSync(join(root, 'node_modules/.bin', tool), args, { cwd: work, stdio: 'inherit' })

// A fresh secret that ends with this process: the set-up is as good as one honest contributor.
const entropy = () => `-e=${randomBytes(32).toString('hex')}`

try {
  copyFileSync(join(root, 'zkp/circuits/factors.circom'), join(work, 'factors.circom'))
  run('circom2', 'factors.circom', '--r1cs', '--wasm')

  // Phase 1: 2^8 powers of tau are room for the circuit's constraints.
  run('snarkjs', 'powersoftau', 'new', 'bn128', '8', 'tau0.ptau')
  run('snarkjs', 'powersoftau', 'contribute', 'tau0.ptau', 'tau1.ptau', entropy())
  run('snarkjs', 'powersoftau', 'prepare', 'phase2', 'tau1.ptau', 'tau.ptau')

  // Phase 2. Before a contribution delta equals gamma, and anything could be forged.
  run('snarkjs', 'groth16', 'setup', 'factors.r1cs', 'tau.ptau', 'key0.zkey')
  run('snarkjs', 'zkey', 'contribute', 'key0.zkey', 'key.zkey', entropy())
  // The alias of `zkey verify r1cs`, which snarkjs takes for `zkey verify` with one file too many.
  run('snarkjs', 'zkvr', 'factors.r1cs', 'tau.ptau', 'key.zkey')
  run('snarkjs', 'zkey', 'export', 'verificationkey', 'key.zkey', 'verification_key.json')

  const input = { number: `${p * q}`, p: `${p}`, q: `${q}` }
  writeFileSync(join(work, 'input.json'), JSON.stringify(input))
  run(
    'snarkjs',
    'groth16',
    'fullprove',
    'input.json',
    'factors_js/factors.wasm',
    'key.zkey',
    'proof.bin',
    'public.json',
  )
  run('snarkjs', 'groth16', 'verify', 'verification_key.json', 'public.json', 'proof.bin')

  for (const file of ['verification_key.json', 'public.json', 'proof.bin']) {
    copyFileSync(join(work, file), join(root, 'artifacts', file))
  }
} finally {
  rmSync(work, { recursive: true })
}
