/**
 * What a broker answered when it was not "done": the Kafka error code and the thing it is about. Thrown by this folder's
 * classes to their callers; a lost connection or a broken frame is a plain Fault. `mayRetry` tells of both whether the
 * same thing may be tried again.
 */
import { Fault } from '../base/fault.ts';
import { errorMessage, errorName, isRetriable } from '../protocol/errors.ts';

export class AnswerError extends Fault {
  override readonly name = 'AnswerError';
  /** The protocol's number, name, and whether the protocol says that trying again may help. */
  readonly errorCode: number;
  readonly errorName: string;
  readonly isRetriable: boolean;

  constructor(code: number, what: string, detail: string | null = null) {
    const why = detail === null || detail === '' ? errorMessage(code) : detail;
    super('PB_ANSWER', `${what}: ${errorName(code)} (${code}), ${why}`);
    this.errorCode = code;
    this.errorName = errorName(code);
    this.isRetriable = isRetriable(code);
  }
}

export function checkAnswer(code: number, what: string, detail: string | null = null): void {
  if (code !== 0) throw new AnswerError(code, what, detail);
}

/** The Kafka error code of an error, 0 where it carries none. */
export function errorCodeOf(error: unknown): number {
  return error instanceof AnswerError ? error.errorCode : 0;
}

/** Whether what failed may succeed when it is tried again: a retriable answer, or a connection that was lost. */
export function mayRetry(error: unknown): boolean {
  if (error instanceof AnswerError) return error.isRetriable;
  return error instanceof Fault && error.code === 'PB_CONNECTION';
}
