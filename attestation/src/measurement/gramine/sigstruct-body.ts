// What gramine-sgx-sign puts into the SIGSTRUCT of an enclave, from its manifest.

import { attributeFlags, type SigstructBody } from '../sigstruct.ts'
import type { CpuFeatures, Manifest } from './manifest.ts'

const xfrm = {
  /** x87 and SSE: every x86-64 processor has them. */
  legacy: 0x3n,
  avx: 0x4n,
  avx512: 0xe4n,
  amx: 0x60000n,
  mpx: 0x18n,
  pkru: 0x200n,
} as const

// The CPU compares all of XFRM but AVX, AVX-512 and AMX, unless the manifest says so.
const xfrmMask = 0xffff_ffff_fff9_ff1bn
const everyBit = 0xffff_ffff_ffff_ffffn
const exinfo = 1

/** The body to sign; `date` is "YYYY-MM-DD". */
export const sigstructBody = (
  manifest: Manifest,
  mrenclave: string,
  date: string,
): SigstructBody => ({
  vendor: 0,
  date,
  swDefined: 0,
  miscSelect: manifest.useExinfo ? exinfo : 0,
  miscMask: 0xffff_ffff,
  cetAttributes: 0,
  cetAttributesMask: 0,
  flags: attributeFlags.mode64 | (manifest.debug ? attributeFlags.debug : 0n),
  flagsMask: everyBit,
  ...features(manifest.cpuFeatures),
  mrenclave,
  isvFamilyId: '0'.repeat(32),
  isvExtProdId: '0'.repeat(32),
  isvProdId: manifest.isvProdId,
  isvSvn: manifest.isvSvn,
})

function features(wanted: CpuFeatures): Pick<SigstructBody, 'xfrm' | 'xfrmMask'> {
  let bits: bigint = xfrm.legacy
  let mask = xfrmMask
  // In this order: AVX-512 includes AVX, and the later word counts.
  for (const name of ['avx', 'avx512', 'amx', 'mpx', 'pkru'] as const) {
    if (wanted[name] === 'unspecified') continue
    bits = wanted[name] === 'required' ? bits | xfrm[name] : bits & ~xfrm[name]
    mask |= xfrm[name]
  }
  return { xfrm: bits, xfrmMask: mask }
}
