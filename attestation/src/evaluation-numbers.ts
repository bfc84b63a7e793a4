// The TCB evaluations that Intel serves (Intel PCS API v4, "Get TCB Evaluation
// Data Numbers"): the newest is what platforms will be judged by, and the date
// of the recovery event behind it says since when that is known.

import type { Crypto } from '@vorta/core'
import { array, decode, oneOf, openObject } from '@vorta/core/decode'
import type { TrustAnchor } from './anchors.ts'
import { verifyCrl } from './crl.ts'
import { refuse } from './errors.ts'
import { evaluationNumber, time } from './intel-fields.ts'
import { requireInForce } from './period.ts'
import { checkRoots, findAnchor } from './roots.ts'
import { openSignedJson, readSignerChain, verifySigner } from './signed-json.ts'

export type Evaluation = {
  readonly number: number
  /** When the vulnerabilities that it answers became public, in milliseconds. */
  readonly recoveryEventAt: number
  readonly tcbDate: number
}

/** Highest number first. */
export type EvaluationNumbers = readonly Evaluation[]

const body = openObject({
  id: oneOf('SGX', 'TDX'),
  version: oneOf(1),
  issueDate: time,
  nextUpdate: time,
  tcbEvalNumbers: array(
    openObject({
      tcbEvaluationDataNumber: evaluationNumber,
      tcbRecoveryEventDate: time,
      tcbDate: time,
    }),
    1024,
  ),
})

/** Throws VerificationError. */
export async function verifyEvaluationNumbers(
  crypto: Crypto,
  tee: 'sgx' | 'tdx',
  document: { readonly text: string; readonly signature: string; readonly chain: string },
  rootCrl: string,
  { anchors, now }: { readonly anchors: readonly TrustAnchor[]; readonly now: number },
): Promise<EvaluationNumbers> {
  const { signer, roots } = readSignerChain(document.chain, 'evaluation numbers chain')
  const anchor = await findAnchor(crypto, signer, anchors)
  await checkRoots(crypto, roots, anchor)
  const crl = await verifyCrl(crypto, rootCrl, anchor, 'root CRL', now)
  await verifySigner(crypto, signer, { anchor, rootCrl: crl, now })
  const json = await openSignedJson(crypto, signer, document.text, document.signature, {
    signature: 'EVALNUM_SIGNATURE',
    format: 'EVALNUM_FORMAT',
  })
  const list = decode(body, json, (text) => refuse('EVALNUM_FORMAT', `evaluation numbers: ${text}`))
  if (list.id !== tee.toUpperCase()) {
    throw refuse('EVALNUM_FORMAT', `evaluation numbers: expected those of ${tee}, got ${list.id}`)
  }
  requireInForce('EVALNUM', 'evaluation numbers', list.issueDate, list.nextUpdate, now)
  return list.tcbEvalNumbers
    .map((entry) => ({
      number: entry.tcbEvaluationDataNumber,
      recoveryEventAt: entry.tcbRecoveryEventDate,
      tcbDate: entry.tcbDate,
    }))
    .sort((a, b) => b.number - a.number)
}
