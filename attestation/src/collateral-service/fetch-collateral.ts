// One consistent set of collateral from one endpoint. TCB info and QE identity
// change together when Intel answers a vulnerability; a set taken in between
// would judge by two evaluations at once.

import { parseJson } from '@vorta/core'
import { type Collateral, maxDocument } from '../collateral.ts'
import { refuse } from '../errors.ts'
import type { PckCa } from '../pck-chain.ts'
import type { SignedDocument } from './documents.ts'
import type { HardwareTee, PcsClient, Update } from './pcs-client.ts'

/** What a set of collateral is about; `fmspc` is 12 lower-case hex digits. */
export type CollateralKey = {
  readonly tee: HardwareTee
  readonly fmspc: string
  readonly ca: PckCa
  readonly update: Update
}

/** Of the form `tdx-50806f000000-platform-standard`: for maps, file names and people. */
export const keyText = ({ tee, fmspc, ca, update }: CollateralKey): string =>
  `${tee}-${fmspc}-${ca}-${update}`

/** Nothing of it is verified. Throws COLLATERAL_UNAVAILABLE, COLLATERAL_FORMAT or COLLATERAL_MIXED. */
export async function fetchCollateral(client: PcsClient, key: CollateralKey): Promise<Collateral> {
  const [[tcbInfo, qeIdentity], pckCrl, rootCrl] = await Promise.all([
    fetchJudgement(client, key),
    client.pckCrl(key.ca),
    client.rootCrl(),
  ])
  return {
    pck_crl_issuer_chain: pckCrl.chain,
    root_ca_crl: rootCrl,
    pck_crl: pckCrl.crl,
    tcb_info_issuer_chain: tcbInfo.chain,
    tcb_info: tcbInfo.text,
    tcb_info_signature: tcbInfo.signature,
    qe_identity_issuer_chain: qeIdentity.chain,
    qe_identity: qeIdentity.text,
    qe_identity_signature: qeIdentity.signature,
  }
}

type Judgement = readonly [tcbInfo: SignedDocument, qeIdentity: SignedDocument]

async function fetchJudgement(client: PcsClient, key: CollateralKey): Promise<Judgement> {
  const fetch = (update: Update): Promise<Judgement> =>
    Promise.all([client.tcbInfo(key.tee, key.fmspc, update), client.qeIdentity(key.tee, update)])
  const found = await fetch(key.update)
  const [tcb, qe] = found.map(numberOf)
  if (tcb === undefined || qe === undefined || tcb === qe) return found
  // Intel changes over at this moment, or a cache has only half of it yet: the
  // older evaluation is the one that both are there for.
  const older = await fetch(Math.min(tcb, qe))
  if (numberOf(older[0]) === numberOf(older[1])) return older
  throw refuse(
    'COLLATERAL_MIXED',
    `${client.name}: TCB info of evaluation ${tcb}, QE identity of ${qe}`,
  )
}

/** Not verified yet, so this only says what to ask for; undefined where there is no number. */
function numberOf({ text }: SignedDocument): number | undefined {
  const json = parseJson(text, { maxBytes: maxDocument })
  if (typeof json !== 'object' || json === null || !('tcbEvaluationDataNumber' in json)) return
  const { tcbEvaluationDataNumber: number } = json
  return Number.isSafeInteger(number) ? (number as number) : undefined
}
