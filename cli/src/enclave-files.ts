// What the verbs about Gramine enclaves share: the files an enclave is measured
// from, and how a SIGSTRUCT is shown.

import {
  type GramineMeasurement,
  measureGramine,
} from '@vorta/attestation/measurement/gramine/measure'
import { attributeFlags, type Sigstruct } from '@vorta/attestation/measurement/sigstruct'
import { fail } from '@vorta/core'
import type { Options } from './command.ts'
import { readInput } from './input.ts'
import type { Io } from './io.ts'

const maxLibpalBytes = 64 * 2 ** 20

export const enclaveOptions = {
  manifest: {
    type: 'string',
    value: 'FILE',
    summary: 'the .manifest.sgx that gramine-sgx-sign wrote',
  },
  libpal: { type: 'string', value: 'FILE', summary: "Gramine's enclave image, sgx/libpal.so" },
  gramine: { type: 'string', value: 'VERSION', summary: 'version of Gramine, such as 1.9' },
  'libpal-sha256': {
    type: 'string',
    value: 'HEX',
    summary: 'SHA-256 that libpal must have',
  },
} as const satisfies Options

type EnclaveValues = { readonly [K in keyof typeof enclaveOptions]?: string }

/** Reads the files and measures the enclave. Throws USAGE, and what measureGramine throws. */
export async function measureFiles(io: Io, values: EnclaveValues): Promise<GramineMeasurement> {
  const given = (name: keyof EnclaveValues): string => {
    const value = values[name]
    if (value === undefined) throw fail('USAGE', `option --${name} is missing`)
    return value
  }
  const gramine = given('gramine')
  const libpalSha256 = hexOf('libpal-sha256', values['libpal-sha256'])
  const manifest = await readInput(io, given('manifest'))
  const libpal = await readInput(io, given('libpal'), maxLibpalBytes)
  const pinned = libpalSha256 === undefined ? {} : { libpalSha256 }
  return measureGramine({ manifest, libpal, gramine, ...pinned })
}

/** A SHA-256 from the command line, in lower case. Throws USAGE. */
export function hexOf(option: string, text: string | undefined): string | undefined {
  const hex = text?.toLowerCase()
  if (hex === undefined || /^[0-9a-f]{64}$/.test(hex)) return hex
  throw fail('USAGE', `--${option}: expected 64 hex digits, got "${text}"`)
}

/** A SIGSTRUCT as JSON: large numbers and bit sets in hexadecimal. */
export const sigstructJson = (sigstruct: Sigstruct, mrsigner: string) => ({
  mrenclave: sigstruct.mrenclave,
  mrsigner,
  isvProdId: sigstruct.isvProdId,
  isvSvn: sigstruct.isvSvn,
  debug: hasFlag(sigstruct, 'debug'),
  date: sigstruct.date,
  vendor: numberHex(sigstruct.vendor),
  attributes: {
    ...Object.fromEntries(flagNames.map((name) => [name, hasFlag(sigstruct, name)])),
    flags: numberHex(sigstruct.flags),
    xfrm: numberHex(sigstruct.xfrm),
    flagsMask: numberHex(sigstruct.flagsMask),
    xfrmMask: numberHex(sigstruct.xfrmMask),
  },
  miscSelect: numberHex(sigstruct.miscSelect),
  miscMask: numberHex(sigstruct.miscMask),
  cetAttributes: numberHex(sigstruct.cetAttributes),
  cetAttributesMask: numberHex(sigstruct.cetAttributesMask),
  isvFamilyId: sigstruct.isvFamilyId,
  isvExtProdId: sigstruct.isvExtProdId,
  swDefined: numberHex(sigstruct.swDefined),
  exponent: sigstruct.exponent,
  modulus: numberHex(sigstruct.modulus),
  signature: numberHex(sigstruct.signature),
  q1: numberHex(sigstruct.q1),
  q2: numberHex(sigstruct.q2),
})

type FlagName = keyof typeof attributeFlags
const flagNames = Object.keys(attributeFlags) as readonly FlagName[]

const hasFlag = ({ flags }: Sigstruct, name: FlagName): boolean =>
  (flags & attributeFlags[name]) !== 0n

const numberHex = (value: number | bigint): string => `0x${value.toString(16)}`

/** The fields a person asks for, as pairs for `details`. */
export const sigstructPairs = (
  sigstruct: Sigstruct,
  mrsigner: string,
): readonly (readonly [label: string, value: string])[] => [
  ['MRENCLAVE', sigstruct.mrenclave],
  ['MRSIGNER', mrsigner],
  ['product, SVN', `${sigstruct.isvProdId}, ${sigstruct.isvSvn}`],
  ['date', sigstruct.date],
  ['debug', String(hasFlag(sigstruct, 'debug'))],
  ['attributes', `${numberHex(sigstruct.flags)}, XFRM ${numberHex(sigstruct.xfrm)}`],
  ['attribute masks', `${numberHex(sigstruct.flagsMask)}, XFRM ${numberHex(sigstruct.xfrmMask)}`],
  ['MISCSELECT', `${numberHex(sigstruct.miscSelect)}, mask ${numberHex(sigstruct.miscMask)}`],
]
