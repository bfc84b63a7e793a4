// From results to messages of the API. Nothing is decided here.

import { create } from '@bufbuild/protobuf'
import { timestampFromMs } from '@bufbuild/protobuf/wkt'
import { type Appraisal as AppraisalMessage, AppraisalSchema } from '@vorta/api'
import { fromHex } from '@vorta/core'
import type { Appraisal } from './appraisal.ts'

export const appraisalMessage = (appraisal: Appraisal): AppraisalMessage =>
  create(AppraisalSchema, {
    name: `appraisals/${appraisal.id}`,
    worker: appraisal.subject ?? '',
    tee: appraisal.tee,
    accepted: appraisal.accepted,
    simulated: appraisal.simulated,
    tcbStatus: appraisal.status,
    measurement: appraisal.measurement,
    advisoryIds: [...appraisal.advisoryIds],
    checks: appraisal.checks.map((check) => ({ ...check })),
    notChecked: appraisal.notChecked.map(({ rule, detail }) => ({ name: rule, reason: detail })),
    claims: appraisal.claims.map((claim) => ({ ...claim })),
    errorCode: appraisal.code ?? '',
    errorMessage: appraisal.message ?? '',
    evidence: `attestations/${appraisal.sha256}`,
    policy: appraisal.policy,
    policyId: appraisal.policyId,
    nonce: fromHex(appraisal.nonce ?? '') ?? new Uint8Array(),
    time: timestampFromMs(appraisal.time),
    ...(appraisal.graceDeadline !== undefined && {
      graceDeadline: timestampFromMs(appraisal.graceDeadline),
    }),
  })
