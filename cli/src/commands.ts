// The table of commands. Each is loaded when it is needed: the start of the
// program costs nothing of what the other commands import.

import type { Command } from './command.ts'

type Load = () => Promise<{ readonly command: Command }>

/** A group of commands by their second word, or a single command. */
export type Entry = Load | Readonly<Record<string, Load>>

export const commands: Readonly<Record<string, Entry>> = {
  submit: () => import('./commands/submit.ts'),
  run: () => import('./commands/run.ts'),
  job: {
    list: () => import('./commands/job-list.ts'),
    get: () => import('./commands/job-get.ts'),
    watch: () => import('./commands/job-watch.ts'),
    events: () => import('./commands/job-events.ts'),
    cancel: () => import('./commands/job-cancel.ts'),
    stop: () => import('./commands/job-stop.ts'),
    explain: () => import('./commands/job-explain.ts'),
    receipt: () => import('./commands/job-receipt.ts'),
    release: () => import('./commands/job-release.ts'),
  },
  worker: {
    list: () => import('./commands/worker-list.ts'),
    get: () => import('./commands/worker-get.ts'),
  },
  receipt: {
    verify: () => import('./commands/receipt-verify.ts'),
    show: () => import('./commands/receipt-show.ts'),
  },
  proof: {
    verify: () => import('./commands/proof-verify.ts'),
  },
  mainframe: {
    verify: () => import('./commands/mainframe-verify.ts'),
  },
  quote: {
    inspect: () => import('./commands/quote-inspect.ts'),
    verify: () => import('./commands/quote-verify.ts'),
  },
  collateral: {
    fetch: () => import('./commands/collateral-fetch.ts'),
    show: () => import('./commands/collateral-show.ts'),
    verify: () => import('./commands/collateral-verify.ts'),
    import: () => import('./commands/collateral-import.ts'),
    export: () => import('./commands/collateral-export.ts'),
  },
  measure: () => import('./commands/measure.ts'),
  sigstruct: {
    view: () => import('./commands/sigstruct-view.ts'),
    verify: () => import('./commands/sigstruct-verify.ts'),
  },
  policy: {
    check: () => import('./commands/policy-check.ts'),
    replay: () => import('./commands/policy-replay.ts'),
  },
  attestation: {
    challenge: () => import('./commands/attestation-challenge.ts'),
    appraise: () => import('./commands/attestation-appraise.ts'),
    get: () => import('./commands/attestation-get.ts'),
    list: () => import('./commands/attestation-list.ts'),
    verify: () => import('./commands/attestation-verify.ts'),
  },
  log: {
    checkpoint: () => import('./commands/log-checkpoint.ts'),
    verify: () => import('./commands/log-verify.ts'),
  },
  doctor: () => import('./commands/doctor.ts'),
  context: {
    list: () => import('./commands/context-list.ts'),
    show: () => import('./commands/context-show.ts'),
    add: () => import('./commands/context-add.ts'),
    use: () => import('./commands/context-use.ts'),
    remove: () => import('./commands/context-remove.ts'),
  },
  api: () => import('./commands/api.ts'),
  version: () => import('./commands/version.ts'),
  completion: () => import('./commands/completion.ts'),
  help: () => import('./commands/help.ts'),
}

/** What a group is about, for the overview. */
export const groups: Readonly<Record<string, string>> = {
  job: 'look at jobs and end them',
  worker: 'look at workers',
  receipt: 'verify and read receipts, offline',
  proof: 'verify proofs, offline',
  mainframe: 'have the mainframe prove what it is',
  quote: 'verify and dissect attestation quotes, offline',
  collateral: "fetch, check and carry Intel's collateral",
  sigstruct: 'verify and dissect the signatures of SGX enclaves, offline',
  policy: 'check attestation policies, and try them on all that is stored',
  attestation: 'have evidence appraised, and check signed results',
  log: 'check the transparency log',
  context: 'remember endpoints and where their tokens are',
}

export type Named = { readonly words: readonly string[]; readonly command: Command }

/** Loads every command, in the order of the table. */
export async function allCommands(): Promise<readonly Named[]> {
  const named: Promise<Named>[] = []
  const add = (words: readonly string[], load: Load) =>
    named.push(load().then(({ command }) => ({ words, command })))
  for (const [word, entry] of Object.entries(commands)) {
    if (typeof entry === 'function') add([word], entry)
    else for (const [second, load] of Object.entries(entry)) add([word, second], load)
  }
  return Promise.all(named)
}
