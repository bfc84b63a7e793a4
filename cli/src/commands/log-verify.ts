// `log verify`: the newest checkpoint is signed by the key I know, and the log
// only added to what I saw before.

import { exitCodes } from '@vorta/api/errors'
import { fromUtf8, toHex, VerificationError } from '@vorta/core'
import { connectionOptions, command as define, verdictOptions } from '../command.ts'
import { readInput } from '../input.ts'
import { checkVkey, openCheckpoint, requireGrown, requireSameKey } from '../log-check.ts'
import { details } from '../output.ts'
import { recall, remember, rememberedPath } from '../remembered.ts'
import { withServer } from '../server.ts'

export const command = define({
  summary: 'check that the log is signed and only grows',
  description: `Compares with the checkpoint seen last time, which is kept per endpoint, and with --checkpoint.
The key is that of --log-key or of the context, else the one seen last time; the first time,
the server's word is taken for it. Exit code 5 if anything does not fit.`,
  options: {
    checkpoint: { type: 'string', value: 'FILE', summary: 'also compare with this older one' },
    'log-key': { type: 'string', value: 'VKEY', summary: "the log's key (C2SP vkey)" },
    ...verdictOptions,
    ...connectionOptions,
  },
  arguments: [],
  examples: ['log verify', 'log verify --checkpoint checkpoint.txt'],
  run: (ui, values) =>
    withServer(ui, values, async (server) => {
      const { io } = ui
      const { endpoint, context } = server.target
      const seen = await recall(io, endpoint)
      const offered = await server.log.getCheckpoint({})
      const given = values['log-key'] === undefined ? undefined : checkVkey(values['log-key'])
      const pinned = given ?? context?.logKey
      const key = pinned ?? seen?.key ?? offered.key
      const compared: string[] = []
      try {
        requireSameKey(key, offered.key, pinned === undefined ? 'seen last time' : 'pinned')
        const now = await openCheckpoint(offered.checkpoint, key)
        if (values.checkpoint !== undefined) {
          const older = fromUtf8(await readInput(io, values.checkpoint)) ?? ''
          await requireGrown(server, await openCheckpoint(older, key), now)
          compared.push(values.checkpoint)
        }
        if (seen) {
          await requireGrown(server, await openCheckpoint(seen.checkpoint, key), now)
          compared.push('the one seen last time')
        }
        await remember(io, { endpoint, key, checkpoint: offered.checkpoint })
        if (pinned === undefined && !seen) {
          ui.warn("first time here: the key is only the server's word; pin it with --log-key")
        }
        const result = {
          outcome: 'verified',
          origin: now.origin,
          size: now.size,
          root: toHex(now.root),
          key,
          keyPinned: pinned !== undefined,
          comparedWith: compared,
        }
        if (values.json || values.format === 'json') ui.print(JSON.stringify(result, null, 2))
        else {
          ui.print(
            details(ui.paint, [
              ['outcome', '✓ verified', 'good'],
              ['log', now.origin],
              ['size', String(now.size)],
              ['root', result.root],
              ['key', key],
              ['grew from', compared.join(', ')],
            ]),
          )
        }
        return exitCodes.ok
      } catch (thrown) {
        if (!(thrown instanceof VerificationError) || !seen) throw thrown
        throw new VerificationError(thrown.code, thrown.message, {
          hints: [`if this log was set up anew on purpose, remove ${rememberedPath(io, endpoint)}`],
          cause: thrown,
        })
      }
    }),
})
