// Where a server listens and how it speaks TLS: the part of a configuration that
// all servers share.

import { readFileSync } from 'node:fs'
import * as d from '../decode.ts'
import { fail } from '../errors.ts'

const octet = '(?:25[0-5]|2[0-4]\\d|1?\\d?\\d)'
const host = `(?:${octet}(?:\\.${octet}){3}|\\[[0-9a-f:]{2,39}\\]|localhost)`
const anAddress = 'an address such as "127.0.0.1:7070"'

/** Host and port in one text; port 0 picks a free one. */
export const listenAddress = d.refine(
  d.string({ pattern: new RegExp(`^${host}:\\d{1,5}$`), what: anAddress }),
  (text) => Number(text.slice(text.lastIndexOf(':') + 1)) <= 65_535,
  anAddress,
)

/** The path of a file or folder. */
export const path = d.string({ min: 1, max: 4096 })

export const tlsFiles = d.object({ certFile: path, keyFile: path })

export type ListenConfig = {
  readonly listen: string
  readonly tls?: d.Decoded<typeof tlsFiles>
  readonly insecure: boolean
}

/** Throws CONFIG_INVALID for an address that others can reach and that is not protected. */
export function splitAddress(
  config: Omit<ListenConfig, 'tls'> & { readonly tls?: unknown },
): [host: string, port: number] {
  const at = config.listen.lastIndexOf(':')
  const host = config.listen.slice(0, at)
  const loopback = host === 'localhost' || host === '[::1]' || host.startsWith('127.')
  if (!loopback && !config.tls && !config.insecure) {
    throw fail(
      'CONFIG_INVALID',
      `listen: ${config.listen} is reachable from outside, and no TLS is configured`,
      {
        hints: [
          'set tls.certFile and tls.keyFile',
          'or set insecure: true behind a proxy that terminates TLS',
        ],
      },
    )
  }
  return [host.replace(/^\[|\]$/g, ''), Number(config.listen.slice(at + 1))]
}

/** Certificate and key, or undefined for clear text. Throws CONFIG_INVALID. */
export function loadTls({ tls }: Pick<ListenConfig, 'tls'>) {
  return tls && { cert: read('tls.certFile', tls.certFile), key: read('tls.keyFile', tls.keyFile) }
}

function read(field: string, file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (cause) {
    throw fail('CONFIG_INVALID', `${field}: ${file} cannot be read`, { cause })
  }
}
