// `make docs`: the pages that are made from tables in the sources. A check fails
// while a committed page differs.

import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { exitCodeOf } from '@vorta/api'
import { attestationCodes } from '@vorta/attestation'
import { codes } from '@vorta/core'
import { receiptCodes } from '@vorta/receipt'
import { proofCodes } from '@vorta/zkp'
import { reference } from '../cli/src/docs.ts'

const root = resolve(import.meta.dirname, '..')

type Table = Readonly<Record<string, string>>

const sections: readonly (readonly [title: string, about: string, table: Table])[] = [
  [
    'Requests, jobs and the cluster',
    'From the mainframe, the workers and the command line.',
    codes,
  ],
  [
    'Proofs',
    'Verdict codes of proofs that are well-formed but invalid, and refusals of proofs and keys that are not well-formed.',
    proofCodes,
  ],
  [
    'Evidence and policy',
    'From the attestation verifier and from the policy step.',
    attestationCodes,
  ],
  [
    'Receipts',
    'From `vorta-cli receipt verify`, the library and the browser bundle.',
    receiptCodes,
  ],
]

function errors(): string {
  const body = sections.map(([title, about, table]) => {
    const entries = Object.entries(table).map(
      ([code, text]) =>
        `### ${code}\n\n${text} Exit code of the command line: ${exitCodeOf(code)}.\n`,
    )
    return `## ${title}\n\n${about}\n\n${entries.join('\n')}`
  })
  return `# Error codes

Made by \`make docs\` from the tables in the sources; do not edit. Every refusal carries one of
these codes: in \`ErrorInfo.reason\` of the API, in \`-o json\` of the command line, as a label of
the metrics, and in receipts where a proof is invalid.

${body.join('\n')}`
}

/** Path to text of every generated page. */
export async function generatedDocs(): Promise<Readonly<Record<string, string>>> {
  return { 'docs/errors.md': errors(), 'docs/cli.md': await reference() }
}

if (import.meta.main) {
  for (const [file, text] of Object.entries(await generatedDocs()))
    writeFileSync(join(root, file), text)
}
