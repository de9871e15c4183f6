/**
 * The person's end of a console command: where text goes, where lines come from, and the wish to stop. Commands see only
 * this, so tests run them without a process.
 */
import { readSecrets } from './secret-line.ts';

export interface Terminal {
  /** Resolves when the reader keeps up; rejects never: a closed pipe ends the command quietly. */
  write(text: string | Uint8Array): Promise<void>;
  warn(text: string): void;
  /** A person reads it: tables get colour. */
  readonly isForPerson: boolean;
  readonly columns: number;
  /** Raw bytes of standard input. */
  input(): AsyncIterable<Uint8Array>;
  readonly inputIsPerson: boolean;
  /** Lines typed by a person and not shown, until one is empty; null: the person gave up. Only where the input is a person. */
  secrets(questions: readonly string[]): Promise<readonly string[] | null>;
  /** Called at Ctrl-C or SIGTERM; without a listener either ends the process. */
  onInterrupt(listener: () => void): () => void;
  readonly environment: { readonly [name: string]: string | undefined };
}

const COLUMNS_DEFAULT = 100;

export function processTerminal(): Terminal {
  const { stdout, stderr, stdin, env } = process;
  // Who reads may have seen enough (`| head`): that is no error.
  stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  return {
    write(text) {
      if (stdout.write(text)) return Promise.resolve();
      return new Promise((resolve) => stdout.once('drain', resolve));
    },
    warn: (text) => void stderr.write(`${text}\n`),
    isForPerson: stdout.isTTY === true && env['NO_COLOR'] === undefined && env['TERM'] !== 'dumb',
    columns: stdout.columns ?? COLUMNS_DEFAULT,
    input: () => stdin,
    inputIsPerson: stdin.isTTY === true,
    secrets: (questions) => readSecrets(stdin, stderr, questions),
    onInterrupt(listener) {
      process.on('SIGINT', listener);
      process.on('SIGTERM', listener);
      return () => {
        process.off('SIGINT', listener);
        process.off('SIGTERM', listener);
      };
    },
    environment: env,
  };
}
