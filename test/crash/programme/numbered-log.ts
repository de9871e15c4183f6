/**
 * A topic that idempotent producers write numbered records into, several batches on their way at a time. Batches whose answer
 * was lost are sent again in order, with their sequence numbers, and must be stored once. The ledger knows every record.
 */
import { Consumer, EARLIEST, LATEST } from '../../../src/client/consumer.ts';
import type { ClusterView } from '../../../src/client/metadata.ts';
import { type PreparedBatch, Producer } from '../../../src/client/producer.ts';
import type { BatchRecord } from '../../../src/protocol/records.ts';
import type { Prng } from '../../support/prng.ts';
import { AcknowledgedLedger, type SentBatch, valueOfName } from '../acknowledged-ledger.ts';
import { breathe, type StopSign } from './actor.ts';

export interface NumberedLogParts {
  readonly cluster: ClusterView;
  readonly random: Prng;
  readonly topic: string;
  readonly partitions: number;
  readonly recordsMax: number;
  readonly codecOf: (partition: number) => number;
}

interface Flight {
  readonly sent: SentBatch;
  readonly batch: PreparedBatch;
}

const DEPTH_MAX = 4;
const PAUSE_MS_MAX = 12;
const READ_ATTEMPTS = 20;

export class NumberedLog {
  readonly ledger: AcknowledgedLedger;
  /** By partition: so far everything was read and compared. */
  readonly #checked: number[];
  readonly #parts: NumberedLogParts;
  readonly #producer: Producer;
  readonly #unsettled: Flight[][];
  #nextName = 0;

  constructor(parts: NumberedLogParts) {
    this.#parts = parts;
    this.ledger = new AcknowledgedLedger(parts.partitions);
    this.#producer = new Producer(parts.cluster, { isIdempotent: true });
    this.#unsettled = Array.from({ length: parts.partitions }, () => []);
    this.#checked = new Array<number>(parts.partitions).fill(0);
  }

  get partitions(): number[] {
    return this.#unsettled.map((_, partition) => partition);
  }

  /** Writes to one partition until stopped or until the connection breaks. */
  async write(partition: number, stop: StopSign): Promise<void> {
    const { random } = this.#parts;
    await this.#settlePartition(partition);
    while (!stop.isStopped) {
      await this.#burst(partition, 1 + random.nextInt(DEPTH_MAX));
      await breathe(random, PAUSE_MS_MAX);
    }
  }

  /** Sends again what was under way; the answers say where it is. */
  async settle(): Promise<void> {
    for (const partition of this.partitions) await this.#settlePartition(partition);
  }

  async start(partition: number): Promise<number> {
    return await this.#consumer().findOffset(this.#parts.topic, partition, EARLIEST);
  }

  async end(partition: number): Promise<number> {
    return await this.#consumer().findOffset(this.#parts.topic, partition, LATEST);
  }

  /** Reads what was not compared yet, or all there is. `startOf` may be called again when the start moves meanwhile. */
  async problemsOf(partition: number, isFull: boolean, startOf: () => Promise<number>): Promise<string[]> {
    for (let attempt = 1; ; attempt++) {
      const start = await startOf();
      const from = Math.max(start, isFull ? 0 : (this.#checked[partition] ?? 0));
      try {
        const end = await this.end(partition);
        if (end < from) return [`${this.#parts.topic}-${partition} ends at ${end}, and was read up to ${from}`];
        const records = await this.#read(partition, from);
        const problems = this.ledger.check(partition, records, from);
        this.#checked[partition] = Math.max(from, (records.at(-1)?.offset ?? -1) + 1);
        return problems.map((problem) => `${this.#parts.topic}-${partition}: ${problem}`);
      } catch (error) {
        // Retention went on while it was read.
        const hasMoved = (await startOf()) > from;
        if (!hasMoved || attempt === READ_ATTEMPTS) throw error;
      }
    }
  }

  async #read(partition: number, from: number): Promise<BatchRecord[]> {
    const records: BatchRecord[] = [];
    for await (const record of this.#consumer().read(this.#parts.topic, partition, from, Number.MAX_SAFE_INTEGER))
      records.push(record);
    return records;
  }

  #consumer(): Consumer {
    return new Consumer(this.#parts.cluster, { maxWaitMs: 0 });
  }

  async #settlePartition(partition: number): Promise<void> {
    const flights = this.#unsettled[partition] ?? [];
    while (flights.length > 0) {
      const [flight] = flights;
      if (flight === undefined) return;
      flight.sent.baseOffset = (await this.#producer.sendBatch(flight.batch)).baseOffset;
      flights.shift();
    }
  }

  async #burst(partition: number, depth: number): Promise<void> {
    const flights = this.#unsettled[partition] ?? [];
    for (let count = 0; count < depth; count++) flights.push(await this.#prepare(partition));
    const outcomes = await Promise.allSettled(flights.map(({ batch }) => this.#producer.sendBatch(batch)));
    const left: Flight[] = [];
    let failure: unknown = null;
    for (const [index, flight] of flights.entries()) {
      const outcome = outcomes[index];
      if (outcome?.status === 'fulfilled') {
        flight.sent.baseOffset = outcome.value.baseOffset;
        continue;
      }
      failure ??= outcome?.reason;
      left.push(flight);
    }
    this.#unsettled[partition] = left;
    if (failure !== null) throw failure;
  }

  async #prepare(partition: number): Promise<Flight> {
    const { random, topic, recordsMax, codecOf } = this.#parts;
    const count = 1 + random.nextInt(recordsMax);
    const firstName = this.#nextName;
    this.#nextName += count;
    const records = Array.from({ length: count }, (_, at) => ({
      key: Buffer.from(String(firstName + at)),
      value: valueOfName(firstName + at),
      timestamp: Date.now(),
    }));
    const batch = await this.#producer.prepare(topic, partition, records, codecOf(partition));
    return { sent: this.ledger.sent(partition, firstName, count), batch };
  }
}
