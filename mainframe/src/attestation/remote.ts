// Appraisal by an attestation service elsewhere. Its word counts only as an EAR
// that is signed by a key pinned here, answers the challenge that was sent, and
// is about this very evidence and the policy agreed upon.

import { readFileSync } from 'node:fs'
import { type Client, createClient } from '@connectrpc/connect'
import { createGrpcTransport } from '@connectrpc/connect-node'
import { AttestationService, fromConnectError } from '@vorta/api'
import { verifyEar } from '@vorta/attestation/ear-jwt'
import { type AppraisalMethods, type Finding, findingFromEar } from '@vorta/attestation-service'
import {
  type Canonical,
  type Clock,
  type Crypto,
  canonicalBytes,
  fail,
  fromBase64,
  fromHex,
  type Json,
  parseJson,
  toHex,
} from '@vorta/core'
import { readToken } from '@vorta/core/server/bearer-token'
import type { RemoteServiceConfig } from '../config.ts'
import type { Appraiser } from './appraiser.ts'

export type AttestationClient = Client<typeof AttestationService>

export type RemoteOptions = {
  readonly client: Pick<AttestationClient, 'appraiseEvidence'>
  /** JWK set of the service. */
  readonly keys: Json
  /** Name of the policy there, and the digest it has to have, hex. */
  readonly policy: string
  readonly policyDigest: string
  /** Whether this mainframe takes SIMULATED enclaves, whatever the policy there says. */
  readonly simulated: boolean
}

export type RemoteDeps = { readonly crypto: Crypto; readonly clock: Clock }

// Verification takes milliseconds; fetching collateral may take this long.
const timeoutMs = 30_000

export function remoteAppraiser(options: RemoteOptions, { crypto, clock }: RemoteDeps): Appraiser {
  const { client, keys, policy, policyDigest, simulated } = options
  return {
    appraise: async (evidence, nonce, subject) => {
      const bytes = canonicalBytes(evidence as Canonical)
      const sha256 = toHex(crypto.sha256(bytes))
      const ownNonce = fromHex(nonce ?? '') ?? new Uint8Array()
      const { appraisal, ear } = await client
        .appraiseEvidence({ evidence: bytes, ownNonce, policy })
        .catch((thrown) => {
          throw fromConnectError(thrown)
        })
      const expect = { now: clock.now(), policyDigest, evidenceSha256: sha256 }
      const result = await verifyEar(ear, keys, {
        ...expect,
        ...(nonce !== undefined && { nonce }),
      })
      const finding = withoutSimulation(findingFromEar(result, sha256, evidence.tee), simulated)
      const { key } = result.evidence
      const spki = finding.accepted && key !== undefined ? fromBase64(key) : undefined
      return {
        appraisal: {
          ...finding,
          // For people: where to find the result. Nothing rests on it.
          id: appraisal?.name.replace('appraisals/', '') ?? '',
          policy,
          policyId: policyDigest,
          ...(nonce !== undefined && { nonce }),
          ...(subject !== undefined && { subject }),
        },
        evidence: bytes,
        ...(spki && { spki }),
      }
    },
  }
}

/** The log's origin says whether there is simulation behind it, and must not come to lie. */
function withoutSimulation(finding: Finding, simulated: boolean): Finding {
  if (!finding.accepted || !finding.simulated || simulated) return finding
  const code = 'SIMULATED_NOT_ALLOWED'
  const message = 'SIMULATED, and the policy of this mainframe does not accept that'
  const check = { name: 'simulated', ok: false, code, detail: message }
  return { ...finding, accepted: false, checks: [...finding.checks, check], code, message }
}

/** A client with the token of the configuration. Throws CONFIG_INVALID. */
export function connectTo({ endpoint, tokenFile, caFile }: RemoteServiceConfig): AttestationClient {
  const token = readToken(tokenFile)
  if (token === undefined) throw unreadable('tokenFile', tokenFile)
  const transport = createGrpcTransport({
    baseUrl: endpoint,
    defaultTimeoutMs: timeoutMs,
    ...(caFile !== undefined && { nodeOptions: { ca: readFile('caFile', caFile) } }),
    interceptors: [
      (next) => (request) => {
        request.header.set('authorization', `Bearer ${token}`)
        return next(request)
      },
    ],
  })
  return createClient(AttestationService, transport)
}

const maxKeySetBytes = 64 * 1024

/** The JWK set to pin. Throws CONFIG_INVALID. */
export function readKeySet({ jwksFile }: Pick<RemoteServiceConfig, 'jwksFile'>): Json {
  const bytes = readFile('jwksFile', jwksFile)
  try {
    return parseJson(bytes, { maxBytes: maxKeySetBytes })
  } catch (cause) {
    throw fail('CONFIG_INVALID', `attestation.service.jwksFile: ${jwksFile} is no JWK set`, {
      cause,
    })
  }
}

function readFile(field: string, path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (cause) {
    throw unreadable(field, path, cause)
  }
}

const unreadable = (field: string, path: string, cause?: unknown) =>
  fail('CONFIG_INVALID', `attestation.service.${field}: ${path} cannot be read`, { cause })

/** Hands calls on: whoever asks this mainframe needs no second address. */
export const forwarded = (client: AttestationClient): AppraisalMethods => ({
  createChallenge: (request) => client.createChallenge(request),
  appraiseEvidence: (request) => client.appraiseEvidence(request),
  getAppraisal: (request) => client.getAppraisal(request),
  listAppraisals: (request) => client.listAppraisals(request),
  listAppraisalPolicies: (request) => client.listAppraisalPolicies(request),
})
