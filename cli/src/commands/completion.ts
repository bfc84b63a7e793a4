// `completion bash|zsh|fish`: a script for the shell, made from the table of
// commands. Names of jobs and workers are asked of the server as one types.

import { closest, fail } from '@vorta/core'
import { command as define } from '../command.ts'
import { script } from '../completion.ts'

const shells = ['bash', 'zsh', 'fish'] as const

export const command = define({
  summary: 'print a completion script for a shell',
  description: `bash: add \`source <(vorta-cli completion bash)\` to ~/.bashrc
zsh:  write it to a file named _vorta-cli in a folder of $fpath
fish: write it to ~/.config/fish/completions/vorta-cli.fish`,
  options: {},
  arguments: [{ name: 'shell', summary: 'bash, zsh or fish' }],
  examples: ['completion bash > ~/.local/share/bash-completion/completions/vorta-cli'],
  run: async (ui, _, [shell]) => {
    const known = shells.find((name) => name === shell)
    if (!known) {
      const meant = closest(shell ?? '', shells)
      throw fail('USAGE', `shell: expected ${shells.join(', ')}, got "${shell}"`, {
        hints: meant === undefined ? [] : [`did you mean ${meant}?`],
      })
    }
    ui.print(await script(known))
    return 0
  },
})
