// Rules about the enclave or TD itself: its kind, what vouches for it, and
// whether its memory is closed to the host.

import { answer, list, open, type Rule } from './rule.ts'

export const teeRule: Rule = {
  name: 'tee',
  judge: ({ tees }, { quote }) =>
    answer(tees.includes(quote.tee), 'TEE_NOT_ALLOWED', `${quote.tee}; accepted: ${list(tees)}`),
}

export const simulatedRule: Rule = {
  name: 'simulated',
  judge: ({ simulated }, { quote }) =>
    answer(
      !quote.simulated || simulated,
      'SIMULATED_NOT_ALLOWED',
      quote.simulated
        ? `SIMULATED: rests on ${quote.anchor.name} and proves nothing about hardware`
        : `hardware, under ${quote.anchor.name}`,
    ),
}

export const debugRule: Rule = {
  name: 'debug',
  judge: ({ debug }, { quote }) => {
    const what = quote.tee === 'tdx' ? 'TD' : 'enclave'
    const detail = quote.debug ? `a debug ${what}` : `not a debug ${what}`
    return answer(!quote.debug || debug, 'DEBUG_NOT_ALLOWED', detail)
  },
}

/**
 * These attributes are for Intel's own enclaves; an application that has them
 * can read the platform's provisioning or launch keys.
 */
export const provisioningRule: Rule = {
  name: 'provisioning',
  judge: (_, { quote }) => {
    if (quote.tee !== 'sgx') return undefined
    const { provisionKey, einitTokenKey, flags } = quote.attributes
    const held = provisionKey || einitTokenKey
    return answer(!held, 'PROVISIONING_NOT_ALLOWED', `attributes ${flags}`)
  },
}

/** Bits that are not defined yet may mean anything, so they must not be set. */
export const tdAttributesRule: Rule = {
  name: 'td-attributes',
  judge: (_, { quote }) => {
    if (quote.tee !== 'tdx') return undefined
    const { reserved, raw } = quote.td.tdAttributes
    return answer(!reserved, 'TD_ATTRIBUTES_RESERVED', `attributes ${raw}`)
  },
}

/** Without SEPT_VE_DISABLE the host can take pages away and make the TD handle that. */
export const septVeRule: Rule = {
  name: 'sept-ve',
  judge: ({ tdx }, { quote }) => {
    if (quote.tee !== 'tdx') return undefined
    const { septVeDisable } = quote.td.tdAttributes
    const detail = `SEPT_VE_DISABLE is ${septVeDisable ? 'set' : 'not set'}`
    return answer(septVeDisable || !tdx.requireSeptVeDisable, 'SEPT_VE_NOT_DISABLED', detail)
  },
}

/** Whoever migrates a TD takes part in what it is; its own quote does not name them. */
export const migratableRule: Rule = {
  name: 'migratable',
  judge: ({ tdx }, { quote }) => {
    if (quote.tee !== 'tdx') return undefined
    const { migratable } = quote.td.tdAttributes
    const detail = migratable ? 'can be migrated' : 'cannot be migrated'
    return answer(!migratable || tdx.migratable, 'MIGRATABLE_NOT_ALLOWED', detail)
  },
}

/** A service TD bound to this one may read and change it (TD report 1.5 and later name it). */
export const serviceTdRule: Rule = {
  name: 'service-td',
  judge: ({ tdx }, { quote }) => {
    if (quote.tee !== 'tdx') return undefined
    const bound = quote.td.mrServiceTd
    if (bound === undefined) return open('the TD report is older than 1.5 and does not say')
    if (/^0+$/.test(bound)) return answer(true, 'SERVICE_TD_NOT_ALLOWED', 'none is bound')
    return answer(tdx.serviceTds.includes(bound), 'SERVICE_TD_NOT_ALLOWED', `bound to ${bound}`)
  },
}
