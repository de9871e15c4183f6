/**
 * The rows of the comparison: what each asks of the servers, and the bars it is held against. A bar compares a median of
 * perfbroker with that of Apache Kafka or of the limit program in the same run, or stands by itself. `must` decides over the
 * exit code; `aim` is shown.
 */
import { codecByName } from '../../src/protocol/compression.ts';

export type Figure =
  | 'bytesPerSecond'
  | 'requestsPerSecond'
  | 'cpuSecondsPerGb'
  | 'cpuUsPerRequest'
  | 'cores'
  | 'p50Us'
  | 'p99Us'
  | 'p999Us';

export interface Bar {
  readonly figure: Figure;
  readonly against: 'kafka' | 'limit' | 'nothing';
  /** Whether the ratio is to be at least or at most as large. */
  readonly direction: 'at least' | 'at most';
  readonly must: number | null;
  readonly aim: number;
}

export interface ProduceWork {
  readonly kind: 'produce';
  readonly batchBytes: number;
  readonly recordBytes: number;
  readonly connections: number;
  readonly inFlight: number;
  readonly codec: number;
  /** Over all connections, each meant for its moment; 0 is a closed loop. */
  readonly requestsPerSecond: number;
  readonly topicConfigs: Readonly<Record<string, string>>;
}

export interface FetchWork {
  readonly kind: 'fetch';
  /** Of one request, each with as much as fits 1 MiB. */
  readonly partitions: number;
  readonly connections: number;
  readonly inFlight: number;
}

export interface RelayWork {
  readonly kind: 'relay';
  readonly recordBytes: number;
  readonly recordsPerSecond: number;
}

export type Work = ProduceWork | FetchWork | RelayWork;

export interface Row {
  readonly id: string;
  readonly title: string;
  readonly work: Work;
  readonly sides: readonly SideName[];
  readonly bars: readonly Bar[];
}

export type SideName = 'perfbroker' | 'kafka' | 'limit';

/** In a self-check a second Apache Kafka stands where perfbroker stands otherwise. */
export function sideWords(isSelfCheck: boolean): Readonly<Record<SideName, string>> {
  return { perfbroker: isSelfCheck ? 'kafka too' : 'perfbroker', kafka: 'kafka', limit: 'limit' };
}

const KIB = 1024;
const MIB = KIB * KIB;
const IN_FLIGHT_OPEN = 1000;
const ALL: readonly SideName[] = ['perfbroker', 'kafka', 'limit'];
const BROKERS: readonly SideName[] = ['perfbroker', 'kafka'];

function produceOf(work: Partial<ProduceWork>): ProduceWork {
  return {
    kind: 'produce',
    batchBytes: 64 * KIB,
    recordBytes: KIB,
    connections: 4,
    inFlight: 5,
    codec: 0,
    requestsPerSecond: 0,
    topicConfigs: {},
    ...work,
  };
}

const atLeast = (figure: Figure, against: Bar['against'], must: number | null, aim: number): Bar => ({
  figure,
  against,
  direction: 'at least',
  must,
  aim,
});

const atMost = (figure: Figure, against: Bar['against'], must: number | null, aim: number): Bar => ({
  figure,
  against,
  direction: 'at most',
  must,
  aim,
});

const latencyBars: readonly Bar[] = [
  atMost('p50Us', 'kafka', 0.7, 0.5),
  atMost('p99Us', 'kafka', 0.6, 0.35),
  atMost('p999Us', 'kafka', 0.6, 0.35),
  atMost('cores', 'kafka', 0.45, 0.25),
];

const fetchBars: readonly Bar[] = [
  atLeast('bytesPerSecond', 'kafka', 1.15, 1.45),
  atMost('cpuSecondsPerGb', 'kafka', 0.65, 0.5),
  atMost('cpuSecondsPerGb', 'limit', 1.7, 1.2),
];

export const rows: readonly Row[] = [
  {
    id: 'produce-64k',
    title: 'produce, 64 KiB batches of 1 KiB records',
    work: produceOf({}),
    sides: ALL,
    bars: [
      atLeast('bytesPerSecond', 'kafka', 1.4, 1.9),
      atMost('cpuSecondsPerGb', 'kafka', 0.6, 0.42),
      atMost('cpuSecondsPerGb', 'limit', 1.8, 1.3),
    ],
  },
  {
    id: 'produce-1m',
    title: 'produce, 1 MiB batches of 1 KiB records',
    work: produceOf({ batchBytes: MIB - 4 * KIB }),
    sides: ALL,
    bars: [
      atLeast('bytesPerSecond', 'kafka', 1.2, 1.6),
      atMost('cpuSecondsPerGb', 'kafka', 0.7, 0.45),
      atMost('cpuSecondsPerGb', 'limit', 2.0, 1.3),
    ],
  },
  {
    id: 'produce-16k',
    title: 'produce, 16 KiB batches of 100 B records',
    work: produceOf({ batchBytes: 16 * KIB, recordBytes: 100 }),
    sides: ALL,
    bars: [
      atLeast('bytesPerSecond', 'kafka', 2.0, 2.8),
      atMost('cpuSecondsPerGb', 'kafka', 0.45, 0.27),
      atMost('cpuSecondsPerGb', 'limit', 2.2, 1.4),
    ],
  },
  {
    id: 'one-record',
    title: 'one 1 KiB record a request, 16 connections × 5',
    work: produceOf({ batchBytes: KIB, connections: 16 }),
    sides: ALL,
    bars: [
      atLeast('requestsPerSecond', 'kafka', 1.8, 2.6),
      atMost('cpuUsPerRequest', 'kafka', 0.45, 0.25),
      atLeast('requestsPerSecond', 'limit', 0.55, 0.85),
    ],
  },
  {
    id: 'lz4-pass',
    title: 'LZ4 batches from the client',
    work: produceOf({ codec: codecByName('lz4') }),
    sides: ALL,
    bars: [atLeast('bytesPerSecond', 'kafka', 2.0, 2.6), atMost('cpuSecondsPerGb', 'kafka', 0.4, 0.27)],
  },
  {
    id: 'lz4-broker',
    title: 'plain in, compression.type=lz4 at the broker',
    work: produceOf({ topicConfigs: { 'compression.type': 'lz4' } }),
    sides: BROKERS,
    bars: [atLeast('bytesPerSecond', 'kafka', 1.4, 2.0), atMost('cpuSecondsPerGb', 'kafka', 0.65, 0.45)],
  },
  {
    id: 'fetch-warm',
    title: 'fetch, warm, 1 MiB of one partition a request, 4 connections',
    work: { kind: 'fetch', partitions: 1, connections: 4, inFlight: 2 },
    sides: ALL,
    bars: fetchBars,
  },
  {
    id: 'fetch-warm-4',
    title: 'fetch, warm, 1 MiB of each of 4 partitions a request, 4 connections',
    work: { kind: 'fetch', partitions: 4, connections: 4, inFlight: 2 },
    sides: ALL,
    bars: fetchBars,
  },
  {
    id: 'open-10k',
    title: 'open loop, 10,000 requests/s of 1 KiB, 16 connections',
    work: produceOf({ batchBytes: KIB, connections: 16, inFlight: IN_FLIGHT_OPEN, requestsPerSecond: 10_000 }),
    sides: ALL,
    bars: latencyBars,
  },
  {
    id: 'open-100mb',
    title: 'open loop, 100 MB/s in 64 KiB batches',
    work: produceOf({ inFlight: IN_FLIGHT_OPEN, requestsPerSecond: 100e6 / (64 * KIB) }),
    sides: ALL,
    bars: latencyBars,
  },
  {
    id: 'produce-consume',
    title: 'producer → long-polling consumer, 1,000 records/s',
    work: { kind: 'relay', recordBytes: 100, recordsPerSecond: 1000 },
    sides: BROKERS,
    bars: latencyBars,
  },
  {
    id: 'pipelined-20k',
    title: 'one connection, one-record requests, 20,000/s',
    work: produceOf({ batchBytes: KIB, connections: 1, inFlight: IN_FLIGHT_OPEN, requestsPerSecond: 20_000 }),
    sides: ['perfbroker'],
    bars: [atLeast('requestsPerSecond', 'nothing', 19_900, 19_900), atMost('p99Us', 'nothing', 5000, 5000)],
  },
  {
    id: 'pipelined-max',
    title: 'one connection, one-record requests, without limit',
    work: produceOf({ batchBytes: KIB, connections: 1, inFlight: IN_FLIGHT_OPEN }),
    sides: BROKERS,
    bars: [atLeast('requestsPerSecond', 'nothing', null, 40_000)],
  },
  {
    id: 'one-by-one',
    title: 'one connection, one in flight, 100 B',
    work: produceOf({ batchBytes: 100, recordBytes: 100, connections: 1, inFlight: 1 }),
    sides: ALL,
    bars: [],
  },
];

/** Rows by their names, in the order of the table; an unknown name is an error that says what there is. */
export function rowsNamed(names: readonly string[], known: readonly string[]): Set<string> {
  for (const name of names)
    if (!known.includes(name)) throw new Error(`there is no row ${name}; there are ${known.join(', ')}`);
  return new Set(names);
}
