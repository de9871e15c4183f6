/**
 * What a partition's log needs to know of its topic's settings: plain numbers, made by whoever knows the topic settings
 * table, sent to the workers with the command that opens a log. "No limit" is Infinity throughout.
 */
export interface LogSettings {
  /** segment.bytes: a segment never grows past it; a batch larger than it is refused. */
  readonly segmentBytesMax: number;
  /** segment.ms and segment.jitter.ms: age, by record time, at which the next append begins a new segment. */
  readonly segmentMsMax: number;
  /** segment.jitter.ms: most that is taken off that age, another part for every segment. */
  readonly segmentJitterMsMax: number;
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
  /** file.delete.delay.ms: how long the files of a removed segment stay. */
  readonly fileDeleteDelayMs: number;
  /** delete.retention.ms: how long a compacted log keeps the markers of deleted keys. */
  readonly deleteRetentionMs: number;
  /** min.compaction.lag.ms and max.compaction.lag.ms. */
  readonly compactionLagMsMin: number;
  readonly compactionLagMsMax: number;
  /** min.cleanable.dirty.ratio */
  readonly dirtyRatioMin: number;
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
  segmentJitterMsMax: 0,
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
  fileDeleteDelayMs: 60_000,
  deleteRetentionMs: DAY_MS,
  compactionLagMsMin: 0,
  compactionLagMsMax: Number.POSITIVE_INFINITY,
  dirtyRatioMin: 0.5,
  flushRecordsMax: Number.POSITIVE_INFINITY,
  flushMs: Number.POSITIVE_INFINITY,
  isSyncedBeforeAck: false,
  isPreallocated: false,
  producerExpiryMs: DAY_MS,
};
