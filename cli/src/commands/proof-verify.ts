// `proof verify FILE`: checks a zero-knowledge proof here, with the verifier the
// enclaves run.

import { createHash } from 'node:crypto'
import { docsUrl, exitCodes } from '@vorta/api/errors'
import { VerificationError, VortaError } from '@vorta/core'
import type { ProofRequest } from '@vorta/zkp'
import { command as define, verdictOptions } from '../command.ts'
import { curveAliases, readProof } from '../proofs.ts'
import type { Paint } from '../ui.ts'
import { verdictJson } from '../verdicts.ts'

export const command = define({
  summary: 'verify a zero-knowledge proof, here',
  description: `FILE is a snarkjs proof, with --vk and --public; or one JSON document with the members
system, curve, encoding, vk, proof and publicInputs. Exit code 0 if it is valid, else 5.`,
  options: {
    vk: { type: 'string', value: 'FILE', summary: 'verification key' },
    public: { type: 'string', value: 'FILE', summary: 'public inputs' },
    system: { type: 'string', value: 'NAME', choices: ['groth16'], summary: 'proof system' },
    curve: {
      type: 'string',
      value: 'NAME',
      choices: Object.keys(curveAliases),
      summary: "curve (default the key's)",
    },
    ...verdictOptions,
  },
  arguments: [{ name: 'file', summary: 'proof; - for stdin', completes: 'file' }],
  examples: [
    'proof verify artifacts/proof.bin --vk artifacts/verification_key.json --public artifacts/public.json',
  ],
  run: async (ui, values, [path]) => {
    const result = await verify(() => readProof(ui.io, path!, values))
    if (values.json || values.format === 'json') ui.print(verdictJson(result))
    else ui.print(text(ui.paint, result))
    if (result.verdict === 'valid') return exitCodes.ok
    if (result.rejectCode) ui.docs(docsUrl(result.rejectCode))
    return exitCodes.verification
  },
})

async function verify(read: () => Promise<ProofRequest>) {
  let request: ProofRequest | undefined
  try {
    request = await read()
    const { createVerifier } = await import('@vorta/zkp')
    const verifier = await createVerifier()
    const verdict = await verifier.verify(request)
    const engine = verifier.systems.find(({ name }) => name === request?.system)?.engine ?? null
    return {
      verdict: verdict.verdict,
      ...about(request),
      engine,
      rejectCode: verdict.verdict === 'invalid' ? verdict.code : null,
      detail: verdict.verdict === 'invalid' ? verdict.detail : null,
    }
  } catch (thrown) {
    const isVerdict =
      thrown instanceof VerificationError ||
      (thrown instanceof VortaError && thrown.code === 'MALFORMED_JSON')
    if (!isVerdict) throw thrown
    // Neither true nor false: there is nothing here to judge.
    return {
      verdict: 'refused',
      ...about(request),
      engine: null,
      rejectCode: thrown.code,
      detail: thrown.message,
    } as const
  }
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

const about = (request: ProofRequest | undefined) => ({
  system: request?.system ?? null,
  curve: request?.curve ?? null,
  vkSha256: request ? sha256(request.verificationKey) : null,
  publicInputsSha256: request ? sha256(request.publicInputs) : null,
  proofSha256: request ? sha256(request.proof) : null,
})

function text(paint: Paint, result: Awaited<ReturnType<typeof verify>>): string {
  const what = `${result.system ?? 'unknown system'} ${result.curve ?? ''}`.trim()
  if (result.verdict === 'valid') return `${paint('good', '✓ VALID')} ${what} (${result.engine})`
  const word = result.verdict === 'invalid' ? '✗ INVALID' : '✗ REFUSED'
  return `${paint('failed', word)} ${what}: ${result.rejectCode}: ${result.detail}`
}
