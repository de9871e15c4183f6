/**
 * Actors that write numbered records: into a topic that keeps everything and rolls often, into one that retention shortens, and
 * into one of which somebody deletes what lies before an offset.
 */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Actor, breathe, Hands, partitionFolder, pick, type Stage, type StopSign, untilBroken } from './actor.ts';
import { NumberedLog } from './numbered-log.ts';

const RECORDS_MAX = 30;
const SEGMENT_BYTES = '60000';

/** Everything stays, in every codec; segments are small. */
export class KeepingActor implements Actor {
  readonly name = 'everything kept';
  readonly #hands: Hands;
  readonly #log: NumberedLog;
  #topic = 'kept';

  constructor(stage: Stage) {
    this.#hands = new Hands(stage);
    this.#log = numberedLog(stage, this.#hands, this.#topic, 5);
  }

  async begin(): Promise<void> {
    await makeTopic(this.#hands, this.#topic, 5, {});
  }

  async run(stop: StopSign): Promise<void> {
    const { partitions } = this.#log;
    await Promise.all(partitions.map((partition) => untilBroken(() => this.#log.write(partition, stop))));
  }

  async verify(isFull: boolean): Promise<string[]> {
    await this.#log.settle();
    const problems: string[] = [];
    for (const partition of this.#log.partitions)
      problems.push(...(await this.#log.problemsOf(partition, isFull, () => this.#log.start(partition))));
    return problems;
  }

  lie(): void {
    this.#log.ledger.sent(0, 1_000_000_000, 1).baseOffset = 0;
  }

  get doneCount(): number {
    return this.#log.ledger.acknowledgedCount;
  }

  counts(): string {
    return `${this.#log.ledger.acknowledgedCount} batches kept`;
  }

  close(): Promise<void> {
    return this.#hands.close();
  }
}

const RETENTION_BYTES = 100_000;

/** The oldest go, whole segments at a time; what is left is as it was, and more than what retention asks for is never gone. */
export class RetentionActor implements Actor {
  readonly name = 'retention';
  readonly #stage: Stage;
  readonly #hands: Hands;
  readonly #log: NumberedLog;
  readonly #topic = 'shortened';
  /** By partition: the log was seen to begin here. */
  readonly #starts = [0, 0];

  constructor(stage: Stage) {
    this.#stage = stage;
    this.#hands = new Hands(stage);
    this.#log = numberedLog(stage, this.#hands, this.#topic, this.#starts.length);
  }

  async begin(): Promise<void> {
    await makeTopic(this.#hands, this.#topic, this.#starts.length, { 'retention.bytes': String(RETENTION_BYTES) });
  }

  async run(stop: StopSign): Promise<void> {
    const writing = this.#log.partitions.map((partition) => untilBroken(() => this.#log.write(partition, stop)));
    await Promise.all([...writing, untilBroken(() => this.#watch(stop))]);
  }

  async verify(isFull: boolean): Promise<string[]> {
    await this.#log.settle();
    const problems: string[] = [];
    for (const partition of this.#log.partitions) {
      const startOf = async (): Promise<number> => {
        const start = await this.#log.start(partition);
        const before = this.#starts[partition] ?? 0;
        if (start < before) problems.push(`${this.#topic}-${partition} began at ${before} and begins at ${start} now`);
        this.#starts[partition] = start;
        return start;
      };
      problems.push(...(await this.#log.problemsOf(partition, isFull, startOf)));
      const bytes = logBytes(partitionFolder(this.#stage, this.#topic, partition));
      if ((this.#starts[partition] ?? 0) > 0 && bytes < RETENTION_BYTES)
        problems.push(`${this.#topic}-${partition} has ${bytes} bytes left, retention asked for ${RETENTION_BYTES}`);
    }
    return problems;
  }

  lie(): void {
    this.#starts[0] = 1_000_000_000;
  }

  get doneCount(): number {
    return this.#log.ledger.acknowledgedCount;
  }

  counts(): string {
    return `retention took ${this.#starts.join(' and ')} records`;
  }

  close(): Promise<void> {
    return this.#hands.close();
  }

  async #watch(stop: StopSign): Promise<void> {
    while (!stop.isStopped) {
      for (const partition of this.#log.partitions) this.#starts[partition] = await this.#log.start(partition);
      await breathe(this.#stage.random, 20);
    }
  }
}

/** What was acknowledged as deleted stays so; nothing behind it goes. */
export class DeletingActor implements Actor {
  readonly name = 'DeleteRecords';
  readonly #stage: Stage;
  readonly #hands: Hands;
  readonly #log: NumberedLog;
  readonly #topic = 'deleted-from';
  /** By partition: the low watermark as it was acknowledged, and as far as somebody asked for. */
  readonly #low = [0, 0];
  readonly #asked = [0, 0];
  #deletions = 0;

  constructor(stage: Stage) {
    this.#stage = stage;
    this.#hands = new Hands(stage);
    this.#log = numberedLog(stage, this.#hands, this.#topic, this.#low.length);
  }

  async begin(): Promise<void> {
    await makeTopic(this.#hands, this.#topic, this.#low.length, {});
  }

  async run(stop: StopSign): Promise<void> {
    const writing = this.#log.partitions.map((partition) => untilBroken(() => this.#log.write(partition, stop)));
    await Promise.all([...writing, untilBroken(() => this.#delete(stop))]);
  }

  async verify(isFull: boolean): Promise<string[]> {
    await this.#log.settle();
    const problems: string[] = [];
    for (const partition of this.#log.partitions) {
      const [low, asked] = [this.#low[partition] ?? 0, this.#asked[partition] ?? 0];
      const start = await this.#log.start(partition);
      const where = `${this.#topic}-${partition}`;
      if (start < low) problems.push(`${where} begins at ${start}; records before ${low} were deleted`);
      if (start > asked) problems.push(`${where} begins at ${start}; nobody deleted more than ${asked}`);
      this.#low[partition] = start;
      this.#asked[partition] = start;
      problems.push(...(await this.#log.problemsOf(partition, isFull, async () => start)));
    }
    return problems;
  }

  lie(): void {
    this.#low[1] = 1_000_000_000;
  }

  get doneCount(): number {
    return Math.min(this.#deletions, this.#log.ledger.acknowledgedCount);
  }

  counts(): string {
    return `${this.#deletions} deletions of records`;
  }

  close(): Promise<void> {
    return this.#hands.close();
  }

  async #delete(stop: StopSign): Promise<void> {
    const { random } = this.#stage;
    while (!stop.isStopped) {
      await breathe(random, 40);
      const partition = pick(random, this.#log.partitions);
      const low = this.#low[partition] ?? 0;
      const end = await this.#log.end(partition);
      const offset = low + random.nextInt(Math.max(1, end - low));
      this.#asked[partition] = Math.max(offset, this.#asked[partition] ?? 0);
      const [outcome] = await this.#hands.hasty.partitionRecords.deleteBefore([
        { topic: this.#topic, partition, offset },
      ]);
      if (outcome === undefined || outcome.error !== null) continue;
      this.#low[partition] = Math.max(low, outcome.lowWatermark);
      this.#deletions += 1;
    }
  }
}

function numberedLog({ random }: Stage, { cluster }: Hands, topic: string, partitions: number): NumberedLog {
  return new NumberedLog({ cluster, random, topic, partitions, recordsMax: RECORDS_MAX, codecOf: (one) => one % 5 });
}

export async function makeTopic(
  hands: Hands,
  name: string,
  partitions: number,
  configs: Readonly<Record<string, string>>,
): Promise<void> {
  const all = { 'internal.segment.bytes': SEGMENT_BYTES, 'file.delete.delay.ms': '50', ...configs };
  await hands.patient.createTopic({ name, partitions, replicationFactor: 1, configs: all });
}

function logBytes(folder: string): number {
  const names = readdirSync(folder).filter((name) => name.endsWith('.log'));
  return names.reduce((sum, name) => sum + (statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0), 0);
}
