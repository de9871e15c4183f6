/**
 * Groups commit the same number for several partitions at once, a larger one each time, and are deleted now and then. What was
 * acknowledged is there; what was under way is there for all partitions or for none; nothing goes back.
 */
import { type Actor, breathe, Hands, pick, type Stage, type StopSign, untilBroken } from './actor.ts';
import { makeTopic } from './log-actors.ts';
import { OutcomeLedger } from './outcome-ledger.ts';

const TOPIC = 'committed-to';
const PARTITIONS = [0, 1, 2];
const GROUPS = ['group-0', 'group-1', 'group-2', 'group-3'];
const DELETE_PROBABILITY = 0.05;
const LOOPS = 2;

export class OffsetActor implements Actor {
  readonly name = 'committed offsets';
  readonly #stage: Stage;
  readonly #hands: Hands;
  /** By group; null: nothing is committed. */
  readonly #ledger = new OutcomeLedger<number | null>(null);
  #next = 1;

  constructor(stage: Stage) {
    this.#stage = stage;
    this.#hands = new Hands(stage);
  }

  async begin(): Promise<void> {
    await makeTopic(this.#hands, TOPIC, PARTITIONS.length, {});
  }

  async run(stop: StopSign): Promise<void> {
    const loops = Array.from({ length: LOOPS }, (_, loop) => GROUPS.filter((_name, index) => index % LOOPS === loop));
    await Promise.all(loops.map((groups) => this.#commit(groups, stop)));
  }

  async verify(): Promise<string[]> {
    const problems: string[] = [];
    for (const group of GROUPS) {
      const committed = await this.#hands.patient.groupPositions.list(group);
      const numbers = new Set(committed.map(({ offset }) => offset));
      if (committed.length > 0 && (numbers.size > 1 || committed.length !== PARTITIONS.length)) {
        const found = committed.map(({ partition, offset }) => `${partition} at ${offset}`).join(', ');
        problems.push(`${group} has part of a commit: ${found}`);
      }
      const problem = this.#ledger.check(group, committed[0]?.offset ?? null);
      if (problem !== null) problems.push(problem);
    }
    return problems;
  }

  lie(): void {
    this.#ledger.lie('group-0', 1_000_000_000);
  }

  get doneCount(): number {
    return this.#ledger.acknowledgedCount;
  }

  counts(): string {
    return `${this.#ledger.acknowledgedCount} commits of offsets`;
  }

  close(): Promise<void> {
    return this.#hands.close();
  }

  async #commit(groups: readonly string[], stop: StopSign): Promise<void> {
    const { random } = this.#stage;
    while (!stop.isStopped) {
      const group = pick(random, groups);
      await untilBroken(async () => {
        if (random.nextBoolean(DELETE_PROBABILITY) && this.#ledger.known(group) !== null) {
          this.#ledger.begin(group, null);
          const [deleted] = await this.#hands.hasty.groups.delete([group]);
          if (deleted?.error === null) this.#ledger.acknowledged(group, null);
          return;
        }
        const offset = this.#next++;
        this.#ledger.begin(group, offset);
        const offsets = PARTITIONS.map((partition) => ({ topic: TOPIC, partition, offset }));
        await this.#hands.hasty.groupPositions.alter(group, offsets);
        this.#ledger.acknowledged(group, offset);
      });
      await breathe(random, 10);
    }
  }
}
