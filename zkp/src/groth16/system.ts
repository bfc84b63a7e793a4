// Groth16 (EUROCRYPT 2016) as a proof system: size, spelling, key admission
// and counts are checked here, membership and the equation by an engine.
//
// Anybody can re-randomise a Groth16 proof: (-A, -B, C) is as valid as
// (A, B, C). So a proof's bytes identify nothing; its statement does.

import { toHex, VerificationError } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { oneByOne } from '../batch.ts'
import { createSnarkjsCodec, type Groth16Codec } from '../codecs/snarkjs.ts'
import { refuse } from '../codes.ts'
import { type Curve, type CurveName, curves } from '../curves.ts'
import { maxKeyBytes, maxPreparedKeys } from '../limits.ts'
import { createMclEngine } from '../mcl/engine.ts'
import { loadMcl } from '../mcl/module.ts'
import type { ProofRequest, ProofSystem, ProofVerdict } from '../types.ts'
import { admitKey } from './admit-key.ts'
import type { Groth16Engine, PreparedKey } from './engine.ts'
import { knownAnswers } from './known-answers.ts'
import { type AtInfinity, infinity, type Proof } from './points.ts'
import { createPreparedKeys, type PreparedKeys } from './prepared-keys.ts'

/** Changes whenever a proof could be judged differently. */
export const groth16Version = '0.1.0'

type CurveVerifier = {
  readonly curve: Curve
  readonly codec: Groth16Codec
  readonly engine: Groth16Engine
  readonly keys: PreparedKeys
}

/** Groth16 over BN254 and BLS12-381, reading snarkjs JSON. */
export async function createGroth16(): Promise<ProofSystem> {
  const verifiers = new Map<CurveName, CurveVerifier>()
  for (const curve of Object.values(curves)) {
    verifiers.set(curve.name, {
      curve,
      codec: createSnarkjsCodec(curve),
      engine: createMclEngine(curve, await loadMcl(curve.name)),
      keys: createPreparedKeys(maxPreparedKeys),
    })
  }

  const verify = async (request: ProofRequest): Promise<ProofVerdict> => {
    const verifier = verifiers.get(request.curve)
    if (!verifier) throw refuse('CURVE_UNSUPPORTED', `groth16: no curve "${request.curve}"`)
    if (request.encoding !== 'snarkjs') {
      throw refuse('ENCODING_UNSUPPORTED', `groth16: no encoding "${request.encoding}"`)
    }
    try {
      return judge(verifier, request)
    } catch (thrown) {
      if (thrown instanceof VerificationError) throw thrown
      throw refuse('ENGINE_FAILED', `groth16: ${String(thrown)}`, { cause: thrown })
    }
  }

  return {
    name: 'groth16',
    version: groth16Version,
    engine: [...new Set([...verifiers.values()].map(({ engine }) => engine.name))].join(' '),
    curves: [...verifiers.keys()],
    encodings: ['snarkjs'],
    knownAnswers,
    verify,
    verifyBatch: (requests) => oneByOne(requests, verify),
  }
}

function judge(verifier: CurveVerifier, request: ProofRequest): ProofVerdict {
  const proof = verifier.codec.proof(request.proof)
  const inputs = verifier.codec.publicInputs(request.publicInputs)
  const key = preparedKey(verifier, request.verificationKey)
  if (inputs.length !== key.inputs) {
    throw refuse(
      'PUBLIC_INPUT_COUNT',
      `public inputs: expected ${key.inputs} for this key, got ${inputs.length}`,
    )
  }
  const { a, b, c } = proof
  if (a === infinity || b === infinity || c === infinity) return atInfinity(proof)
  return key.verify({ a, b, c }, inputs)
}

function preparedKey(
  { curve, codec, engine, keys }: CurveVerifier,
  bytes: Uint8Array,
): PreparedKey {
  if (bytes.length > maxKeyBytes) {
    throw refuse(
      'SIZE_LIMIT',
      `verification key: expected at most ${maxKeyBytes} bytes, got ${bytes.length}`,
    )
  }
  return keys.get(toHex(nodeCrypto.sha256(bytes)), () =>
    engine.prepare(admitKey(codec.verificationKey(bytes), curve)),
  )
}

function atInfinity({ a, b }: Proof<AtInfinity>): ProofVerdict {
  const name = a === infinity ? 'A' : b === infinity ? 'B' : 'C'
  const detail = `proof: ${name} is the point at infinity`
  return { verdict: 'invalid', code: 'POINT_AT_INFINITY', detail }
}
