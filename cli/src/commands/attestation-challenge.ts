// `attestation challenge`: a nonce for an enclave to answer.

import { CreateChallengeResponseSchema } from '@vorta/api'
import { toHex } from '@vorta/core'
import { connectionOptions, command as define, verdictOptions } from '../command.ts'
import { plain, timeText } from '../messages.ts'
import { withServer } from '../server.ts'

export const command = define({
  summary: 'get a nonce for evidence to answer',
  description: `Prints 32 bytes in hex. They are good for one \`attestation appraise --nonce\`, and not for long.`,
  options: { ...verdictOptions, ...connectionOptions },
  arguments: [],
  examples: ['attestation challenge'],
  run: async (ui, values) => {
    const challenge = await withServer(ui, values, ({ attestation }) =>
      attestation.createChallenge({}),
    )
    if (values.json || values.format === 'json') {
      ui.print(JSON.stringify(plain(CreateChallengeResponseSchema)(challenge), null, 2))
    } else {
      ui.print(toHex(challenge.nonce))
      ui.say(`good once, until ${timeText(challenge.expireTime)}`)
    }
    return 0
  },
})
