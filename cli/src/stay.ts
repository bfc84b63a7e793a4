// Stays with a job until it ends. Ctrl-C lets go of the job, it does not end it;
// on a terminal a second one within two seconds asks whether to cancel.

import type { Job } from '@vorta/api'
import { VortaError } from '@vorta/core'
import { idOf } from './jobs.ts'
import { monitor } from './monitor.ts'
import type { Server } from './server.ts'
import type { Ui } from './ui.ts'

const secondPressMs = 2_000

/** The job at its end, or undefined where one let go of it. */
export async function stay(ui: Ui, server: Server, name: string): Promise<Job | undefined> {
  const abort = new AbortController()
  const detach = () => abort.abort()
  let presses = 0
  let timer: NodeJS.Timeout | undefined
  const release = ui.io.onInterrupt(() => {
    presses++
    clearTimeout(timer)
    if (!ui.io.stdin.isTTY || presses > 2) return detach()
    if (presses === 1) {
      ui.say('Letting go of the job; press Ctrl-C again within 2 s to cancel it')
      timer = setTimeout(detach, secondPressMs)
      return
    }
    offerCancel(ui, server, name).then(
      (cancelled) => cancelled || detach(),
      (thrown) => {
        ui.error(VortaError.from(thrown).message)
        detach()
      },
    )
  })
  try {
    return await monitor(ui, server, name, { signal: abort.signal })
  } catch (thrown) {
    if (!abort.signal.aborted) throw thrown
    ui.say(`The job lives on. next: vorta-cli job watch ${idOf(name)}`)
    return undefined
  } finally {
    clearTimeout(timer)
    release()
  }
}

async function offerCancel({ io }: Ui, server: Server, name: string): Promise<boolean> {
  io.stderr.write(`Cancel job ${idOf(name)}? [y/N] `)
  let answer = ''
  for await (const part of io.stdin) {
    answer += new TextDecoder().decode(part)
    if (answer.includes('\n')) break
  }
  if (!/^y(es)?$/i.test(answer.trim())) return false
  await server.jobs.cancelJob({ name })
  return true
}
