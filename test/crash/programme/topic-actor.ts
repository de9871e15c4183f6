/**
 * Topics come, grow and go, several at a time. What was created is there with its id and its partitions, what was deleted is
 * gone, a topic made again under an old name has nothing of the old one.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Consumer } from '../../../src/client/consumer.ts';
import { Producer } from '../../../src/client/producer.ts';
import { type Actor, breathe, Hands, type Stage, type StopSign, untilBroken } from './actor.ts';
import { OutcomeLedger } from './outcome-ledger.ts';

/** Null: there is none. A topic whose creation was not answered has an id that nobody knows. */
type TopicState = { readonly id: string | null; readonly partitions: number } | null;

const NAMES = ['comes-0', 'comes-1', 'comes-2', 'comes-3'];
const PREFIX = 'comes-';
const PARTITIONS_MAX = 3;
const LOOPS = 2;
const FOLDERS_WAIT_MS = 15_000;
const PARTITION_FOLDER = /^(.+)-\d+$/;

export class TopicActor implements Actor {
  readonly name = 'topics';
  readonly #stage: Stage;
  readonly #hands: Hands;
  readonly #producer: Producer;
  readonly #ledger = new OutcomeLedger<TopicState>(null, isSameTopic);
  /** By topic id: records that were acknowledged, all of which say the id. */
  readonly #contents = new Map<string, number>();

  constructor(stage: Stage) {
    this.#stage = stage;
    this.#hands = new Hands(stage);
    this.#producer = new Producer(this.#hands.cluster);
  }

  async begin(): Promise<void> {}

  async run(stop: StopSign): Promise<void> {
    const loops = Array.from({ length: LOOPS }, (_, loop) => NAMES.filter((_name, index) => index % LOOPS === loop));
    await Promise.all(loops.map((names) => this.#change(names, stop)));
  }

  async verify(): Promise<string[]> {
    const all = await this.#hands.patient.topics.list({ includeInternal: true });
    const found = new Map<string, TopicState>();
    for (const { name, topicId: id, partitions } of all)
      if (name.startsWith(PREFIX)) found.set(name, { id, partitions: partitions.length });
    const problems = this.#ledger.checkAll(found);
    for (const [name, state] of found) problems.push(...(await this.#contentProblems(name, state)));
    problems.push(...(await this.#folderProblems()));
    return problems;
  }

  lie(): void {
    this.#ledger.lie('comes-9', { id: 'AAAAAAAAAAAAAAAAAAAAAA', partitions: 1 });
  }

  get doneCount(): number {
    return this.#ledger.acknowledgedCount;
  }

  counts(): string {
    return `${this.#ledger.acknowledgedCount} changes of topics`;
  }

  close(): Promise<void> {
    return this.#hands.close();
  }

  async #change(names: readonly string[], stop: StopSign): Promise<void> {
    const { random } = this.#stage;
    while (!stop.isStopped) {
      const name = names[random.nextInt(names.length)] ?? '';
      // One whose last change was not answered is left alone until somebody has looked.
      if (this.#ledger.isSettled(name)) await untilBroken(() => this.#changeOne(name));
      await breathe(random, 15);
    }
  }

  async #changeOne(name: string): Promise<void> {
    const { random } = this.#stage;
    const { topics } = this.#hands.hasty;
    const known = this.#ledger.known(name);
    if (known === null) {
      const partitions = 1 + random.nextInt(PARTITIONS_MAX - 1);
      this.#ledger.begin(name, { id: null, partitions });
      const [made] = await topics.create([{ name, partitions, replicationFactor: 1 }]);
      if (made?.error === null) this.#ledger.acknowledged(name, { id: made.topicId, partitions });
    } else if (known.partitions < PARTITIONS_MAX && random.nextBoolean(0.4)) {
      const partitions = known.partitions + 1;
      this.#ledger.begin(name, { ...known, partitions });
      const [grown] = await topics.grow([{ name, total: partitions }]);
      if (grown?.error === null) this.#ledger.acknowledged(name, { ...known, partitions });
    } else if (known.id !== null && random.nextBoolean(0.5)) await this.#write(name, known.id, known.partitions);
    else {
      this.#ledger.begin(name, null);
      const [deleted] = await topics.delete([name]);
      if (deleted?.error === null) this.#ledger.acknowledged(name, null);
    }
  }

  async #write(name: string, id: string, partitions: number): Promise<void> {
    const value = Buffer.from(id);
    for (let partition = 0; partition < partitions; partition++) {
      await this.#producer.send(name, partition, [{ key: null, value, timestamp: Date.now() }]);
      this.#contents.set(`${id}-${partition}`, (this.#contents.get(`${id}-${partition}`) ?? 0) + 1);
    }
  }

  async #contentProblems(name: string, state: TopicState): Promise<string[]> {
    if (state === null) return [];
    const problems: string[] = [];
    const consumer = new Consumer(this.#hands.cluster, { maxWaitMs: 0 });
    for (let partition = 0; partition < state.partitions; partition++) {
      let count = 0;
      for await (const { value } of consumer.read(name, partition, 0, Number.MAX_SAFE_INTEGER)) {
        count += 1;
        if (Buffer.from(value ?? []).toString() !== state.id)
          problems.push(`${name}-${partition} has a record of another topic of that name`);
      }
      const written = this.#contents.get(`${state.id}-${partition}`) ?? 0;
      if (count < written) problems.push(`${name}-${partition} has ${count} of ${written} records`);
    }
    return problems;
  }

  /**
   * On disk lies what the metadata names, and nothing else; what is being removed goes within seconds. Others may just ask for
   * what makes an internal topic.
   */
  async #folderProblems(): Promise<string[]> {
    const deadlineMs = Date.now() + FOLDERS_WAIT_MS;
    for (;;) {
      const all = await this.#hands.patient.topics.list({ includeInternal: true });
      const wanted = new Map<string, string>(
        all.flatMap(({ name, topicId, partitions }) =>
          partitions.map(({ partition }) => [`${name}-${partition}`, topicId] as const),
        ),
      );
      const entries = readdirSync(this.#stage.dataFolder, { withFileTypes: true });
      const names = new Set(entries.filter((entry) => entry.isDirectory()).map(({ name }) => name));
      const extra = [...names].filter((name) => PARTITION_FOLDER.test(name) && !wanted.has(name));
      const deleted = [...names].filter((name) => name.endsWith('-delete'));
      const problems = [
        ...[...extra, ...deleted].map((name) => `${name} is left over on disk`),
        ...[...wanted].flatMap(([name, topicId]) => this.#idProblem(name, topicId)),
      ];
      if (problems.length === 0 || Date.now() > deadlineMs) return problems;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  #idProblem(folder: string, topicId: string): string[] {
    const file = join(this.#stage.dataFolder, folder, 'partition.metadata');
    if (!existsSync(file)) return [`${folder} is not on disk`];
    const text = readFileSync(file, 'utf8');
    return text.includes(`topic_id: ${topicId}`)
      ? []
      : [`${folder} says ${JSON.stringify(text)}, its id is ${topicId}`];
  }
}

function isSameTopic(expected: TopicState, found: TopicState): boolean {
  if (expected === null || found === null) return expected === found;
  return expected.partitions === found.partitions && (expected.id === null || expected.id === found.id);
}
