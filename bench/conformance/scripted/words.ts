/** The pieces that scripts share: names of their own, topics to create, record batches, subscriptions and assignments. */
import type { BatchTemplate, Flaw } from '../generated/batches.ts';
import { Batch, Named } from '../generated/symbols.ts';
import { type Row, type RowOptions, row } from './rows.ts';

export const ZERO_UUID = 'AAAAAAAAAAAAAAAAAAAAAA';
export const RANDOM_UUID = 'q1w2e3r4T5y6U7i8O9p0Aw';
export const INT32_MAX = 0x7fff_ffff;
export const NO_WAIT_MS = 500;
/** For the requests that Kafka forgets. */
export const NO_ANSWER_MS = 1_500;

/** The same word gives another name in every session. */
export function own(word: string): Named {
  return new Named(word);
}

export interface Wish {
  readonly partitions?: number;
  readonly replicas?: number;
  readonly configs?: Readonly<Record<string, string | null>>;
  readonly assignments?: readonly unknown[];
}

export function wish(
  name: unknown,
  { partitions = 1, replicas = 1, configs = {}, assignments = [] }: Wish = {},
): unknown {
  return {
    name,
    numPartitions: partitions,
    replicationFactor: replicas,
    assignments,
    configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
  };
}

/** Creates topics and keeps the id of the first under its word: `id of t0`. */
export function creates(word: string, wished: Wish = {}): Row {
  const save = { [`id of ${word}`]: 'topics.0.topicId' };
  return row('CreateTopics', 7, { topics: [wish(own(word), wished)], timeoutMs: 10_000 }, { save });
}

export function batch(changes: Partial<BatchTemplate> = {}): Batch {
  return new Batch({
    codec: 0,
    count: 2,
    valueBytes: 20,
    hasKeys: true,
    dayShift: 0,
    flaw: 'none',
    producerId: -1,
    producerEpoch: -1,
    baseSequence: -1,
    isTransactional: false,
    ...changes,
  });
}

export function flawed(flaw: Flaw): Batch {
  return batch({ flaw });
}

export function produces(
  version: Row['version'],
  topic: unknown,
  records: unknown,
  more: {
    readonly acks?: number;
    readonly partition?: number;
    readonly transactionalId?: unknown;
    readonly topicId?: unknown;
  } = {},
  options: RowOptions = {},
): Row {
  const { acks = -1, partition = 0, transactionalId = null, topicId = ZERO_UUID } = more;
  const topics = [{ name: topic, topicId, partitions: [{ partitionIndex: partition, records }] }];
  return row('Produce', version, { transactionalId, acks, timeoutMs: 1_000, topics }, options);
}

export function fetches(
  version: Row['version'],
  topic: unknown,
  offset: number,
  more: Readonly<Record<string, unknown>> = {},
  partitionMore: Readonly<Record<string, unknown>> = {},
): Row {
  const { topicId = ZERO_UUID, ...rest } = more;
  const partitions = [{ partitionIndex: 0, fetchOffset: offset, partitionMaxBytes: 1_048_576, ...partitionMore }];
  const body = {
    maxWaitMs: 0,
    minBytes: 0,
    maxBytes: 1_048_576,
    topics: [{ name: topic, topicId, partitions }],
    ...rest,
  };
  return row('Fetch', version, body);
}

/** A consumer's subscription to one topic, as the clients write it. */
export const subscription: Uint8Array = Buffer.from('0001000000010002743000000000ffffffff', 'hex');
export const assignment: Uint8Array = Buffer.from('000100000001000274300000000100000000ffffffff', 'hex');
