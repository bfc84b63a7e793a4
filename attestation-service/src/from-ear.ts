// A finding from an EAR of our own: what a relying party keeps of a result once
// verifyEar has accepted it. Signed facts only; nothing is judged here.

import type { Claim, ClaimSource } from '@vorta/attestation'
import type { EarClaims } from '@vorta/attestation/ear-claims'
import { refuse } from '@vorta/attestation/errors'
import * as d from '@vorta/core/decode'
import type { Finding } from './appraisal.ts'

const text = d.string({ max: 8192 })

const claim: d.Decoder<Claim> = d.object({
  name: text,
  value: text,
  source: d.oneOf<ClaimSource>(
    'hardware-proven',
    'simulated',
    'verifier-derived',
    'enclave-stated',
    'operator-asserted',
  ),
  anchor: text,
})

const unixSeconds = d.integer(0, 8_640_000_000_000)

const judged = d.openObject({
  tee: d.oneOf('sgx', 'tdx'),
  simulated: d.boolean,
  anchor: text,
  measurement: text,
  tcbStatus: text,
  advisoryIds: d.array(text, 1024),
  verdict: d.oneOf('accepted', 'grace', 'refused'),
  graceUntil: d.optional(unixSeconds),
  claims: d.array(claim, 1024),
  rules: d.array(d.object({ rule: text, ok: d.boolean, code: text, detail: text }), 256),
  notChecked: d.array(d.object({ rule: text, detail: text }), 256),
})

const refused = d.openObject({ verdict: d.oneOf('refused'), code: text, detail: text })

type Read = (tee: string) => Omit<Finding, 'sha256' | 'time'>

const either: d.Decoder<Read> = (value) => {
  const { genuine } = d.openObject({ genuine: d.boolean })(value)
  return genuine ? readJudged(judged(value)) : readRefused(refused(value))
}

const payload = d.openObject({
  submods: d.openObject({ enclave: d.openObject({ 'ear.veraison.annotated-evidence': either }) }),
})

/** The finding in a result that verifyEar gave; `tee` is what the evidence calls itself. Throws EAR_FORMAT. */
export function findingFromEar(ear: EarClaims, sha256: string, tee: string): Finding {
  const { submods } = d.decode(payload, ear.payload, (what) => refuse('EAR_FORMAT', `EAR: ${what}`))
  return { sha256, time: ear.issued, ...submods.enclave['ear.veraison.annotated-evidence'](tee) }
}

const readJudged =
  (found: d.Decoded<typeof judged>): Read =>
  () => {
    const checks = found.rules.map(({ rule: name, ok, code, detail }) => ({
      name,
      ok,
      detail,
      ...(code !== '' && { code }),
    }))
    const broken = checks.find(({ ok }) => !ok)
    return {
      tee: found.simulated ? 'simulated' : found.tee,
      accepted: found.verdict !== 'refused',
      simulated: found.simulated,
      status: found.tcbStatus,
      measurement: found.measurement,
      advisoryIds: found.advisoryIds,
      checks: [{ name: 'genuine', ok: true, detail: `under ${found.anchor}` }, ...checks],
      notChecked: found.notChecked,
      claims: found.claims,
      ...(broken && { code: broken.code ?? '', message: broken.detail }),
      ...(found.graceUntil !== undefined && { graceDeadline: found.graceUntil * 1000 }),
    }
  }

const readRefused =
  ({ code, detail }: d.Decoded<typeof refused>): Read =>
  (tee) => ({
    tee,
    accepted: false,
    simulated: tee === 'simulated',
    status: '',
    measurement: '',
    advisoryIds: [],
    checks: [{ name: 'genuine', ok: false, code, detail }],
    notChecked: [],
    claims: [],
    code,
    message: detail,
  })
