/**
 * A broker at its turn: perfbroker or Apache Kafka, which are driven alike through the same client and the same generator.
 * Each producing turn has a topic of its own that is gone afterwards, so that nothing of it is left for the next.
 */
import { join } from 'node:path';
import type { BenchServer } from '../load/bench-server.ts';
import { type ProduceFrames, writePollFrame, writeProduceFrames } from '../load/frames.ts';
import { runLoad, runRelay } from '../load/generator.ts';
import { fetchShape, fillTopic } from './fetch-data.ts';
import type { ProduceWork, RelayWork, Row } from './rows.ts';
import { figuresOf, type Side, type TurnFigures, type TurnLength } from './turn.ts';

export const PRODUCE_PARTITIONS = 4;

/** Files of a removed topic go at once, not while another turn is timed. */
const goneSoon = { 'file.delete.delay.ms': '1000' };

export class BrokerSide implements Side {
  readonly server: BenchServer;
  readonly #folder: string;
  #fetchTopic: string | null = null;

  /** `folder` is for the frames of this side alone. */
  constructor(server: BenchServer, folder: string) {
    this.server = server;
    this.#folder = folder;
  }

  /** The requests of the last turn or, for Fetch, of the row. */
  get framesFile(): string {
    return join(this.#folder, 'frames');
  }

  get pid(): number {
    return this.server.pid;
  }

  async prepare(row: Row): Promise<void> {
    if (row.work.kind !== 'fetch') return;
    this.#fetchTopic = await fillTopic(this.server, fetchShape(this.#folder, row.work.partitions), this.framesFile);
  }

  turn(row: Row, length: TurnLength): Promise<TurnFigures> {
    const { work } = row;
    if (work.kind === 'produce') return this.#withTopic(work, length);
    if (work.kind === 'relay') return this.#relay(work, length);
    return this.#fetch(row, length);
  }

  async finish(): Promise<void> {
    if (this.#fetchTopic !== null) await this.server.dropTopic(this.#fetchTopic);
    this.#fetchTopic = null;
  }

  get #target(): { host: string; port: number; pid: number } {
    return { host: this.server.host, port: this.server.port, pid: this.server.pid };
  }

  async #withTopic(work: ProduceWork, length: TurnLength): Promise<TurnFigures> {
    const topic = await this.server.makeTopic('compare', PRODUCE_PARTITIONS, { ...work.topicConfigs, ...goneSoon });
    try {
      await this.server.touchTopic(topic, PRODUCE_PARTITIONS);
      const frames = produceFrames(this.framesFile, work, topic);
      return await produceTurn(work, length, this.#target, frames);
    } finally {
      await this.server.dropTopic(topic);
    }
  }

  async #relay(work: RelayWork, length: TurnLength): Promise<TurnFigures> {
    const topic = await this.server.makeTopic('compare', 1, goneSoon);
    const { recordBytes, recordsPerSecond } = work;
    try {
      await this.server.touchTopic(topic, 1);
      const plan = { topic, partitions: 1, batchBytes: recordBytes, recordBytes, codec: 0, acks: -1 };
      const frames = writeProduceFrames(this.framesFile, plan);
      const fetchFrameFile = join(this.#folder, 'poll-frame');
      const result = await runRelay({
        ...this.#target,
        framesFile: frames.file,
        fetchFrameFile,
        fetchOffsetAt: writePollFrame(fetchFrameFile, topic),
        topicBytes: Buffer.byteLength(topic),
        startOffset: 1,
        recordsPerSecond,
        warmSeconds: length.warmSeconds,
        seconds: length.seconds,
      });
      return figuresOf('produce → consume', result);
    } finally {
      await this.server.dropTopic(topic);
    }
  }

  async #fetch(row: Row, length: TurnLength): Promise<TurnFigures> {
    if (this.#fetchTopic === null || row.work.kind !== 'fetch') throw new Error('fetch was not prepared');
    const result = await runLoad({
      ...this.#target,
      ...length,
      mode: 'fetch',
      framesFile: this.framesFile,
      topicBytes: Buffer.byteLength(this.#fetchTopic),
      connections: row.work.connections,
      inFlight: row.work.inFlight,
      requestsPerSecond: 0,
    });
    return figuresOf('fetch', result);
  }
}

export function produceFrames(file: string, work: ProduceWork, topic: string): ProduceFrames {
  const { batchBytes, recordBytes, codec } = work;
  return writeProduceFrames(file, { topic, partitions: PRODUCE_PARTITIONS, batchBytes, recordBytes, codec, acks: -1 });
}

export async function produceTurn(
  work: ProduceWork,
  length: TurnLength,
  target: { host: string; port: number; pid: number },
  frames: ProduceFrames,
): Promise<TurnFigures> {
  const { connections, inFlight, requestsPerSecond } = work;
  const load = { connections, inFlight, requestsPerSecond, framesFile: frames.file, mode: 'produce' } as const;
  return figuresOf('produce', await runLoad({ ...target, ...length, ...load }));
}
