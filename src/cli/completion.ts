/** `perfbroker completion SHELL`: a script that completes commands and options, made from the commands' descriptions. */
import { Fault } from '../base/fault.ts';
import { type Command, defineCommand } from './command.ts';

const shells = ['bash', 'zsh', 'fish'];

/** `load` gives the other commands. */
export function completionOf(load: () => Promise<Command[]>): Command {
  return defineCommand({
    words: 'completion',
    needsArguments: true,
    summary: 'Print a completion script for bash, zsh or fish.',
    positional: { name: 'SHELL', doc: 'bash, zsh or fish.', isRequired: true, isMany: false },
    options: {},
    examples: [
      'completion bash > /etc/bash_completion.d/perfbroker',
      'completion zsh > ~/.zsh/completions/_perfbroker',
      'completion fish > ~/.config/fish/completions/perfbroker.fish',
    ],
    async run({ positionals, terminal }) {
      const [shell = ''] = positionals;
      if (!shells.includes(shell)) {
        throw new Fault('PB_UNKNOWN_FLAG', `there is no completion for '${shell}'; one of ${shells.join(', ')}`);
      }
      const commands = await load();
      await terminal.write(shell === 'fish' ? fishScript(commands) : bashScript(commands, shell));
      return 0;
    },
  });
}

function optionsOf(command: Command): string[] {
  return [...Object.keys(command.options).map((name) => `--${name}`), '--help'];
}

function bashScript(commands: readonly Command[], shell: string): string {
  const firsts = [...new Set([...commands.map(({ words }) => words.split(' ')[0] ?? ''), 'completion', 'help'])];
  const seconds = firsts.flatMap((first) => {
    const below = commands.filter(({ words }) => words.startsWith(`${first} `));
    if (below.length === 0) return [];
    return [`    ${first}) words="${below.map(({ words }) => words.slice(first.length + 1)).join(' ')}" ;;`];
  });
  const options = commands.map((command) => `    "${command.words}"*) words="${optionsOf(command).join(' ')}" ;;`);
  return `${[
    ...(shell === 'zsh' ? ['#compdef perfbroker', 'autoload -U +X bashcompinit && bashcompinit', ''] : []),
    '_perfbroker() {',
    `  local current="${word('COMP_CWORD')}" words=""`,
    `  local line="${word('*')}"`,
    '  if [ "$COMP_CWORD" -eq 1 ]; then',
    `    words="${firsts.join(' ')}"`,
    '  elif [ "$COMP_CWORD" -eq 2 ] && [[ "$current" != -* ]]; then',
    `    case "${word('1')}" in`,
    ...seconds,
    '    completion) words="bash zsh fish" ;;',
    '    esac',
    '  fi',
    '  if [ -z "$words" ]; then',
    '    case "$line" in',
    ...options,
    '    esac',
    '  fi',
    '  COMPREPLY=($(compgen -W "$words" -- "$current"))',
    '}',
    'complete -F _perfbroker perfbroker',
  ].join('\n')}\n`;
}

/** A word of the line as bash knows it; `*` gives the words between the program's name and the one being typed. */
function word(index: string): string {
  const slice = index === '*' ? ':1:COMP_CWORD-1' : '';
  return ['$', `{COMP_WORDS[${index}]${slice}}`].join('');
}

function fishScript(commands: readonly Command[]): string {
  const lines = ['complete -c perfbroker -f'];
  const firsts = new Set(commands.map(({ words }) => words.split(' ')[0] ?? ''));
  lines.push(`complete -c perfbroker -n __fish_use_subcommand -a '${[...firsts, 'completion', 'help'].join(' ')}'`);
  for (const command of commands) {
    const [first = '', second] = command.words.split(' ');
    const seen = `__fish_seen_subcommand_from ${first}`;
    const condition = second === undefined ? seen : `${seen}; and __fish_seen_subcommand_from ${second}`;
    if (second !== undefined) {
      lines.push(`complete -c perfbroker -n '${seen}' -a ${second} -d '${quoted(command.summary)}'`);
    }
    for (const [name, { doc }] of Object.entries(command.options)) {
      lines.push(`complete -c perfbroker -n '${condition}' -l ${name} -d '${quoted(doc)}'`);
    }
  }
  return `${lines.join('\n')}\n`;
}

function quoted(text: string): string {
  return text.replaceAll("'", "\\'");
}
