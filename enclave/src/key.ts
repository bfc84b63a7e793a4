// The enclave's own key: ECDSA over P-256, made when the enclave starts, gone
// when it ends. The private half is a KeyObject in a closure: it is never
// exported, written or sent.

import { generateKeyPairSync, sign } from 'node:crypto'
import { own } from '@vorta/core'
import type { EnvelopeSigner } from '@vorta/receipt/dsse'

export function createEnclaveKey(): EnvelopeSigner {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return {
    spki: own(publicKey.export({ type: 'spki', format: 'der' })),
    sign: (data) => own(sign('sha256', data, { key: privateKey, dsaEncoding: 'ieee-p1363' })),
  }
}
