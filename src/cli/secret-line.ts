/**
 * Asks a person for a line that must not be seen: what is typed does not appear on the screen. Node's readline takes the
 * terminal out of its echoing mode, edits the line (backspace, kill, paste) and puts the terminal back; what it would draw is
 * thrown away.
 */
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';

/** Null: the person gave up, with Ctrl-C or Ctrl-D. `prompt` gets the question, and nothing of the answer. */
export function readSecret(
  input: NodeJS.ReadableStream,
  prompt: NodeJS.WritableStream,
  question: string,
): Promise<string | null> {
  prompt.write(question);
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input, output: nowhere, terminal: true, historySize: 0 });
  return new Promise((resolve) => {
    const end = (line: string | null): void => {
      lines.removeAllListeners();
      lines.close();
      prompt.write('\n');
      resolve(line);
    };
    lines.once('line', end);
    lines.once('SIGINT', () => end(null));
    lines.once('close', () => end(null));
  });
}
