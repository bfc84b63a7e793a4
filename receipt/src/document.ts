// Reads a signed or hashed document: canonical JSON, then a closed decoder,
// with one code for whatever is wrong with it.

import { type Json, type JsonLimits, parseCanonicalJson, VortaError } from '@vorta/core'
import { type Decoder, decode } from '@vorta/core/decode'
import { type ReceiptFault, refuse } from './errors.ts'

export function readDocument<T>(
  name: string,
  bytes: Uint8Array,
  options: {
    readonly decoder: Decoder<T>
    readonly limits: JsonLimits
    readonly fault: ReceiptFault
  },
): T {
  let value: Json
  try {
    value = parseCanonicalJson(bytes, options.limits)
  } catch (cause) {
    throw refuse(options.fault, `${name}: ${VortaError.from(cause).message}`, { cause })
  }
  return decode(options.decoder, value, (text) => refuse(options.fault, `${name}: ${text}`))
}
