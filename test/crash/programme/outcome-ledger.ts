/**
 * What is known of things that have one state at a time, by name: a setting, a user, a committed offset, a topic. A change that
 * was acknowledged is so; one that was under way when the broker died may have come about or not.
 *
 *      begin(wanted) ──▶ acknowledged ──▶ the state is `wanted`
 *                   └──▶ nothing heard ──▶ the state is what it was, or `wanted`, until somebody looks
 */
export class OutcomeLedger<State> {
  readonly #rows = new Map<string, { known: State; possible: State[] }>();
  readonly #nothing: State;
  readonly #isSame: (expected: State, found: State) => boolean;
  acknowledgedCount = 0;

  constructor(nothing: State, isSame: (expected: State, found: State) => boolean = Object.is) {
    this.#nothing = nothing;
    this.#isSame = isSame;
  }

  /** As far as it was acknowledged, or seen. */
  known(name: string): State {
    return this.#rows.get(name)?.known ?? this.#nothing;
  }

  /** Nothing is under way, and nothing is in doubt. */
  isSettled(name: string): boolean {
    return (this.#rows.get(name)?.possible.length ?? 0) === 0;
  }

  begin(name: string, wanted: State): void {
    const row = this.#rows.get(name) ?? { known: this.#nothing, possible: [] };
    row.possible.push(wanted);
    this.#rows.set(name, row);
  }

  acknowledged(name: string, state: State): void {
    this.acknowledgedCount += 1;
    this.#rows.set(name, { known: state, possible: [] });
  }

  /** Compares one, and takes over what is found. Null: it may be so. */
  check(name: string, found: State): string | null {
    const { known, possible } = this.#rows.get(name) ?? { known: this.#nothing, possible: [] };
    const isExpected = [known, ...possible].some((state) => this.#isSame(state, found));
    if (isExpected) {
      this.#rows.set(name, { known: found, possible: [] });
      return null;
    }
    const others = possible.length === 0 ? '' : `, or ${possible.map((one) => JSON.stringify(one)).join(' or ')}`;
    return `${name} is ${JSON.stringify(found)}; acknowledged was ${JSON.stringify(known)}${others}`;
  }

  /** All that are known, and all that are found. */
  checkAll(found: ReadonlyMap<string, State>): string[] {
    const names = new Set([...this.#rows.keys(), ...found.keys()]);
    return [...names].flatMap((name) => this.check(name, found.get(name) ?? this.#nothing) ?? []);
  }

  /** For canaries: as if somebody had acknowledged it. */
  lie(name: string, state: State): void {
    this.#rows.set(name, { known: state, possible: [] });
  }
}
