/**
 * What a broker answered when it was not "done": the Kafka error code and the thing it is about. Thrown by this folder's
 * classes to their callers; a lost connection or a broken frame is a Fault instead.
 */
import { errorName } from '../protocol/errors.ts';

export class AnswerError extends Error {
  override readonly name = 'AnswerError';
  readonly code: number;

  constructor(code: number, what: string, detail: string | null = null) {
    super(`${what}: ${errorName(code)} (${code})${detail === null || detail === '' ? '' : `, ${detail}`}`);
    this.code = code;
  }
}

export function checkAnswer(code: number, what: string, detail: string | null = null): void {
  if (code !== 0) throw new AnswerError(code, what, detail);
}
