/**
 * Asks a person for lines that must not be seen: what is typed does not appear on the screen. Node's readline takes the
 * terminal out of its echoing mode, edits the line (backspace, kill, paste) and puts the terminal back; what it would draw is
 * thrown away. The terminal is silent before the first question stands there, and until the last answer is whole: who types
 * fast is not seen either.
 */
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';

/**
 * An answer for each question, as long as they are not empty; null: the person gave up, with Ctrl-C or Ctrl-D. `prompt` gets
 * the questions, and nothing of the answers.
 */
export function readSecrets(
  input: NodeJS.ReadableStream,
  prompt: NodeJS.WritableStream,
  questions: readonly string[],
): Promise<readonly string[] | null> {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input, output: nowhere, terminal: true, historySize: 0 });
  const answers: string[] = [];
  return new Promise((resolve) => {
    const end = (result: readonly string[] | null): void => {
      lines.removeAllListeners();
      lines.close();
      resolve(result);
    };
    const ask = (): void => void prompt.write(questions[answers.length] ?? '');
    lines.on('line', (line) => {
      prompt.write('\n');
      answers.push(line);
      if (line === '' || answers.length === questions.length) end(answers);
      else ask();
    });
    const giveUp = (): void => {
      prompt.write('\n');
      end(null);
    };
    lines.once('SIGINT', giveUp);
    lines.once('close', giveUp);
    ask();
  });
}
