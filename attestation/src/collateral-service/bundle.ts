// Collateral in one file, to carry it to where there is no network. It says
// nothing of what it is about: that is read from the signed documents.

import { fail, type Json } from '@vorta/core'
import { array, type Decoder, decode, integer, object, oneOf } from '@vorta/core/decode'
import { type Collateral, collateralDecoder } from '../collateral.ts'
import type { Update } from './pcs-client.ts'

export const bundleMediaType = 'application/vnd.vorta.collateral-bundle+json;version=1'

export type BundleEntry = { readonly update: Update; readonly collateral: Collateral }

const update: Decoder<Update> = (value) =>
  typeof value === 'number' ? integer(0, 1_000_000)(value) : oneOf('standard', 'early')(value)

const bundle = object({
  mediaType: oneOf(bundleMediaType),
  entries: array(object({ update, collateral: collateralDecoder }), 256),
})

/** What one reads at most: many kinds of platforms, some 50 KiB each. */
export const maxBundleBytes = 64 * 1024 * 1024

export const writeBundle = (entries: readonly BundleEntry[]): string =>
  `${JSON.stringify({ mediaType: bundleMediaType, entries }, null, 2)}\n`

/**
 * Reads a bundle, or one set of collateral alone, as `quote verify --collateral` takes it.
 * Nothing in it is verified. Throws INVALID_ARGUMENT.
 */
export function readBundle(json: Json): readonly BundleEntry[] {
  const fault = (reason: string) => fail('INVALID_ARGUMENT', `collateral: ${reason}`)
  const isBundle = typeof json === 'object' && json !== null && 'mediaType' in json
  if (isBundle) return decode(bundle, json, fault).entries
  return [{ update: 'standard', collateral: decode(collateralDecoder, json, fault) }]
}
