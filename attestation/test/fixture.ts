// One simulated platform with its quotes and collateral, and ways to spoil them.

import assert from 'node:assert/strict'
import { type Crypto, concat, toHex, VerificationError } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { simulatedAnchor } from '../src/anchors.ts'
import type { Collateral } from '../src/collateral.ts'
import { attestationCodes, type QuoteFault } from '../src/errors.ts'
import type { Memory } from '../src/memory.ts'
import { simulatedCollateral } from '../src/simulated/collateral.ts'
import { simulatedPlatform } from '../src/simulated/platform.ts'
import type { VerifiedQuote, VerifiedTdxQuote } from '../src/verified-quote.ts'
import { verifyQuote } from '../src/verify-quote.ts'

export const now = Date.UTC(2026, 5, 1)
export const day = 24 * 3_600_000
export const platformId = new Uint8Array(16).fill(7)
export const measurement = new Uint8Array(32).fill(0xaa)
export const reportData = new Uint8Array(64).fill(0x5a)

export const platform = simulatedPlatform({ platformId, now })
export const quote = platform.quote({ measurement, reportData })
export const collateral = simulatedCollateral(now)

export const tdMeasurement = new Uint8Array(48).fill(0xbb)
export const tdQuote = platform.tdQuote({ measurement: tdMeasurement, reportData, report: '1.5' })
export const tdCollateral = simulatedCollateral(now, { tee: 'tdx' })

// Thousands of spoiled quotes share nine signatures out of ten: each distinct one
// is really verified, once.
const verdicts = new Map<string, Promise<boolean>>()
const crypto: Crypto = {
  ...nodeCrypto,
  verifyP256: (key, data, signature) => {
    const id = toHex(nodeCrypto.sha256(concat(key.x, key.y, signature, data)))
    const verdict = verdicts.get(id) ?? nodeCrypto.verifyP256(key, data, signature)
    verdicts.set(id, verdict)
    return verdict
  },
}

type Parts = {
  readonly quote?: Uint8Array
  readonly collateral?: Collateral
  readonly now?: number
  readonly memory?: Memory
}

/** Verifies the good quote and collateral with some parts exchanged. */
export const verify = (parts: Parts = {}): Promise<VerifiedQuote> =>
  verifyQuote(crypto, parts.quote ?? quote, parts.collateral ?? collateral, {
    anchors: [simulatedAnchor],
    now: parts.now ?? now,
    ...(parts.memory && { memory: parts.memory }),
  })

/** The same for the TD's quote and collateral. */
export async function verifyTd(parts: Parts = {}): Promise<VerifiedTdxQuote> {
  const verified = await verify({ quote: tdQuote, collateral: tdCollateral, ...parts })
  return verified.tee === 'tdx' ? verified : assert.fail('not a TD')
}

export const refuses = (parts: Parts, code: QuoteFault): Promise<void> =>
  assert.rejects(verify(parts), (error) => {
    assert.ok(error instanceof VerificationError, String(error))
    assert.equal(error.code, code, error.message)
    return true
  })

/** The code it is refused with; fails where it is accepted or an error without code comes out. */
export async function faultOf(promise: Promise<unknown>): Promise<QuoteFault> {
  try {
    await promise
  } catch (error) {
    assert.ok(error instanceof VerificationError, String(error))
    assert.ok(error.code in attestationCodes, error.code)
    return error.code
  }
  return assert.fail('accepted')
}

export function flipped(bytes: Uint8Array, at: number, mask = 1): Uint8Array {
  const out = bytes.slice()
  out[at] = out[at]! ^ mask
  return out
}

export const flippedText = (text: string, at: number, mask = 1): string =>
  text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ mask) + text.slice(at + 1)
