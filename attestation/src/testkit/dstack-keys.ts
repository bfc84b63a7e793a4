// The keys that a dstack guest agent hands out, SIMULATED: application keys
// follow from a public seed, so they protect nothing. Chains and formats are
// those of a real agent.

import { createHash, generateKeyPairSync, hkdfSync } from 'node:crypto'
import { ed25519 } from '@noble/curves/ed25519'
import { secp256k1 } from '@noble/curves/secp256k1'
import { keccak_256 } from '@noble/hashes/sha3'
import { concat, decodeP256Spki, fromHex, own, toHex, utf8 } from '@vorta/core'
import { element, name, octets, oid, sequence } from '../der-writer.ts'
import { simulatedKey } from '../simulated/keys.ts'
import { certify, type Issuer, pem } from '../simulated/pki.ts'
import type { Guest } from './dstack-guest.ts'

const seed = utf8('vorta.org simulated dstack key provider: this seed is public')

const derive = (...path: readonly string[]): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', seed, path.join('/'), 'key', 32))

/** r||s and the recovery bit, over keccak256, as Ethereum's contracts check it. */
function sign(key: Uint8Array, ...message: readonly Uint8Array[]): string {
  const signature = secp256k1.sign(keccak_256(concat(...message)), key)
  return toHex(concat(signature.toCompactRawBytes(), Uint8Array.of(signature.recovery)))
}

type KeyRequest = { readonly path: string; readonly purpose: string; readonly algorithm: string }

/** A derived key; the application's key vouches for it, and the provider's root for that. */
export function deriveKey({ identity }: Guest, { path, purpose, algorithm }: KeyRequest) {
  const root = derive('root')
  const app = derive('app', identity.appId)
  const key = derive('app', identity.appId, path)
  const curve = algorithm === 'ed25519' ? ed25519 : secp256k1
  const issued = utf8('dstack-kms-issued:')
  return {
    key: toHex(key),
    signature_chain: [
      sign(app, utf8(`${purpose}:${toHex(curve.getPublicKey(key))}`)),
      sign(root, issued, fromHex(identity.appId)!, secp256k1.getPublicKey(app)),
    ],
  }
}

const appCa: Issuer = {
  subject: name('Vorta SIMULATED dstack App CA'),
  key: simulatedKey('dstack App CA'),
}
const appCaCertificate = certify({
  issuer: appCa,
  subject: appCa.subject,
  key: appCa.key.publicKey,
  pathLength: 0,
})

type TlsRequest = {
  readonly subject: string
  readonly altNames: readonly string[]
  /** Whether the certificate carries a quote about its key. */
  readonly raTls: boolean
  /** Milliseconds. */
  readonly now: number
}

// dstack's own arc.
const raTlsArc = '1.3.6.1.4.1.62397.1'
const day = 24 * 3_600_000

/** A fresh P-256 key with a certificate of the application's CA. */
export function issueTlsKey(guest: Guest, { subject, altNames, raTls, now }: TlsRequest) {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const spki = own(publicKey.export({ type: 'spki', format: 'der' }))
  const names = altNames.map((altName) => element(0x82, utf8(altName)))
  const leaf = certify({
    issuer: appCa,
    subject: name(subject === '' ? 'Vorta SIMULATED dstack app' : subject),
    key: decodeP256Spki(spki)!,
    validity: { notBefore: now - day, notAfter: now + 365 * day },
    more: [
      ...(names.length > 0 ? [sequence(oid('2.5.29.17'), octets(sequence(...names)))] : []),
      ...(raTls ? raTlsExtensions(guest, spki) : []),
    ],
  })
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    certificate_chain: [pem(leaf), pem(appCaCertificate)],
  }
}

/** Quote, event log and application, each as an OCTET STRING in its extension. */
function raTlsExtensions(guest: Guest, spki: Uint8Array): readonly Uint8Array[] {
  const bound = createHash('sha512').update(utf8('ratls-cert:')).update(spki).digest()
  const { quote, eventLog } = guest.quote(own(bound))
  return Object.entries({
    1: quote,
    2: utf8(eventLog),
    3: fromHex(guest.identity.appId)!,
  }).map(([arc, value]) => sequence(oid(`${raTlsArc}.${arc}`), octets(octets(value))))
}
