// What the attestation benchmark verifies: genuine quotes where the shared
// vectors are at hand, otherwise simulated ones of the same form.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Collateral, intelAnchor, simulatedAnchor, type TrustAnchor } from '@vorta/attestation'
import { simulatedCollateral } from '@vorta/attestation/simulated/collateral'
import { rootCertificate } from '@vorta/attestation/simulated/pki'
import { simulatedPlatform } from '@vorta/attestation/simulated/platform'
import { root } from '../scripts/cluster.ts'

export type Subject = {
  readonly tee: 'sgx' | 'tdx'
  /** One line for people. */
  readonly what: string
  readonly quote: Uint8Array
  readonly collateral: Collateral
  /** Milliseconds. */
  readonly now: number
  readonly anchor: TrustAnchor
  readonly rootDer: Uint8Array
}

const folder = join(root, '../shared/vectors/quotes')
const genuineIds = { tdx: 'g02-tdx-phala-uptodate', sgx: 'g01-sgx-phala-config-swhard' } as const

export const subjects = (): readonly Subject[] =>
  existsSync(folder) ? [genuine('tdx'), genuine('sgx')] : [simulated('tdx'), simulated('sgx')]

function genuine(tee: 'sgx' | 'tdx'): Subject {
  const id = genuineIds[tee]
  const one = JSON.parse(readFileSync(join(folder, `${id}.json`), 'utf8'))
  return {
    tee,
    what: `genuine quote ${id}`,
    quote: bytes(one.quote, 'hex'),
    collateral: one.collateral,
    now: one.verifyTime * 1000,
    anchor: intelAnchor,
    rootDer: bytes(one.rootCaPem.split('-----')[2], 'base64'),
  }
}

function simulated(tee: 'sgx' | 'tdx'): Subject {
  const now = Date.UTC(2026, 5, 1)
  const platform = simulatedPlatform({ platformId: new Uint8Array(16).fill(1), now })
  const reportData = new Uint8Array(64)
  return {
    tee,
    what: `SIMULATED quote, ${tee}: the shared vectors are not here`,
    quote:
      tee === 'sgx'
        ? platform.quote({ measurement: new Uint8Array(32), reportData })
        : platform.tdQuote({ measurement: new Uint8Array(48), reportData }),
    collateral: simulatedCollateral(now, { tee }),
    now,
    anchor: simulatedAnchor,
    rootDer: rootCertificate,
  }
}

const bytes = (text: string, encoding: 'hex' | 'base64'): Uint8Array =>
  new Uint8Array(Buffer.from(text, encoding))
