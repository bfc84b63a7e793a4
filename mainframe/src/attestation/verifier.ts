// Which attestation service appraises for this mainframe: one inside it, over
// its own data folder and on its own port, or one elsewhere.

import { createPageTokens } from '@vorta/api/server/paging'
import { type AttestationPolicy, policyDigest } from '@vorta/attestation'
import type { CollateralSource } from '@vorta/attestation/collateral-service/sources'
import {
  type AppraisalMethods,
  appraisalMethods,
  defaultPolicyName,
  jwksRoute,
  loadPolicies,
  openAppraisalService,
  resultRoute,
} from '@vorta/attestation-service'
import type { Clock, Crypto, Random } from '@vorta/core'
import type { PlainRoute } from '@vorta/core/server/plain-routes'
import type { Registry } from 'prom-client'
import type { MainframeConfig } from '../config.ts'
import type { Tokens } from '../server/tokens.ts'
import { type Appraiser, localAppraiser } from './appraiser.ts'
import { connectTo, forwarded, readKeySet, remoteAppraiser } from './remote.ts'

export type Verifier = {
  readonly appraiser: Appraiser
  /** What AttestationService serves of it. */
  readonly methods: AppraisalMethods
  readonly routes: readonly PlainRoute[]
  /** Brings gauges up to date, to be called before they are read. */
  refreshMetrics(): void
  close(): void
}

export type VerifierDeps = {
  readonly dataFolder: string
  readonly crypto: Crypto
  readonly clock: Clock
  readonly random: Random
  readonly registry: Registry
  readonly collateral: CollateralSource
  readonly tokens: Tokens
}

/** `policy` is the mainframe's own; it judges workers. Throws CONFIG_INVALID. */
export function openVerifier(
  { attestation }: Pick<MainframeConfig, 'attestation'>,
  policy: AttestationPolicy,
  deps: VerifierDeps,
): Promise<Verifier> {
  const { service } = attestation
  return service === 'inside'
    ? openInside(attestation, policy, deps)
    : openElsewhere(service, policy, deps)
}

type Settings = MainframeConfig['attestation']

async function openInside(
  { policies, appraisals }: Settings,
  policy: AttestationPolicy,
  { dataFolder, tokens, ...deps }: VerifierDeps,
): Promise<Verifier> {
  const named = { ...loadPolicies(policies), [defaultPolicyName]: policy }
  const service = await openAppraisalService(dataFolder, named, appraisals, deps)
  const isAdmin = (authorization: string | undefined) => tokens.roleOf(authorization) === 'admin'
  return {
    appraiser: localAppraiser(service),
    methods: appraisalMethods(service, createPageTokens()),
    routes: [jwksRoute(service), resultRoute(service, isAdmin)],
    refreshMetrics: service.refreshMetrics,
    close: () => service.store.close(),
  }
}

async function openElsewhere(
  service: Exclude<Settings['service'], 'inside'>,
  policy: AttestationPolicy,
  { crypto, clock }: VerifierDeps,
): Promise<Verifier> {
  const client = connectTo(service)
  const options = {
    client,
    keys: readKeySet(service),
    policy: service.policy,
    policyDigest: service.policyId ?? policyDigest(crypto, policy),
    simulated: policy.simulated,
  }
  return {
    appraiser: remoteAppraiser(options, { crypto, clock }),
    methods: forwarded(client),
    routes: [],
    refreshMetrics: () => {},
    close: () => {},
  }
}
