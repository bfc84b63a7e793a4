// Reads a YAML configuration file through a decoder. YAML 1.2 core schema; an
// unknown field, a repeated key or a wrong type is an error with the file and
// the field in it.

import { readFileSync } from 'node:fs'
import { parseDocument } from 'yaml'
import { type Decoder, decode } from './decode.ts'
import { fail } from './errors.ts'

export function loadConfig<T>(path: string, decoder: Decoder<T>): T {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    throw fail('CONFIG_INVALID', `${path}: cannot be read`, { cause, hints: ['check --config'] })
  }
  return parseConfig(text, path, decoder)
}

export function parseConfig<T>(text: string, path: string, decoder: Decoder<T>): T {
  const document = parseDocument(text, { uniqueKeys: true })
  const fault = document.errors[0]
  if (fault) throw fail('CONFIG_INVALID', `${path}: ${fault.message.split('\n')[0]}`)
  return decode(decoder, document.toJS({ maxAliasCount: 0 }) ?? {}, (text, hints) =>
    fail('CONFIG_INVALID', `${path}: ${text}`, { hints }),
  )
}
