/** Runs console commands as a person would, with a terminal that remembers. */
import { runCommand } from '../../src/cli/run-command.ts';
import type { Terminal } from '../../src/cli/terminal.ts';
import { checkData } from '../../src/cluster/data-check.ts';

export interface Ran {
  readonly exitCode: number;
  readonly output: string;
  readonly warnings: string;
}

export interface RunOptions {
  readonly input?: string;
  /** What a person types where it is not seen. */
  readonly typed?: readonly string[] | null;
  readonly isForPerson?: boolean;
  readonly environment?: { readonly [name: string]: string };
  /** Called with what would be Ctrl-C, as soon as the command listens for it. */
  readonly onReady?: (interrupt: () => void) => void;
  readonly onOutput?: (text: string) => void;
}

export async function run(argv: readonly string[], options: RunOptions = {}): Promise<Ran> {
  let output = '';
  const warnings: string[] = [];
  const terminal: Terminal = {
    write(text) {
      const piece = typeof text === 'string' ? text : Buffer.from(text).toString();
      output += piece;
      options.onOutput?.(output);
      return Promise.resolve();
    },
    warn: (text) => void warnings.push(text),
    isForPerson: options.isForPerson ?? false,
    columns: 100,
    input: () => inputOf(options.input ?? ''),
    inputIsPerson: options.typed !== undefined,
    secrets: () => Promise.resolve(options.typed ?? null),
    onInterrupt(listener) {
      options.onReady?.(listener);
      return () => {};
    },
    environment: options.environment ?? {},
  };
  const exitCode = await runCommand(argv, terminal, {
    checkData: (wish, tell) => Promise.resolve().then(() => checkData(wish, tell)),
  });
  return { exitCode, output, warnings: warnings.join('\n') };
}

async function* inputOf(text: string): AsyncIterable<Uint8Array> {
  await Promise.resolve();
  if (text !== '') yield Buffer.from(text);
}
