/**
 * What a partition's log needs to know of its topic's settings: plain numbers, made by whoever knows the topic settings
 * table, sent to the workers with the command that opens a log. "No limit" is Infinity throughout.
 */
export interface LogSettings {
  /** segment.bytes: a segment never grows past it; a batch larger than it is refused. */
  readonly segmentBytesMax: number;
  /** segment.ms and segment.jitter.ms: age, by record time, at which the next append begins a new segment. */
  readonly segmentMsMax: number;
  readonly segmentJitterMs: number;
  /** segment.index.bytes: a full index begins a new segment. */
  readonly segmentIndexBytesMax: number;
  readonly indexIntervalBytes: number;
  /** max.message.bytes, of a whole batch. */
  readonly batchBytesMax: number;
  readonly isLogAppendTime: boolean;
  readonly timestampBeforeMaxMs: number;
  readonly timestampAfterMaxMs: number;
  /** cleanup.policy */
  readonly isCompacted: boolean;
  readonly isDeleted: boolean;
  /** compression.type: 'producer' keeps what came; the level belongs to the named codec. */
  readonly compressionType: string;
  readonly compressionLevel: number;
  readonly retentionMsMax: number;
  readonly retentionBytesMax: number;
  /** flush.messages and flush.ms. */
  readonly flushRecordsMax: number;
  readonly flushMs: number;
  /** --durability fsync: nothing counts as written before it was flushed to the device. */
  readonly isSyncedBeforeAck: boolean;
  readonly isPreallocated: boolean;
  readonly producerExpiryMs: number;
}

const DAY_MS = 86_400_000;

export const DEFAULT_LOG_SETTINGS: LogSettings = {
  segmentBytesMax: 1_073_741_824,
  segmentMsMax: 7 * DAY_MS,
  segmentJitterMs: 0,
  segmentIndexBytesMax: 10_485_760,
  indexIntervalBytes: 4096,
  batchBytesMax: 1_048_588,
  isLogAppendTime: false,
  timestampBeforeMaxMs: Number.POSITIVE_INFINITY,
  timestampAfterMaxMs: 3_600_000,
  isCompacted: false,
  isDeleted: true,
  compressionType: 'producer',
  compressionLevel: -1,
  retentionMsMax: 7 * DAY_MS,
  retentionBytesMax: Number.POSITIVE_INFINITY,
  flushRecordsMax: Number.POSITIVE_INFINITY,
  flushMs: Number.POSITIVE_INFINITY,
  isSyncedBeforeAck: false,
  isPreallocated: false,
  producerExpiryMs: DAY_MS,
};
