/**
 * What a consumer can be told, and what it takes where nothing is said: Kafka's defaults, in the units that end the names.
 * `settleConsumer` checks the values once, so that nothing behind it has to.
 */
import { Fault } from '../../base/fault.ts';
import type { TopicPartition } from '../record.ts';

export type AssignorName = 'range' | 'roundrobin' | 'cooperative-sticky';

/** Called within `poll`, and waited for: what they do is done before the partitions change hands. */
export interface RebalanceListener {
  readonly onAssigned?: (partitions: readonly TopicPartition[]) => Promise<void> | void;
  readonly onRevoked?: (partitions: readonly TopicPartition[]) => Promise<void> | void;
  /** The group went on without us: others may have the partitions already, so nothing can be committed. */
  readonly onLost?: (partitions: readonly TopicPartition[]) => Promise<void> | void;
}

export interface ConsumerOptions extends RebalanceListener {
  /** Without it the consumer reads what it is assigned by hand, and commits nothing. */
  readonly groupId?: string;
  /** 'classic' agrees on assignments among the members, 'consumer' lets the broker assign (KIP-848). */
  readonly groupProtocol?: 'classic' | 'consumer';
  /** A member that comes back under this name within the session timeout gets its partitions back. */
  readonly groupInstanceId?: string;
  /** Classic groups: those this member can work with, best first. */
  readonly assignors?: readonly AssignorName[];
  /** Groups of the newer protocol: 'uniform', 'range', or what the broker has. */
  readonly serverAssignor?: string;
  readonly sessionTimeoutMs?: number;
  readonly heartbeatIntervalMs?: number;
  /** Between two polls; a member that takes longer leaves the group. Also how long a rebalance waits for a member. */
  readonly pollIntervalMsMax?: number;
  readonly rackId?: string;
  readonly isolation?: 'read_uncommitted' | 'read_committed';
  /** Where to begin when nothing is committed, or when the position does not exist. */
  readonly autoOffsetReset?: 'earliest' | 'latest' | 'none';
  readonly autoCommit?: boolean;
  readonly autoCommitIntervalMs?: number;
  readonly fetchBytesMin?: number;
  readonly fetchWaitMs?: number;
  readonly fetchBytesMax?: number;
  readonly partitionBytesMax?: number;
  /** Fetched and not yet read; nothing more is asked for beyond it. */
  readonly prefetchBytes?: number;
  readonly checksCrc?: boolean;
  /** For everything that is asked of a broker, retries included, but for fetching. */
  readonly apiTimeoutMs?: number;
  readonly retryBackoffMs?: number;
  readonly retryBackoffMaxMs?: number;
  readonly metadataAgeMsMax?: number;
  readonly allowAutoTopicCreation?: boolean;
}

export interface ConsumerSettings extends RebalanceListener {
  readonly groupId: string | null;
  readonly groupProtocol: 'classic' | 'consumer';
  readonly groupInstanceId: string | null;
  readonly assignors: readonly AssignorName[];
  readonly serverAssignor: string | null;
  readonly sessionTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  readonly pollIntervalMsMax: number;
  readonly rackId: string | null;
  readonly isReadCommitted: boolean;
  readonly autoOffsetReset: 'earliest' | 'latest' | 'none';
  readonly autoCommit: boolean;
  readonly autoCommitIntervalMs: number;
  readonly fetchBytesMin: number;
  readonly fetchWaitMs: number;
  readonly fetchBytesMax: number;
  readonly partitionBytesMax: number;
  readonly prefetchBytes: number;
  readonly checksCrc: boolean;
  readonly apiTimeoutMs: number;
  readonly retryBackoffMs: number;
  readonly retryBackoffMaxMs: number;
  readonly metadataAgeMsMax: number;
}

const MIB = 1 << 20;

export function settleConsumer(options: ConsumerOptions): ConsumerSettings {
  const hasGroup = options.groupId !== undefined;
  const settings: ConsumerSettings = {
    ...(options.onAssigned === undefined ? {} : { onAssigned: options.onAssigned }),
    ...(options.onRevoked === undefined ? {} : { onRevoked: options.onRevoked }),
    ...(options.onLost === undefined ? {} : { onLost: options.onLost }),
    groupId: options.groupId ?? null,
    groupProtocol: options.groupProtocol ?? 'classic',
    groupInstanceId: options.groupInstanceId ?? null,
    assignors: options.assignors ?? ['range', 'cooperative-sticky'],
    serverAssignor: options.serverAssignor ?? null,
    sessionTimeoutMs: options.sessionTimeoutMs ?? 45_000,
    heartbeatIntervalMs: options.heartbeatIntervalMs ?? 3000,
    pollIntervalMsMax: options.pollIntervalMsMax ?? 300_000,
    rackId: options.rackId ?? null,
    isReadCommitted: options.isolation === 'read_committed',
    autoOffsetReset: options.autoOffsetReset ?? 'latest',
    autoCommit: hasGroup && (options.autoCommit ?? true),
    autoCommitIntervalMs: options.autoCommitIntervalMs ?? 5000,
    fetchBytesMin: options.fetchBytesMin ?? 1,
    fetchWaitMs: options.fetchWaitMs ?? 500,
    fetchBytesMax: options.fetchBytesMax ?? 50 * MIB,
    partitionBytesMax: options.partitionBytesMax ?? MIB,
    prefetchBytes: options.prefetchBytes ?? 64 * MIB,
    checksCrc: options.checksCrc ?? true,
    apiTimeoutMs: options.apiTimeoutMs ?? 60_000,
    retryBackoffMs: options.retryBackoffMs ?? 100,
    retryBackoffMaxMs: options.retryBackoffMaxMs ?? 1000,
    metadataAgeMsMax: options.metadataAgeMsMax ?? 300_000,
  };
  const must = (isGood: boolean, what: string): void => {
    if (!isGood) throw new Fault('PB_BAD_SETTING', `consumer: ${what}`);
  };
  must(options.groupId !== '', 'a group id has at least one character');
  must(hasGroup || options.autoCommit !== true, 'autoCommit needs a groupId');
  must(settings.assignors.length > 0, 'assignors has at least one name');
  must(settings.heartbeatIntervalMs < settings.sessionTimeoutMs, 'heartbeatIntervalMs is below sessionTimeoutMs');
  must(settings.partitionBytesMax >= 1 && settings.fetchBytesMax >= 1, 'fetches ask for at least one byte');
  return settings;
}
