// Enclaves that Gramine's own signer measured and signed. Read from beside the
// repository; skipped where absent.

import assert from 'node:assert/strict'
import { createPrivateKey } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { toHex } from '@vorta/core'
import { nodeCrypto } from '@vorta/core/crypto-node'
import { attributeFlags, encodeSigstruct, parseSigstruct } from '../sigstruct.ts'
import { signSigstruct } from '../sigstruct-sign.ts'
import { verifySigstruct } from '../sigstruct-verify.ts'
import { readManifest } from './manifest.ts'
import { measureGramine } from './measure.ts'
import { sigstructBody } from './sigstruct-body.ts'

const folder = join(import.meta.dirname, '../../../../../shared/vectors/gramine')
const absent = !existsSync(folder) && 'the shared vectors are not on this machine'

const read = (...path: string[]) => new Uint8Array(readFileSync(join(folder, ...path)))

/** What `gramine-sgx-sigstruct-view` printed. */
type View = {
  readonly mr_signer: string
  readonly mr_enclave: string
  readonly isv_prod_id: number
  readonly isv_svn: number
  readonly attribute_flags: string
  readonly attribute_xfrms: string
  readonly misc_select: string
  readonly attribute_flags_mask: string
  readonly attribute_xfrm_mask: string
  readonly misc_mask: string
  readonly date: string
  readonly debug_enclave: boolean
}

for (const name of ['small', 'edmm', 'debug', 'threads', 'long']) {
  test(`measures and verifies the enclave "${name}" as its signer did`, {
    skip: absent,
  }, async () => {
    const view: View = JSON.parse(readFileSync(join(folder, name, 'sigstruct.json'), 'utf8'))
    const manifest = read(name, 'enclave.manifest.sgx')
    const libpal = read('enclave-image.so')
    const { mrenclave } = await measureGramine({ manifest, libpal, gramine: '1.9' })
    assert.equal(mrenclave, view.mr_enclave)

    const bytes = read(name, 'enclave.sig')
    const body = sigstructBody(readManifest(manifest), mrenclave, view.date)
    const verified = verifySigstruct(nodeCrypto, bytes, body)
    assert.equal(verified.mrsigner, view.mr_signer)
    assert.equal(verified.isvProdId, view.isv_prod_id)
    assert.equal(verified.isvSvn, view.isv_svn)
    assert.equal(verified.flags, BigInt(view.attribute_flags))
    assert.equal(verified.xfrm, BigInt(view.attribute_xfrms))
    assert.equal(verified.flagsMask, BigInt(view.attribute_flags_mask))
    assert.equal(verified.xfrmMask, BigInt(view.attribute_xfrm_mask))
    assert.equal(verified.miscSelect, Number(view.misc_select))
    assert.equal(verified.miscMask, Number(view.misc_mask))
    assert.equal(verified.date, view.date)
    assert.equal((verified.flags & attributeFlags.debug) !== 0n, view.debug_enclave)
    assert.equal(toHex(encodeSigstruct(parseSigstruct(bytes))), toHex(bytes))
  })
}

test('signs with the same key to the same bytes as the genuine signer', {
  skip: absent,
}, async () => {
  const { testKeyPem, vectors } = JSON.parse(
    readFileSync(join(folder, 'mrenclave-vectors.json'), 'utf8'),
  )
  const key = createPrivateKey(testKeyPem)
  assert.ok(vectors.length > 0)
  for (const vector of vectors) {
    const manifest = new TextEncoder().encode(vector.manifestSgx)
    const libpal = new Uint8Array(Buffer.from(vector.libpalBase64, 'base64'))
    const measured = await measureGramine({ manifest, libpal, gramine: '1.9' })
    assert.equal(measured.mrenclave, vector.mrenclave)
    const body = sigstructBody(measured.manifest, measured.mrenclave, vector.date)
    const signed = signSigstruct(body, key)
    assert.equal(Buffer.from(signed).toString('base64'), vector.sigstructBase64)
    assert.equal(verifySigstruct(nodeCrypto, signed).mrsigner, vector.mrsigner)
  }
})
