// Remembers how new the newest collateral was that was ever accepted. Collateral
// stays valid for a month after it was replaced, so whoever controls the way to
// Intel can show a vulnerable platform as up to date by serving last month's.
// The memory lives apart from the cache: emptying that does not forget.

import { fail, parseJson } from '@vorta/core'
import { decode, integer, object, oneOf, record } from '@vorta/core/decode'
import { refuse } from '../errors.ts'
import type { VerifiedCollateral } from '../verify-collateral.ts'
import { readIfThere, writeDurably } from './durable-file.ts'
import type { CollateralKey } from './fetch-collateral.ts'

export type RollbackMemory = {
  /** Throws COLLATERAL_ROLLBACK for collateral with any part older than one seen before. */
  check(key: CollateralKey, verified: VerifiedCollateral): void
  /** Remembers it; resolves once that is on disk. */
  accept(key: CollateralKey, verified: VerifiedCollateral): Promise<void>
}

type Marks = Readonly<Record<string, number>>

/**
 * What must never go down. CRLs are the same for all; Intel numbers every CRL 1, so their dates
 * have to do. The early edition is ahead of the standard one, so each has marks of its own.
 */
function marksOf({ tee, fmspc, ca, update }: CollateralKey, verified: VerifiedCollateral): Marks {
  const { issued, tcbInfo, qeIdentity } = verified
  return {
    [`${tee}/${fmspc}/${update}/issued`]: issued.tcbInfo,
    [`${tee}/${fmspc}/${update}/evaluation`]: tcbInfo.evaluationNumber,
    [`${tee}/qe/${update}/issued`]: issued.qeIdentity,
    [`${tee}/qe/${update}/evaluation`]: qeIdentity.evaluationNumber,
    [`crl/${ca}`]: issued.pckCrl,
    'crl/root': issued.rootCrl,
  }
}

const file = object({
  version: oneOf(1),
  newest: record(integer(0, Number.MAX_SAFE_INTEGER), 65_536),
})
const maxBytes = 8 * 1024 * 1024

/** In memory only where no path is given. Throws CONFIG_INVALID for a damaged file. */
export async function openRollbackMemory(path: string | undefined): Promise<RollbackMemory> {
  const newest = new Map(path === undefined ? [] : Object.entries(await load(path)))
  let writing: Promise<void> = Promise.resolve()
  let isSaved = true

  const save = async (): Promise<void> => {
    if (path === undefined) return
    isSaved = false
    await writeDurably(path, JSON.stringify({ version: 1, newest: Object.fromEntries(newest) }))
    isSaved = true
  }

  return {
    check: (key, verified) => {
      for (const [name, mark] of Object.entries(marksOf(key, verified))) {
        const seen = newest.get(name) ?? 0
        if (mark >= seen) continue
        throw refuse(
          'COLLATERAL_ROLLBACK',
          `collateral: ${name} is ${mark}, ${seen} was seen before`,
        )
      }
    },
    accept: (key, verified) => {
      const marks = Object.entries(marksOf(key, verified))
      // What a full disk kept from being written is still to be written.
      if (isSaved && marks.every(([name, mark]) => newest.get(name) === mark)) return writing
      for (const [name, mark] of marks) newest.set(name, Math.max(mark, newest.get(name) ?? 0))
      writing = writing.then(save, save)
      return writing
    },
  }
}

async function load(path: string): Promise<Marks> {
  const damaged = (reason: string) =>
    fail('CONFIG_INVALID', `${path}: ${reason}`, {
      hints: ['it holds how new the newest collateral seen was; removing it forgets that'],
    })
  try {
    const text = await readIfThere(path)
    if (text === undefined) return {}
    return decode(file, parseJson(text, { maxBytes }), damaged).newest
  } catch (thrown) {
    throw damaged((thrown as Error).message)
  }
}
