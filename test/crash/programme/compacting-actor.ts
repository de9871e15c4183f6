/**
 * Writes the same few keys over and over into a compacted topic, deletes some, and looks whether the last value of every key is
 * there at its offset, whatever of the older ones is gone.
 */
import { Consumer } from '../../../src/client/consumer.ts';
import { type PreparedBatch, Producer } from '../../../src/client/producer.ts';
import { type Actor, breathe, Hands, type Stage, type StopSign, untilBroken } from './actor.ts';
import { makeTopic } from './log-actors.ts';

interface Version {
  readonly key: number;
  /** Null: the key was deleted. */
  readonly text: string | null;
}

interface Flight {
  readonly versions: readonly Version[];
  readonly batch: PreparedBatch;
}

const TOPIC = 'compacted';
const PARTITIONS = [0, 1];
const KEYS = 40;
const BATCH_MAX = 25;
const VALUE_BYTES_MAX = 900;
const DELETE_PROBABILITY = 0.05;

export class CompactingActor implements Actor {
  readonly name = 'compaction';
  readonly #stage: Stage;
  readonly #hands: Hands;
  readonly #producer: Producer;
  readonly #underWay: (Flight | null)[] = PARTITIONS.map(() => null);
  /** By partition: what was acknowledged at an offset, and where the last of each key lies. */
  readonly #written = PARTITIONS.map(() => new Map<number, Version>());
  readonly #last = PARTITIONS.map(() => new Map<number, number>());
  #nextVersion = 0;
  #keptCount = 0;

  constructor(stage: Stage) {
    this.#stage = stage;
    this.#hands = new Hands(stage);
    this.#producer = new Producer(this.#hands.cluster, { isIdempotent: true });
  }

  async begin(): Promise<void> {
    await makeTopic(this.#hands, TOPIC, PARTITIONS.length, {
      'cleanup.policy': 'compact',
      'min.cleanable.dirty.ratio': '0.01',
      'delete.retention.ms': '300',
    });
  }

  async run(stop: StopSign): Promise<void> {
    await Promise.all(PARTITIONS.map((partition) => untilBroken(() => this.#write(partition, stop))));
  }

  async verify(): Promise<string[]> {
    const problems: string[] = [];
    this.#keptCount = 0;
    for (const partition of PARTITIONS) {
      await this.#settle(partition);
      problems.push(...(await this.#problemsOf(partition)));
    }
    return problems;
  }

  lie(): void {
    this.#last[0]?.set(KEYS, 0);
    this.#written[0]?.set(0, { key: KEYS, text: 'never written' });
  }

  get doneCount(): number {
    return this.#written.reduce((sum, of) => sum + of.size, 0);
  }

  counts(): string {
    return `compaction kept ${this.#keptCount} of ${this.doneCount} records`;
  }

  close(): Promise<void> {
    return this.#hands.close();
  }

  async #write(partition: number, stop: StopSign): Promise<void> {
    const { random } = this.#stage;
    await this.#settle(partition);
    while (!stop.isStopped) {
      const versions = Array.from({ length: 1 + random.nextInt(BATCH_MAX) }, () => this.#newVersion());
      const records = versions.map(({ key, text }) => ({
        key: Buffer.from(String(key)),
        value: text === null ? null : Buffer.from(text),
        timestamp: Date.now(),
      }));
      this.#underWay[partition] = { versions, batch: await this.#producer.prepare(TOPIC, partition, records) };
      await this.#settle(partition);
      await breathe(random, 8);
    }
  }

  #newVersion(): Version {
    const { random } = this.#stage;
    const key = random.nextInt(KEYS);
    if (random.nextBoolean(DELETE_PROBABILITY)) return { key, text: null };
    const version = `${this.#nextVersion++} `;
    return { key, text: version.repeat(1 + random.nextInt(Math.ceil(VALUE_BYTES_MAX / version.length))) };
  }

  async #settle(partition: number): Promise<void> {
    const flight = this.#underWay[partition] ?? null;
    if (flight === null) return;
    const { baseOffset } = await this.#producer.sendBatch(flight.batch);
    for (const [at, version] of flight.versions.entries()) {
      this.#written[partition]?.set(baseOffset + at, version);
      this.#last[partition]?.set(version.key, baseOffset + at);
    }
    this.#underWay[partition] = null;
  }

  async #problemsOf(partition: number): Promise<string[]> {
    const written = this.#written[partition] ?? new Map<number, Version>();
    const problems: string[] = [];
    const present = new Map<number, number>();
    const consumer = new Consumer(this.#hands.cluster, { maxWaitMs: 0 });
    let before = -1;
    for await (const { offset, key, value } of consumer.read(TOPIC, partition, 0, Number.MAX_SAFE_INTEGER)) {
      const where = `${TOPIC}-${partition} at offset ${offset}`;
      if (offset <= before) problems.push(`${where}: comes behind ${before}`);
      before = offset;
      const expected = written.get(offset);
      const text = value === null ? null : Buffer.from(value).toString();
      if (expected === undefined) problems.push(`${where}: nobody wrote there`);
      else if (Buffer.from(key ?? []).toString() !== String(expected.key) || text !== expected.text)
        problems.push(`${where}: another record than was written`);
      if (expected !== undefined) present.set(offset, expected.key);
    }
    this.#keptCount += present.size;
    const keys = new Set(present.values());
    for (const [key, offset] of this.#last[partition] ?? []) {
      if (present.has(offset)) continue;
      const what = `${TOPIC}-${partition}: the last word about key ${key}, at ${offset}, is gone`;
      if (written.get(offset)?.text !== null) problems.push(what);
      else if (keys.has(key)) problems.push(`${what}, and an older value is not`);
    }
    return problems;
  }
}
