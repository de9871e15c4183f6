/**
 * How many requests the control plane answered with an error, by API: the fronts see only bytes of such answers. An error
 * is an `errorCode` that is not 0, at the top of the answer or of any of its parts. Only there when metrics are wanted.
 */
const DEPTH_MAX = 6;

export class AnswerErrors {
  private readonly counts = new Map<number, number>();

  note(apiKey: number, answer: unknown): void {
    if (hasError(answer)) this.counts.set(apiKey, this.countOf(apiKey) + 1);
  }

  countOf(apiKey: number): number {
    return this.counts.get(apiKey) ?? 0;
  }
}

/** Answers are trees of plain objects and arrays as their schemas have them; bytes are not looked into. */
export function hasError(part: unknown, depth = 0): boolean {
  if (typeof part !== 'object' || part === null || ArrayBuffer.isView(part) || depth > DEPTH_MAX) return false;
  if (Array.isArray(part)) return part.some((item) => hasError(item, depth + 1));
  if ('errorCode' in part && part.errorCode !== 0) return true;
  return Object.values(part).some((value) => hasError(value, depth + 1));
}

/** Some part of it says that it was done. */
export function hasSuccess(part: unknown, depth = 0): boolean {
  if (typeof part !== 'object' || part === null || ArrayBuffer.isView(part) || depth > DEPTH_MAX) return false;
  if (Array.isArray(part)) return part.some((item) => hasSuccess(item, depth + 1));
  if ('errorCode' in part && part.errorCode === 0) return true;
  return Object.values(part).some((value) => hasSuccess(value, depth + 1));
}
