// The DSSE envelope (v1.0.2) around a signed statement: one ECDSA P-256
// signature, r||s as WebCrypto gives it. The payload is handed out only after
// its signature was verified; nothing here looks inside it.

import {
  type Bytes,
  type Crypto,
  concat,
  decodeP256Spki,
  fromBase64,
  toBase64,
  toHex,
  utf8,
} from '@vorta/core'
import { array, base64, type Decoder, object, refine, sha256Hex, string } from '@vorta/core/decode'
import { refuse } from './errors.ts'

export type EnvelopeSignature = {
  /** SHA-256 of the signer's SPKI DER, lower-case hex. */
  readonly keyid: string
  /** r||s, 64 bytes, base64. */
  readonly sig: string
}

export type Envelope = {
  readonly payload: string
  readonly payloadType: string
  readonly signatures: readonly EnvelopeSignature[]
}

/** Who signs: the public key as SPKI DER, and a function that makes r||s over SHA-256 of the data. */
export type EnvelopeSigner = {
  readonly spki: Uint8Array
  readonly sign: (data: Uint8Array) => Uint8Array | Promise<Uint8Array>
}

/** A statement is about 2 KB; this leaves room for a long list of outputs. */
const maxPayload = 64 * 1024

const signatures = array(object({ keyid: sha256Hex, sig: base64(64, 64) }), 1)

/** Closed, canonical base64 only, exactly one signature. */
export const envelopeDecoder: Decoder<Envelope> = object({
  payload: base64(1, maxPayload),
  payloadType: string({ min: 1, max: 128 }),
  signatures: refine(signatures, (list) => list.length === 1, 'exactly one signature'),
})

/** DSSE's pre-authentication encoding: lengths count bytes, not characters. */
export function preAuthEncoding(payloadType: string, payload: Uint8Array): Bytes {
  const type = utf8(payloadType)
  return concat(utf8(`DSSEv1 ${type.length} `), type, utf8(` ${payload.length} `), payload)
}

export const keyIdOf = (crypto: Crypto, spki: Uint8Array): string => toHex(crypto.sha256(spki))

export async function signEnvelope(
  crypto: Crypto,
  payloadType: string,
  payload: Uint8Array,
  signer: EnvelopeSigner,
): Promise<Envelope> {
  const sig = await signer.sign(preAuthEncoding(payloadType, payload))
  return {
    payload: toBase64(payload),
    payloadType,
    signatures: [{ keyid: keyIdOf(crypto, signer.spki), sig: toBase64(sig) }],
  }
}

/**
 * Verifies a decoded envelope under one known key and gives back the payload it vouches for.
 * Throws ENCLAVE_KEY_MALFORMED, PAYLOAD_TYPE, KEYID_MISMATCH or ENVELOPE_SIGNATURE.
 */
export async function openEnvelope(
  crypto: Crypto,
  envelope: Envelope,
  expected: { readonly payloadType: string; readonly spki: Uint8Array },
): Promise<Bytes> {
  const key = decodeP256Spki(expected.spki)
  if (!key) {
    throw refuse('ENCLAVE_KEY_MALFORMED', 'enclave key: expected a P-256 SubjectPublicKeyInfo')
  }
  if (envelope.payloadType !== expected.payloadType) {
    throw refuse(
      'PAYLOAD_TYPE',
      `envelope payload type: expected ${expected.payloadType}, got ${envelope.payloadType}`,
    )
  }
  const keyid = keyIdOf(crypto, expected.spki)
  const [signature] = envelope.signatures
  if (signature?.keyid !== keyid) {
    throw refuse(
      'KEYID_MISMATCH',
      `envelope key id: expected ${keyid}, got ${signature?.keyid ?? 'no signature'}`,
    )
  }
  const payload = fromBase64(envelope.payload)
  const sig = fromBase64(signature.sig)
  const signed = payload && sig && preAuthEncoding(envelope.payloadType, payload)
  if (!signed || !(await crypto.verifyP256(key, signed, sig))) {
    throw refuse('ENVELOPE_SIGNATURE', `envelope: the signature does not verify under key ${keyid}`)
  }
  return payload
}
