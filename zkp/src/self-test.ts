// Known answers, asked at start: a library, an engine build or a machine that
// computes wrongly must not get to sign verdicts.

import { refuse } from './codes.ts'
import type { ProofSystem } from './types.ts'

/** Throws SELF_TEST_FAILED when a known answer comes out differently or a curve has none. */
export async function selfTest(system: ProofSystem): Promise<void> {
  for (const curve of system.curves) {
    const answers = system.knownAnswers.filter(({ request }) => request.curve === curve)
    const valid = answers.filter(({ expected }) => expected === 'valid').length
    if (valid === 0 || valid === answers.length) {
      throw refuse('SELF_TEST_FAILED', `${system.name}: too few known answers on ${curve}`)
    }
    for (const { request, expected } of answers) {
      const verdict = await system.verify(request)
      const got = verdict.verdict === 'valid' ? 'valid' : verdict.code
      if (got !== expected) {
        throw refuse(
          'SELF_TEST_FAILED',
          `${system.name} on ${curve} with ${system.engine}: expected ${expected}, got ${got}`,
        )
      }
    }
  }
}
