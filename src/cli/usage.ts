/** Usage texts of the console commands, from their descriptions. */
import type { Command, OptionSpec } from './command.ts';

const COLUMN = 34;
const WIDTH = 100;

export function renderUsage(command: Command): string {
  const { words, summary, positional, options, examples } = command;
  const name = positional === null ? '' : positional.isRequired ? ` ${positional.name}` : ` [${positional.name}]`;
  const rows = Object.entries(options).map(([option, spec]) => row(leftOf(option, spec), docOf(spec)));
  const lines = [
    summary,
    '',
    `Usage: perfbroker ${words}${name}${positional?.isMany === true ? ' ...' : ''} [options]`,
    '',
  ];
  if (positional !== null) lines.push(row(positional.name, positional.doc));
  lines.push(...rows, row('-h, --help', 'Show this text.'));
  if (examples.length > 0) lines.push('', 'Examples:', ...examples.map((example) => `  perfbroker ${example}`));
  return `${lines.join('\n')}\n`;
}

/** Several commands that begin with the same word, or all of them. */
export function renderOverview(title: string, commands: readonly Pick<Command, 'words' | 'summary'>[]): string {
  const rows = commands.map(({ words, summary }) => row(words, summary));
  return [title, '', ...rows, '', 'perfbroker COMMAND --help tells more.', ''].join('\n');
}

function leftOf(name: string, spec: OptionSpec): string {
  const value = spec.kind === 'flag' ? '' : ` ${spec.placeholder ?? 'VALUE'}`;
  return `${spec.alias === undefined ? '    ' : `-${spec.alias}, `}--${name}${value}`;
}

function docOf({ doc, isRequired, choices, kind }: OptionSpec): string {
  const notes = [
    isRequired === true ? 'Required.' : '',
    choices === undefined ? '' : `One of ${choices.join(', ')}.`,
    kind === 'list' ? 'May be given several times.' : '',
  ];
  return [doc, ...notes.filter((note) => note !== '')].join(' ');
}

function row(left: string, right: string): string {
  const lines = wrapped(right, WIDTH - COLUMN);
  const first = `  ${left}`;
  if (first.length >= COLUMN) lines.unshift('');
  return lines.map((line, index) => `${(index === 0 ? first : '').padEnd(COLUMN)}${line}`.trimEnd()).join('\n');
}

function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
