// The certificate of a simulated platform's PCK key, with the SGX extension that
// says which platform it is (Intel SGX PCK Certificate and CRL Profile, 1.3.5).

import { type Bytes, concat, utf8 } from '@vorta/core'
import { tags } from '../der.ts'
import { boolean, element, octets, oid, sequence, smallInteger } from '../der-writer.ts'
import { sha256, simulatedKey } from './keys.ts'
import { certify, pckSubject, platformCa } from './pki.ts'

export const pckRole = 'PCK'

const day = 24 * 3_600_000
const prefix = '1.2.840.113741.1.13.1'

type PckOptions = {
  readonly platformId: Uint8Array
  readonly now: number
  readonly fmspc: Uint8Array
  readonly pceId: Uint8Array
  readonly pceSvn: number
}

export function pckCertificate(options: PckOptions, svns: Uint8Array): Bytes {
  const { platformId, now } = options
  return certify({
    issuer: platformCa,
    subject: pckSubject,
    key: simulatedKey(pckRole, platformId).publicKey,
    validity: { notBefore: now - day, notAfter: now + 7 * 365 * day },
    more: [sequence(oid(prefix), octets(sgxExtension(options, svns)))],
  })
}

function sgxExtension({ platformId, fmspc, pceId, pceSvn }: PckOptions, svns: Uint8Array): Bytes {
  const entry = (arc: string, value: Uint8Array) => sequence(oid(`${prefix}.${arc}`), value)
  const tcb = sequence(
    ...Array.from(svns, (svn, i) => entry(`2.${i + 1}`, smallInteger(svn))),
    entry('2.17', smallInteger(pceSvn)),
    entry('2.18', octets(svns)),
  )
  const configuration = sequence(
    entry('7.1', boolean(false)),
    entry('7.2', boolean(false)),
    entry('7.3', boolean(false)),
  )
  return sequence(
    entry('1', octets(platformId)),
    entry('2', tcb),
    entry('3', octets(pceId)),
    entry('4', octets(fmspc)),
    entry('5', element(tags.enumerated, Uint8Array.of(0))),
    entry('6', octets(sha256(concat(utf8('instance'), platformId)).slice(0, 16))),
    entry('7', configuration),
  )
}
