// `context add NAME --endpoint URL [--token-file FILE]`. What is written is where
// the token is, never the token.

import { resolve } from 'node:path'
import { fail } from '@vorta/core'
import { command as define } from '../command.ts'
import { checkEndpoint, updateUserFile } from '../contexts.ts'

export const command = define({
  summary: 'remember an endpoint and where its token is',
  options: {
    endpoint: { type: 'string', value: 'URL', summary: 'mainframe of the context' },
    'token-file': { type: 'string', value: 'FILE', summary: 'file with its bearer token' },
    'log-key': { type: 'string', value: 'VKEY', summary: 'pin the key of its log (C2SP vkey)' },
  },
  arguments: [{ name: 'name', summary: 'name of the context' }],
  examples: ['context add prod --endpoint https://vorta.example --token-file ~/.vorta-token'],
  run: async (ui, values, [name]) => {
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name!)) {
      throw fail('USAGE', `context name: expected letters, digits, ".", "_" or "-", got "${name}"`)
    }
    const endpoint = values.endpoint
    if (endpoint === undefined) throw fail('USAGE', 'option --endpoint is missing')
    checkEndpoint(endpoint, '--endpoint')
    const tokenFile = values['token-file']
    const logKey = values['log-key']
    const path = updateUserFile(ui.io, (file) => ({
      current: file.current ?? name!,
      contexts: {
        ...file.contexts,
        [name!]: {
          endpoint,
          ...(tokenFile === undefined ? {} : { tokenFile: resolve(ui.io.cwd, tokenFile) }),
          ...(logKey === undefined ? {} : { logKey }),
        },
      },
    }))
    ui.say(`Added context ${name} to ${path}`)
    ui.say(`next: vorta-cli context use ${name}`)
    return 0
  },
})
