/**
 * How long to wait before trying again, and trying again until a deadline. Waits double from try to try up to a maximum
 * and differ by up to a fifth from caller to caller, so that many clients do not return in step (KIP-580). Used by every
 * part of the client that repeats something.
 */
import { Fault } from '../base/fault.ts';
import { mayRetry } from './answer-error.ts';

export interface BackoffOptions {
  readonly retryBackoffMs?: number;
  readonly retryBackoffMaxMs?: number;
}

const BACKOFF_MS = 100;
const BACKOFF_MAX_MS = 1000;
const JITTER = 0.2;
const DOUBLINGS_MAX = 30;

/** `attempt` counts from 0; `random` gives 0 to 1. */
export function backoffMs(attempt: number, options: BackoffOptions = {}, random: () => number = Math.random): number {
  const first = options.retryBackoffMs ?? BACKOFF_MS;
  const limit = Math.max(first, options.retryBackoffMaxMs ?? BACKOFF_MAX_MS);
  const waitMs = Math.min(limit, first * 2 ** Math.min(attempt, DOUBLINGS_MAX));
  return Math.round(waitMs * (1 - JITTER + 2 * JITTER * random()));
}

/** Ends early, without an error, when the signal fires. */
export function pause(ms: number, signal: AbortSignal | null = null): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) {
      resolve();
      return;
    }
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, Math.max(0, ms));
    signal?.addEventListener('abort', end, { once: true });
  });
}

export interface RetryOptions extends BackoffOptions {
  /** In the time of `Date.now()`. */
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | null;
  /** Called with what went wrong before the next try; throws to give up. */
  readonly beforeRetry?: (error: unknown) => void;
}

/** Tries until it works, fails for good, or the deadline has passed; then the last error is the cause. */
export async function retrying<T>(what: string, options: RetryOptions, attemptOnce: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await attemptOnce();
    } catch (error) {
      if (!mayRetry(error)) throw error;
      options.beforeRetry?.(error);
      if (options.signal?.aborted === true) throw error;
      const waitMs = backoffMs(attempt, options);
      if (Date.now() + waitMs > options.deadlineMs) throw lateFault(what, error);
      await pause(waitMs, options.signal ?? null);
    }
  }
}

function lateFault(what: string, cause: unknown): Fault {
  const last = cause instanceof Error ? cause.message : String(cause);
  return new Fault('PB_TIMEOUT', `${what}: gave up after the last of several tries: ${last}`, { cause });
}

/** Fails with PB_TIMEOUT when the promise takes longer; the promise itself goes on. */
export function within<T>(promise: Promise<T>, ms: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | null = null;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Fault('PB_TIMEOUT', `${what} took longer than ${ms} ms`)), Math.max(0, ms));
  });
  return Promise.race([promise, late]).finally(() => {
    if (timer !== null) clearTimeout(timer);
  });
}
