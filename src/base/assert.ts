/**
 * A failed assert is a bug of ours: it must never be caught and answered. The message is a constant, so that asserting
 * costs nothing while it holds; what varies belongs into the state that the process prints when it stops.
 */
export class Bug extends Error {
  override readonly name = 'Bug';
}

export function assert(condition: boolean, fact: string): asserts condition {
  if (!condition) throw new Bug(fact);
}

export function assertNever(value: never): never {
  throw new Bug(`a case was forgotten: ${JSON.stringify(value)}`);
}

/** Narrows away null and undefined where the caller knows that the value is there. */
export function must<T>(value: T | null | undefined, fact: string): T {
  if (value === null || value === undefined) throw new Bug(fact);
  return value;
}
