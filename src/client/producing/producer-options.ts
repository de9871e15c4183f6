/**
 * What a producer can be told, and what it takes where nothing is said: Kafka's defaults, in the units that end the names.
 * `settle` checks the values once, so that nothing behind it has to.
 */
import { Fault } from '../../base/fault.ts';
import { CODEC_NAMES, type CodecName, codecByName } from '../../protocol/compression.ts';
import type { PartitionFunction } from './partitioner.ts';

export interface ProducerOptions {
  /** 'all' waits for every replica in sync, 1 for the leader, 0 for nobody. */
  readonly acks?: 'all' | 1 | 0;
  /** How long a record may wait for others to share its batch. */
  readonly lingerMs?: number;
  /** A batch is sent when it has this many bytes, before compression. */
  readonly batchBytes?: number;
  /** All records that wait or are on their way; beyond it `send` waits and `offer` says no. */
  readonly bufferBytes?: number;
  /** How long `send` waits for room, and how long a topic may stay unknown. */
  readonly blockMsMax?: number;
  /** The largest request; a single batch may be larger. */
  readonly requestBytesMax?: number;
  readonly compression?: CodecName;
  /** For gzip (1-9) and zstd (1-22). */
  readonly compressionLevel?: number;
  readonly partitioner?: PartitionFunction;
  /** Numbers batches, so that one sent twice is stored once and order survives retries. On unless acks is not 'all'. */
  readonly isIdempotent?: boolean;
  /** Requests on their way to one broker. */
  readonly inFlightMax?: number;
  /** From `send` to the receipt, retries included. */
  readonly deliveryTimeoutMs?: number;
  /** One try. */
  readonly requestTimeoutMs?: number;
  readonly retryBackoffMs?: number;
  readonly retryBackoffMaxMs?: number;
  /** Makes a producer with transactions. */
  readonly transactionalId?: string;
  /** After this the broker aborts a transaction that is still open. */
  readonly transactionTimeoutMs?: number;
  readonly allowAutoTopicCreation?: boolean;
  /** Leaders and partitions are asked for anew when they are older. */
  readonly metadataAgeMsMax?: number;
}

export interface ProducerSettings {
  readonly acks: -1 | 0 | 1;
  readonly lingerMs: number;
  readonly batchBytes: number;
  readonly bufferBytes: number;
  readonly blockMsMax: number;
  readonly requestBytesMax: number;
  readonly codec: number;
  readonly level: number | null;
  readonly isIdempotent: boolean;
  readonly inFlightMax: number;
  readonly deliveryTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly retryBackoffMs: number;
  readonly retryBackoffMaxMs: number;
  readonly transactionalId: string | null;
  readonly transactionTimeoutMs: number;
  readonly metadataAgeMsMax: number;
}

const MIB = 1 << 20;
/** The broker remembers five batches of a producer; more on their way could not be told apart. */
const IDEMPOTENT_IN_FLIGHT_MAX = 5;

export function settleProducer(options: ProducerOptions): ProducerSettings {
  const acks = options.acks === undefined || options.acks === 'all' ? -1 : options.acks;
  const isTransactional = options.transactionalId !== undefined;
  const isIdempotent = options.isIdempotent ?? (isTransactional || acks === -1);
  const codec = codecByName(options.compression ?? 'none');
  const settings: ProducerSettings = {
    acks,
    lingerMs: options.lingerMs ?? 5,
    batchBytes: options.batchBytes ?? 16_384,
    bufferBytes: options.bufferBytes ?? 32 * MIB,
    blockMsMax: options.blockMsMax ?? 60_000,
    requestBytesMax: options.requestBytesMax ?? MIB,
    codec,
    level: options.compressionLevel ?? null,
    isIdempotent,
    inFlightMax: options.inFlightMax ?? IDEMPOTENT_IN_FLIGHT_MAX,
    deliveryTimeoutMs: options.deliveryTimeoutMs ?? 120_000,
    requestTimeoutMs: options.requestTimeoutMs ?? 30_000,
    retryBackoffMs: options.retryBackoffMs ?? 100,
    retryBackoffMaxMs: options.retryBackoffMaxMs ?? 1000,
    transactionalId: options.transactionalId ?? null,
    transactionTimeoutMs: options.transactionTimeoutMs ?? 60_000,
    metadataAgeMsMax: options.metadataAgeMsMax ?? 300_000,
  };
  const must = (isGood: boolean, what: string): void => {
    if (!isGood) throw new Fault('PB_BAD_SETTING', `producer: ${what}`);
  };
  must(codec >= 0, `compression is one of ${CODEC_NAMES.join(', ')}`);
  must(
    !isIdempotent || acks === -1,
    `an idempotent producer needs acks 'all'; leave acks out or set isIdempotent: false`,
  );
  must(!isTransactional || isIdempotent, 'transactions need an idempotent producer; leave isIdempotent out');
  must(options.transactionalId !== '', 'a transactional id has at least one character');
  must(settings.inFlightMax >= 1, 'inFlightMax is at least 1');
  must(
    !isIdempotent || settings.inFlightMax <= IDEMPOTENT_IN_FLIGHT_MAX,
    `inFlightMax is at most ${IDEMPOTENT_IN_FLIGHT_MAX} for an idempotent producer`,
  );
  must(settings.batchBytes >= 1 && settings.bufferBytes >= settings.batchBytes, 'bufferBytes holds at least one batch');
  must(settings.lingerMs >= 0, 'lingerMs is not negative');
  must(settings.deliveryTimeoutMs >= settings.lingerMs, 'deliveryTimeoutMs is longer than lingerMs');
  return settings;
}
