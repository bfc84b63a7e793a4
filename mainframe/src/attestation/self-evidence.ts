// Evidence about the mainframe itself, made anew for every challenge. Anybody may
// ask, and a quote is dear: they are made one after the other, a few may wait,
// and who asks twice gets the same answer.

import {
  type Collateral,
  type MainframeClaims,
  type MainframeEvidence,
  mainframePurpose,
  type QuoteProvider,
  reportDataOf,
} from '@vorta/attestation'
import { createMutex } from '@vorta/attestation/providers/mutex'
import { type Bytes, type Canonical, canonicalBytes, fail, toBase64, toHex } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'

export type SelfEvidenceDeps = {
  readonly provider: QuoteProvider | undefined
  /** What the quote binds besides the challenge. */
  readonly claims: Pick<MainframeClaims, 'log' | 'tls'>
  readonly collateral: (quote: Uint8Array) => Promise<Collateral>
}

/** Canonical JSON of a MainframeEvidence. */
export type SelfEvidence = (nonce: Uint8Array) => Promise<Bytes>

/** A quote takes some 10 ms, so the last one has its answer within half a second. */
const maxWaiting = 32
/** Answers kept for clients that ask again. */
const maxKept = 64

/** Throws NOT_ATTESTED, INVALID_ARGUMENT, OVERLOADED, QUOTE_UNAVAILABLE, and what `collateral` throws. */
export function createSelfEvidence({
  provider,
  claims,
  collateral,
}: SelfEvidenceDeps): SelfEvidence {
  const oneByOne = createMutex()
  const answers = new Map<string, Promise<Bytes>>()
  let waiting = 0

  async function make(provider: QuoteProvider, nonce: string): Promise<Bytes> {
    const about: MainframeClaims = { purpose: mainframePurpose, ...claims, nonce }
    const { quote, eventLog } = await provider.quote(reportDataOf(nodeCrypto, about))
    const evidence: MainframeEvidence = {
      tee: provider.tee,
      claims: about,
      quote: toBase64(quote),
      collateral: await collateral(quote),
      ...(eventLog !== undefined && { eventLog }),
    }
    return canonicalBytes(evidence as Canonical)
  }

  function ask(provider: QuoteProvider, nonce: string): Promise<Bytes> {
    if (waiting >= maxWaiting) throw fail('OVERLOADED', 'too many ask for evidence at once')
    waiting++
    const answer = oneByOne(() => make(provider, nonce)).finally(() => waiting--)
    answers.set(nonce, answer)
    answer.catch(() => answers.delete(nonce)) // what failed may be asked for again
    const [oldest] = answers.keys()
    if (answers.size > maxKept && oldest !== undefined) answers.delete(oldest)
    return answer
  }

  return async (nonce) => {
    if (!provider) {
      throw fail('NOT_ATTESTED', 'this mainframe runs in no enclave', {
        hints: ['set attestation.self.provider where it does'],
      })
    }
    if (nonce.length !== 32) {
      throw fail('INVALID_ARGUMENT', `nonce: expected 32 bytes, got ${nonce.length}`, {
        meta: { field: 'nonce' },
      })
    }
    const asked = toHex(nonce)
    return answers.get(asked) ?? ask(provider, asked)
  }
}
