// A certificate for 127.0.0.1 and the authority behind it, for tests of TLS.

import { element, name, octets, oid, sequence } from '@vorta/attestation/der-writer'
import { simulatedKey } from '@vorta/attestation/simulated/keys'
import { certify, pem } from '@vorta/attestation/simulated/pki'

export type TestCertificate = { readonly cert: string; readonly key: string }

const authority = { subject: name('Vorta test authority'), key: simulatedKey('test authority') }
const server = simulatedKey('test server')
const subjectAltName = sequence(
  oid('2.5.29.17'),
  octets(sequence(element(0x87, Uint8Array.of(127, 0, 0, 1)))),
)

/** PEM. */
export const testAuthority = pem(
  certify({
    issuer: authority,
    subject: authority.subject,
    key: authority.key.publicKey,
    pathLength: 0,
  }),
)

export const testCertificate: TestCertificate = {
  cert: pem(
    certify({
      issuer: authority,
      subject: name('127.0.0.1'),
      key: server.publicKey,
      more: [subjectAltName],
    }),
  ),
  key: server.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
}
