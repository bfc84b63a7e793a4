// Gramine's secret provisioning protocol, version 1, as unmodified Gramine
// enclaves speak it over TLS: 35 bytes of request; 37 bytes of header, the
// secret's length as 32 bits big-endian, and the secret in answer.

import { type Bytes, concat, equal, utf8 } from '@vorta/core'

// Both with the NUL at the end of a C string.
const request = utf8('SECRET_PROVISION_RA_TLS_REQUEST_V1\0')
const header = utf8('SECRET_PROVISION_RA_TLS_RESPONSE_V1:\0')

export const requestLength = request.length

export const isRequest = (bytes: Uint8Array): boolean => equal(bytes, request)

export function encodeResponse(secret: Uint8Array): Bytes {
  const size = new Uint8Array(4)
  new DataView(size.buffer).setUint32(0, secret.length)
  return concat(header, size, secret)
}
