// The requester's part as a web page would run it: WebCrypto, and nothing of Node's.

import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import vm from 'node:vm'
import {
  type Canonical,
  canonicalBytes,
  fakeClock,
  own,
  systemRandom,
  toBase64,
  toHex,
  utf8,
} from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { build } from 'esbuild'
import { simulatedAnchor } from '../anchors.ts'
import { enclaveKeyPurpose, reportDataOf } from '../claims.ts'
import { policyDecoder } from '../policy/decoder.ts'
import { simulatedQuoteProvider } from '../providers/simulated.ts'
import { simulatedCollateral } from '../simulated/collateral.ts'
import { createRecipient } from './recipient.ts'
import { openRelease, readRelease } from './release.ts'
import { openInput } from './sealed-input.ts'

const entry = `
  import { systemRandom } from '@vorta/core'
  import { webCrypto } from '@vorta/core/crypto-web'
  import { approveEnclave } from './approve.ts'
  import { keyCommitment, newContentKey } from './content-key.ts'
  import { sealTo } from './recipient.ts'
  import { makeRelease, releasePurpose } from './release.ts'
  import { sealInput } from './sealed-input.ts'
  globalThis.submitAndRelease = async (plaintext, request, policy, options) => {
    const key = newContentKey(systemRandom)
    const sealed = await sealInput(key, 'proof', plaintext, systemRandom)
    const { enclave, evidence, sealingKey } =
      await approveEnclave(webCrypto, request, policy, options)
    const { job, spec } = request
    const notAfter = '2026-06-01T00:00:00Z'
    const terms = { purpose: releasePurpose, job, spec, enclave, evidence, maxUses: 1, notAfter }
    const release = await makeRelease(terms, key, (info, data) => sealTo(sealingKey, info, data))
    return { sealed, release, commitment: keyCommitment(webCrypto, key) }
  }
`

test('a web page seals an input, verifies the enclave and releases the key to it', async () => {
  // platform "browser" knows no node: imports, so one anywhere fails the build.
  const { outputFiles } = await build({
    stdin: { contents: entry, resolveDir: import.meta.dirname, loader: 'ts' },
    bundle: true,
    platform: 'browser',
    format: 'esm',
    write: false,
    logLevel: 'silent',
  })
  const globals: Record<string, unknown> = {
    ...{ crypto: globalThis.crypto, TextEncoder, TextDecoder, Uint8Array, ArrayBuffer },
    ...{ atob, btoa, URL },
  }
  vm.runInContext(outputFiles[0]?.text ?? '', vm.createContext(globals))
  const submitAndRelease = globals.submitAndRelease as (...of: unknown[]) => Promise<{
    readonly sealed: Uint8Array
    readonly release: Uint8Array
    readonly commitment: string
  }>

  const { now } = fakeClock()
  const measurement = new Uint8Array(32).fill(9)
  const recipient = await createRecipient()
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const claims = {
    purpose: enclaveKeyPurpose,
    spki: toBase64(own(publicKey.export({ type: 'spki', format: 'der' }))),
    nonce: toHex(systemRandom(32)),
    hpke: toBase64(recipient.publicKey),
  } as const
  const provider = simulatedQuoteProvider({ platformId: new Uint8Array(16), measurement, now })
  const { quote } = await provider.quote(reportDataOf(nodeCrypto, claims))
  const collateral = simulatedCollateral(now())
  const evidence = { tee: 'simulated', claims, quote: toBase64(quote), collateral }
  const request = {
    evidence: canonicalBytes(evidence as Canonical),
    nonce: claims.nonce,
    job: 'j1',
    spec: '11'.repeat(32),
  }
  const mrenclave = [toHex(measurement)]
  const policy = policyDecoder({ simulated: true, measurements: { mrenclave } })
  const plaintext = utf8('only for the enclave')
  const options = { anchors: [simulatedAnchor], now: now() }
  const made = await submitAndRelease(plaintext, request, policy, options)

  const document = readRelease(made.release)
  const key = await openRelease(nodeCrypto, document, made.commitment, recipient.open)
  assert.deepEqual(await openInput(key, 'proof', made.sealed), plaintext)

  const strict = { ...policy, simulated: false }
  await assert.rejects(submitAndRelease(plaintext, request, strict, options), {
    code: 'KEY_RELEASE_REFUSED',
  })
})
