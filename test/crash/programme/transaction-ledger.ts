/**
 * What is known of transactions: each has a number under its transactional id, so and so many records, and maybe an offset that
 * goes with it. From what a reader of committed records sees, the ledger says which were torn, lost, doubled or never ended.
 *
 *      open ──▶ committing ──▶ committed      all its records, once; its offset with them
 *        └────▶ aborting  ───▶ aborted        none
 *      killed while `committing`: all or none; while `open` or `aborting`: none
 */
export type TransactionState = 'open' | 'committing' | 'committed' | 'aborting' | 'aborted';

export interface TransactionFact {
  readonly id: string;
  readonly number: number;
  /** Records that were handed over so far. */
  count: number;
  state: TransactionState;
  hasOffset: boolean;
}

/** What a record of a transaction says of itself. */
export interface Claim {
  readonly id: string;
  readonly number: number;
  readonly index: number;
}

export class TransactionLedger {
  readonly #facts = new Map<string, TransactionFact>();
  readonly #seen = new Map<string, Set<number>>();

  begin(id: string, number: number): TransactionFact {
    const fact: TransactionFact = { id, number, count: 0, state: 'open', hasOffset: false };
    this.#facts.set(`${id} ${number}`, fact);
    return fact;
  }

  countOf(state: TransactionState): number {
    return [...this.#facts.values()].filter((fact) => fact.state === state).length;
  }

  /** `claims` are all records that came to light since the last look. */
  check(claims: readonly Claim[]): string[] {
    const problems: string[] = [];
    for (const { id, number, index } of claims) {
      const name = `${id} ${number}`;
      const seen = this.#seen.get(name) ?? new Set();
      this.#seen.set(name, seen);
      if (!this.#facts.has(name)) problems.push(`a record of transaction ${name}, which there was not`);
      if (seen.has(index)) problems.push(`record ${index} of transaction ${name} is there twice`);
      seen.add(index);
    }
    for (const [name, fact] of this.#facts) problems.push(...this.#problemOf(name, fact));
    return problems;
  }

  #problemOf(name: string, fact: TransactionFact): string[] {
    const found = this.#seen.get(name)?.size ?? 0;
    const { count, state } = fact;
    if (state === 'committing') {
      fact.state = found > 0 ? 'committed' : 'aborted';
      // Without records nothing tells whether it came about, and nothing has to.
    }
    if (fact.state === 'committed' && found !== count)
      return [`transaction ${name} (${state}) has ${found} of its ${count} records`];
    if (state !== 'committing' && state !== 'committed') {
      fact.state = 'aborted';
      if (found > 0) return [`transaction ${name} (${state}) shows ${found} records`];
    }
    return [];
  }

  /** The offset that the last committed transaction of an id with one brought; -1: there was none. */
  offsetOf(id: string): number {
    let last = -1;
    for (const fact of this.#facts.values())
      if (fact.id === id && fact.state === 'committed' && fact.hasOffset) last = Math.max(last, fact.number);
    return last;
  }
}
