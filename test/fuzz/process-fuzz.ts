/**
 * Hostile frames against a real broker process over real sockets. A witness beside them produces and reads back all the
 * time and holds the broker to right answers within a bound; memory may not climb, the process may not end, and when it is
 * asked to stop it does so in good order. The frames follow from the seed; how they meet follows from the clock.
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import { Admin } from '../../src/client/admin.ts';
import { Consumer, LATEST } from '../../src/client/consumer.ts';
import { ClusterView } from '../../src/client/metadata.ts';
import { Producer } from '../../src/client/producer.ts';
import type { BrokerProcess } from '../clients/broker-process.ts';
import { Prng } from '../support/prng.ts';
import { HostileRequests } from './hostile-requests.ts';

const CONNECTIONS = 60;
/** A frame that closes its connection hides those behind it. */
const FRAMES_PER_CONNECTION = 4;
/** Of the time a connection is left to be answered, before it is reset or ended. */
const LINGER_MS_MAX = 40;
const CONNECT_MS_MAX = 1000;
const PATIENCE_MS = 2000;
const WITNESS_PAUSE_MS = 20;
/** A loaded machine is slow; a front that hangs is slower. */
export const LATE_MS = 20_000;
const READ_BACK_EVERY = 10;
/** What may come on top between the first quarter of a run and its end … */
const GROWTH_BYTES_MAX = 96 << 20;
/** … and for each partition that there was at once: a hostile frame may be an order to make thousands. */
const PARTITION_BYTES_MAX = 16 << 10;
const PREY = ['orders', 'packed', 'compact', 'news', 'g', 'fixture'];

export interface ProcessFuzzPlan {
  readonly seed: number;
  readonly frames: number;
  readonly process: BrokerProcess;
  readonly residentBytes: () => number;
  readonly partitions: () => number;
  /** A witness that waits longer for an answer says so. */
  readonly lateMs: number;
}

export interface ProcessFuzzReport {
  readonly sent: number;
  readonly receivedBytes: number;
  readonly closed: number;
  readonly witnessed: number;
  readonly slowestMs: number;
  /** What the witness waited for longest. */
  readonly slowest: string;
  readonly grownBytes: number;
}

const PREY_CONFIGS: readonly (readonly [name: string, configs: { readonly [key: string]: string }])[] = [
  ['orders', {}],
  ['packed', { 'compression.type': 'lz4' }],
  ['compact', { 'cleanup.policy': 'compact' }],
];

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

export class ProcessFuzz {
  private readonly plan: ProcessFuzzPlan;
  private readonly random: Prng;
  private readonly hostile: HostileRequests;
  private sent = 0;
  private receivedBytes = 0;
  private closed = 0;

  constructor(plan: ProcessFuzzPlan) {
    this.plan = plan;
    this.random = new Prng(plan.seed);
    this.hostile = new HostileRequests(this.random, { names: PREY, ids: ['AAECAwQFBgcICQoLDA0ODw'] });
  }

  async run(): Promise<ProcessFuzzReport> {
    const witness = new Witness(this.plan.process.port, this.plan.lateMs);
    await witness.begin();
    let residentEarly = 0;
    let partitionsMost = 0;
    const watching = witness.run();
    try {
      while (this.sent < this.plan.frames && witness.problem === null) {
        await Promise.all(Array.from({ length: CONNECTIONS }, () => this.attack()));
        partitionsMost = Math.max(partitionsMost, this.plan.partitions());
        if (residentEarly === 0 && this.sent >= this.plan.frames / 4) residentEarly = this.plan.residentBytes();
      }
    } finally {
      witness.isOver = true;
    }
    await watching;
    if (witness.problem !== null) throw witness.problem;
    const grownBytes = residentEarly === 0 ? 0 : this.plan.residentBytes() - residentEarly;
    if (grownBytes > GROWTH_BYTES_MAX + partitionsMost * PARTITION_BYTES_MAX) {
      const circumstances = `with ${partitionsMost} partitions at most, seed ${this.plan.seed}`;
      throw new Error(`memory grew by ${grownBytes} bytes (${circumstances})`);
    }
    const { sent, receivedBytes, closed } = this;
    return {
      sent,
      receivedBytes,
      closed,
      witnessed: witness.count,
      slowestMs: witness.slowestMs,
      slowest: witness.slowest,
      grownBytes,
    };
  }

  /** One connection: sends its frames whole, in pieces or all but a part, takes what comes, and goes in some way. */
  private async attack(): Promise<void> {
    const { random } = this;
    const frames = Array.from({ length: FRAMES_PER_CONNECTION }, () => this.hostile.next());
    const pieceBytes = random.nextInt(4) === 0 ? 1 + random.nextInt(200) : Number.POSITIVE_INFINITY;
    const lingerMs = random.nextInt(LINGER_MS_MAX);
    const isPatient = random.nextBoolean();
    const end = random.nextInt(3);
    this.sent += frames.length;
    const socket = connect({ port: this.plan.process.port, host: '127.0.0.1', noDelay: true });
    let isOver = false;
    socket.on('error', () => {});
    const answered = new Promise<void>((resolve) => {
      socket.on('data', (chunk) => {
        this.receivedBytes += chunk.length;
        resolve();
      });
    });
    socket.once('close', () => {
      isOver = true;
    });
    const closed = once(socket, 'close').catch(() => {});
    await Promise.race([once(socket, 'connect').catch(() => {}), closed, pause(CONNECT_MS_MAX)]);
    for (const frame of frames) {
      for (let at = 0; at < frame.length && !isOver; at += pieceBytes)
        socket.write(frame.subarray(at, at + pieceBytes));
    }
    // Half of them take an answer before they go, however long that takes within reason.
    await Promise.race(isPatient ? [answered, closed, pause(PATIENCE_MS)] : [pause(lingerMs), closed]);
    if (isOver) this.closed += 1;
    else if (end === 0) socket.resetAndDestroy();
    else if (end === 1) socket.destroy();
    else socket.end();
    // Whoever only said that he is done is let go by the broker, or for good.
    await Promise.race([closed, pause(LINGER_MS_MAX)]);
    socket.destroy();
    await closed;
  }
}

/** Writes one record after the other to a topic of its own, reads back now and then, and keeps the first thing that is wrong. */
class Witness {
  isOver = false;
  problem: Error | null = null;
  count = 0;
  slowestMs = 0;
  slowest = '';
  private readonly cluster: ClusterView;
  private readonly lateMs: number;
  private readonly topic = 'witness-only';

  constructor(port: number, lateMs: number) {
    this.lateMs = lateMs;
    this.cluster = new ClusterView({ brokers: [{ host: '127.0.0.1', port }] });
  }

  async begin(): Promise<void> {
    const admin = new Admin(this.cluster);
    for (const [name, configs] of [[this.topic, {}], ...PREY_CONFIGS] as const) {
      await this.timely('a topic', admin.ensureTopic({ name, partitions: 2, replicationFactor: 1, configs }));
    }
    const consumer = new Consumer(this.cluster);
    this.count = await this.timely('an offset', consumer.findOffset(this.topic, 0, LATEST));
  }

  async run(): Promise<void> {
    const producer = new Producer(this.cluster);
    const consumer = new Consumer(this.cluster);
    try {
      while (!this.isOver) {
        await this.testify(producer, consumer);
        await pause(WITNESS_PAUSE_MS);
      }
    } catch (error) {
      this.problem = error instanceof Error ? error : new Error(String(error));
    } finally {
      await this.cluster.close();
    }
  }

  private async testify(producer: Producer, consumer: Consumer): Promise<void> {
    const record = { key: null, value: Buffer.from(`witness ${this.count}`), timestamp: Date.now() };
    const { baseOffset } = await this.timely('a produce', producer.send(this.topic, 0, [record]));
    if (baseOffset !== this.count) throw new Error(`record ${this.count} was given offset ${baseOffset}`);
    this.count += 1;
    if (this.count % READ_BACK_EVERY !== 0) return;
    const from = this.count - READ_BACK_EVERY;
    const values = await this.timely('a fetch', readValues(consumer, this.topic, from, this.count));
    const wanted = Array.from({ length: READ_BACK_EVERY }, (_, index) => `witness ${from + index}`);
    if (values.join() !== wanted.join()) throw new Error(`read ${values.join()} where ${wanted.join()} was written`);
  }

  private async timely<T>(what: string, work: Promise<T>): Promise<T> {
    const beginMs = performance.now();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`${what} was not answered within ${this.lateMs} ms`)), this.lateMs);
    });
    try {
      return await Promise.race([work, late]);
    } finally {
      clearTimeout(timer);
      const tookMs = performance.now() - beginMs;
      if (tookMs > this.slowestMs) {
        this.slowestMs = tookMs;
        this.slowest = what;
      }
    }
  }
}

async function readValues(consumer: Consumer, topic: string, from: number, end: number): Promise<string[]> {
  const values: string[] = [];
  for await (const { value } of consumer.read(topic, 0, from, end)) values.push(Buffer.from(value ?? []).toString());
  return values;
}
