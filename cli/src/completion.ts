// Completion scripts. The words are written into the script when it is made, so
// that a Tab costs no start of the program; only live names ask for one.

import { type Completes, commonOptions, type Options } from './command.ts'
import { allCommands, commands, type Named } from './commands.ts'
import { topics } from './topics.ts'

const live: Readonly<Record<Exclude<Completes, 'file' | 'topic'>, string>> = {
  job: 'vorta-cli job list -q 2>/dev/null',
  worker: 'vorta-cli worker list -q 2>/dev/null',
  context: 'vorta-cli context list -q 2>/dev/null',
}

/** The script for one shell. */
export async function script(shell: 'bash' | 'zsh' | 'fish'): Promise<string> {
  const named = await allCommands()
  if (shell === 'fish') return fish(named)
  // zsh runs bash completion functions: one script to get right instead of two.
  const prefix =
    shell === 'zsh' ? '#compdef vorta-cli\nautoload -U +X bashcompinit && bashcompinit\n' : ''
  return prefix + bash(named)
}

const optionsOf = ({ command }: Named): readonly string[] =>
  Object.keys({ ...command.options, ...commonOptions }).map((name) => `--${name}`)

const wordsFor = (completes: Completes | undefined): string | undefined => {
  if (completes === 'topic') return [...Object.keys(topics), ...Object.keys(commands)].join(' ')
  return completes === undefined || completes === 'file' ? undefined : `$(${live[completes]})`
}

function bash(named: readonly Named[]): string {
  const cases = named.map((entry) => {
    const first = entry.command.arguments[0]
    const words = wordsFor(first?.completes)
    return `    '${entry.words.join(' ')}') options='${optionsOf(entry).join(' ')}'${words ? `; [[ $cur == -* ]] || words="${words}"` : ''} ;;`
  })
  const groups = Object.entries(commands).flatMap(([word, entry]) =>
    typeof entry === 'function'
      ? []
      : [`    '${word}') words='${Object.keys(entry).join(' ')}' ;;`],
  )
  return `# vorta-cli completion; made by \`vorta-cli completion\`
_vorta_cli() {
  local cur=\${COMP_WORDS[COMP_CWORD]} first=\${COMP_WORDS[1]} second=\${COMP_WORDS[2]}
  local options='' words=''
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W '${Object.keys(commands).join(' ')}' -- "$cur"))
    return
  fi
  if ((COMP_CWORD == 2)); then
    case "$first" in
${groups.join('\n')}
    esac
    if [[ -n $words ]]; then
      COMPREPLY=($(compgen -W "$words" -- "$cur"))
      return
    fi
  fi
  case "$first $second" in
${cases.filter((_, i) => named[i]!.words.length === 2).join('\n')}
    *) case "$first" in
${cases.filter((_, i) => named[i]!.words.length === 1).join('\n')}
    esac ;;
  esac
  if [[ $cur == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$cur"))
  elif [[ -n $words ]]; then
    COMPREPLY=($(compgen -W "$words" -- "$cur"))
  else
    COMPREPLY=($(compgen -f -- "$cur"))
  fi
}
complete -o filenames -F _vorta_cli vorta-cli`
}

function fish(named: readonly Named[]): string {
  const quote = (text: string) => `'${text.replace(/[\\']/g, '\\$&')}'`
  const lines = ['# vorta-cli completion; made by `vorta-cli completion`']
  const none = '-n __fish_use_subcommand'
  for (const word of Object.keys(commands))
    lines.push(`complete -c vorta-cli -f ${none} -a ${word}`)
  for (const { words, command } of named) {
    const [first, second] = words
    const seen = words.map((word) => `__fish_seen_subcommand_from ${word}`).join('; and ')
    if (second !== undefined) {
      lines.push(
        `complete -c vorta-cli -f -n '__fish_seen_subcommand_from ${first}; and not __fish_seen_subcommand_from ${second}' -a ${second} -d ${quote(command.summary)}`,
      )
    }
    const options: Options = { ...command.options, ...commonOptions }
    for (const [name, option] of Object.entries(options)) {
      const short = option.short ? ` -s ${option.short}` : ''
      const value = option.type === 'string' ? ' -r' : ''
      const choices = option.choices ? ` -a ${quote(option.choices.join(' '))}` : ''
      lines.push(
        `complete -c vorta-cli -n '${seen}'${short} -l ${name}${value}${choices} -d ${quote(option.summary)}`,
      )
    }
    const argument = wordsFor(command.arguments[0]?.completes)
    if (argument) {
      lines.push(`complete -c vorta-cli -f -n '${seen}' -a ${quote(argument.replace(/^\$/, ''))}`)
    }
  }
  return lines.join('\n')
}
