/** A promise that was broken, in one sentence: what a simulation exists to find. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

export function demand(isKept: boolean, sentence: string | (() => string)): asserts isKept {
  if (!isKept) throw new Violation(typeof sentence === 'string' ? sentence : sentence());
}
