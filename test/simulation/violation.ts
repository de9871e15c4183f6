/** A promise that was broken, in one sentence: what a simulation exists to find. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

/** Nothing more can be demanded in this run, for a reason that `docs/durability.md` names among the limits. */
export class Excuse extends Error {
  override readonly name = 'Excuse';
}

export function demand(isKept: boolean, sentence: string | (() => string)): asserts isKept {
  if (!isKept) throw new Violation(typeof sentence === 'string' ? sentence : sentence());
}
