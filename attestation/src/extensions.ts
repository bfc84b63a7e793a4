// The extensions of a certificate, a CRL or a CRL entry (RFC 5280, section 4.2).

import { type DerReader, readBoolean, readOid, tags } from './der.ts'
import { type QuoteFault, refuse } from './errors.ts'

// A PCK certificate has six.
const maxExtensions = 16

/**
 * Contents by OID. A critical extension that is not known refuses the whole
 * document, whatever it says: that is what critical means.
 */
export function readExtensions(
  wrapper: DerReader,
  known: readonly string[],
  fault: QuoteFault,
): ReadonlyMap<string, Uint8Array> {
  const list = wrapper.inside(tags.sequence)
  const found = new Map<string, Uint8Array>()
  while (!list.done) {
    const extension = list.inside(tags.sequence)
    const oid = readOid(extension)
    const critical = extension.next === tags.boolean && readTrue(extension)
    const content = extension.content(tags.octetString)
    extension.end()
    if (found.has(oid)) throw refuse(fault, `extension ${oid} stands twice`)
    if (critical && !known.includes(oid)) {
      throw refuse(fault, `critical extension ${oid} is not known`)
    }
    if (found.size >= maxExtensions) {
      throw refuse(fault, `expected at most ${maxExtensions} extensions, got more`)
    }
    found.set(oid, content)
  }
  return found
}

/** A flag with the default FALSE: DER leaves that out, so a written one must be TRUE. */
export function readTrue(reader: DerReader): true {
  if (!readBoolean(reader)) throw refuse('DER', 'DER: default value FALSE is written out')
  return true
}
