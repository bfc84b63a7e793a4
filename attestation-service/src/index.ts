// The attestation service, for the mainframe that has it inside.

export { type AppraisalMethods, appraisalMethods } from './api.ts'
export type { Appraisal, Check, Finding } from './appraisal.ts'
export { createAppraiser } from './appraiser.ts'
export { type AppraisalSettings, appraisalSettings, policyFiles } from './config.ts'
export { findingFromEar } from './from-ear.ts'
export { appraisalMessage } from './messages.ts'
export { type OpenDeps, openAppraisalService } from './open.ts'
export { createPolicies, defaultPolicyName } from './policies.ts'
export {
  loadPolicies,
  loadPolicy,
  measurementOfProgram,
  withMeasurement,
} from './policy-files.ts'
export { type Presented, readEvidence } from './presented.ts'
export { jwksRoute, resultRoute } from './routes.ts'
export type { AppraisalRequest, AppraisalResult, AppraisalService } from './service.ts'
