// The enclave as its host sees it: requests in, answers out. It starts once,
// and every refusal is an answer with a code; only what makes the stream of
// frames itself meaningless ends it.

import { type EnclaveKeyClaims, enclaveKeyPurpose, reportDataOf } from '@vorta/attestation/claims'
import type { FreshQuote, QuoteProvider } from '@vorta/attestation/providers/quote-provider'
import { encodeRaTlsClaims, raTlsReportData } from '@vorta/attestation/ra-tls/claims'
import { createRecipient } from '@vorta/attestation/sealing/recipient'
import {
  type Bytes,
  type Canonical,
  type Clock,
  canonicalJson,
  fail,
  fromHex,
  type Json,
  toBase64,
  VortaError,
} from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { createVerifier } from '@vorta/zkp'
import { createEnclaveKey } from './key.ts'
import type { Log } from './log.ts'
import {
  type Answer,
  abortParams,
  attestParams,
  readPart,
  readRequest,
  runParams,
  type StartParams,
  startParams,
  type VouchParams,
  vouchParams,
} from './protocol.ts'
import { createReleaseUses } from './release-uses.ts'
import { createRunner, type Runner } from './runner.ts'
import { createSealedJobs } from './sealed-job.ts'
import type { Micros } from './trace.ts'

export type EnclaveDeps = {
  /** Opens what makes the quotes. */
  readonly open: (params: StartParams) => Promise<QuoteProvider>
  readonly clock: Clock
  readonly micros: Micros
  readonly log: Log
  readonly send: (answer: Answer) => void
}

export type Enclave = {
  /** Serves one frame body. Never rejects. */
  readonly handle: (body: Uint8Array) => Promise<void>
}

/** What there is once it has started. */
type Started = {
  readonly description: Json
  readonly attest: (nonce: string) => Promise<Json>
  readonly vouch: (params: VouchParams) => Promise<Json>
  readonly runner: Runner
}

export function createEnclave(deps: EnclaveDeps): Enclave {
  let starting: Promise<Started> | undefined
  let started: Started | undefined

  async function start(params: StartParams): Promise<Json> {
    if (starting) throw fail('ENCLAVE_FAILED', 'start: the enclave has started already')
    starting = startEnclave(params, deps)
    started = await starting
    return started.description
  }

  function running(): Started {
    if (!started) throw fail('ENCLAVE_FAILED', 'the enclave has not started', { hints: ['start'] })
    return started
  }

  /** The closing answer, or undefined where the runner sends it. */
  async function serve(method: string, params: Json, id: number): Promise<Json | undefined> {
    switch (method) {
      case 'start':
        return start(readPart(startParams, 'start', params))
      case 'attest':
        return running().attest(readPart(attestParams, 'attest', params).nonce)
      case 'vouch':
        return running().vouch(readPart(vouchParams, 'vouch', params))
      case 'run':
        running().runner.submit(id, readPart(runParams, 'run', params))
        return undefined
      case 'abort':
        running().runner.abort(readPart(abortParams, 'abort', params).jobs)
        return {}
      default:
        throw fail('INVALID_ARGUMENT', `enclave has no method "${method}"`)
    }
  }

  return {
    async handle(body) {
      let id = 0 // where the request cannot be read, nobody knows better
      try {
        const request = readRequest(body)
        id = request.id
        const result = await serve(request.method, request.params, id)
        if (result !== undefined) deps.send({ id, result })
      } catch (thrown) {
        const { code, message, hints } = VortaError.from(thrown)
        deps.log('error', `${code}: ${message}`)
        deps.send({ id, error: { code, message, hints } })
      }
    },
  }
}

async function startEnclave(params: StartParams, deps: EnclaveDeps): Promise<Started> {
  const provider = await deps.open(params)
  const { tee, measurement } = provider
  if (tee === 'simulated') {
    deps.log('warn', 'SIMULATED enclave: its quotes prove nothing about hardware')
  }
  const signer = createEnclaveKey()
  const verifier = await createVerifier()
  const speeds = await verifier.measureThroughput()
  const spki = toBase64(signer.spki)
  const recipient = await createRecipient()
  const hpke = toBase64(recipient.publicKey)
  return {
    description: {
      spki,
      tee,
      measurement,
      proofs: speeds.map(({ system, curve, proofsPerSecond }) => ({
        system,
        curves: [curve],
        engine: verifier.systems.find(({ name }) => name === system)?.engine ?? '',
        proofsPerSecond: Math.round(proofsPerSecond),
      })),
    },
    attest: async (nonce) => {
      const claims: EnclaveKeyClaims = { purpose: enclaveKeyPurpose, spki, nonce, hpke }
      const fresh = await provider.quote(reportDataOf(nodeCrypto, claims))
      return { claims: canonicalJson(claims as Canonical), ...sent(fresh) }
    },
    vouch: async ({ spki, nonce }) => {
      const key = { spki, nonce: fromHex(nonce) as Bytes, holder: 'host' } as const
      const claims = encodeRaTlsClaims(nodeCrypto, key)
      const fresh = await provider.quote(raTlsReportData(nodeCrypto, claims))
      return { claims: toBase64(claims), ...sent(fresh) }
    },
    runner: createRunner({
      ...deps,
      tee,
      signer,
      verifier,
      sealedJobs: createSealedJobs(
        nodeCrypto,
        recipient,
        signer.spki,
        createReleaseUses(deps.clock),
      ),
    }),
  }
}

/** A quote as it travels. */
const sent = ({ quote, eventLog }: FreshQuote) => ({
  quote: toBase64(quote),
  ...(eventLog !== undefined && { eventLog }),
})
