/** What kind of run a seed stands for: how the broker is set up, what is done to it, and how often. */
import type { Prng } from '../support/prng.ts';
import { SESSION_MS } from './group-offsets.ts';
import type { Promised } from './history.ts';
import { LOCK_MS } from './share-book.ts';

export interface Profile {
  readonly fronts: number;
  readonly workers: number;
  readonly sets: readonly string[];
  readonly flushWindowMs: number;
  readonly promised: Promised;
  /** Topics come and go. */
  readonly hasPassing: boolean;
  /** Steps of the world. */
  readonly ticks: number;
  /** Weights of what goes wrong; 0: it does not. */
  readonly faults: Readonly<Record<FaultKind, number>>;
  /** One of them about every so many ticks. */
  readonly faultEvery: number;
  /** How often a start meets something. */
  readonly startFaults: number;
  readonly shortWrite: number;
  readonly shortSend: number;
  readonly delay: number;
  readonly forgetsFailedSyncs: boolean;
}

export const FAULT_KINDS = [
  'kill',
  'power',
  'crash point',
  'stop',
  'reset',
  'leap',
  'clock back',
  'stalled flusher',
  'cold pages',
  'write error',
  'sync error',
  'read error',
  'file error',
  'full disk',
] as const;

export type FaultKind = (typeof FAULT_KINDS)[number];

/** Members are not to wait for seconds. */
export const GROUP_SETS = [
  `group.min.session.timeout.ms=${SESSION_MS}`,
  `group.consumer.min.session.timeout.ms=${SESSION_MS}`,
  `group.consumer.session.timeout.ms=${SESSION_MS}`,
  'group.consumer.min.heartbeat.interval.ms=50',
  'group.consumer.heartbeat.interval.ms=50',
  'group.consumer.assignment.interval.ms=0',
];

const NONE: Record<FaultKind, number> = {
  kill: 0,
  power: 0,
  'crash point': 0,
  stop: 0,
  reset: 0,
  leap: 0,
  'clock back': 0,
  'stalled flusher': 0,
  'cold pages': 0,
  'write error': 0,
  'sync error': 0,
  'read error': 0,
  'file error': 0,
  'full disk': 0,
};

const ALWAYS: Partial<Record<FaultKind, number>> = { reset: 3, leap: 4, 'cold pages': 1, 'stalled flusher': 1 };

/** What a run is mostly about. */
const THEMES: readonly Partial<Record<FaultKind, number>>[] = [
  { kill: 2, 'crash point': 4, stop: 1 },
  { power: 3, 'crash point': 2, kill: 1 },
  { power: 2, 'sync error': 3, 'write error': 1, kill: 1 },
  { 'write error': 2, 'read error': 2, 'file error': 2, kill: 1, stop: 1, 'crash point': 1 },
  { 'full disk': 3, kill: 1, power: 1 },
  { kill: 1, power: 1, 'crash point': 2, stop: 1, 'clock back': 1, 'write error': 1, 'sync error': 1, 'full disk': 1 },
];

export function drawProfile(random: Prng): Profile {
  const theme = THEMES[random.nextInt(THEMES.length)] ?? {};
  const flushWindowMs = [100, 200, 400, 1000][random.nextInt(4)] ?? 1000;
  const promised = random.nextBoolean(0.4) ? 'device' : 'window';
  const workers = 1 + random.nextInt(3);
  return {
    fronts: random.nextBoolean(0.25) ? 2 : 1,
    workers,
    flushWindowMs,
    promised,
    sets: [
      `perfbroker.flush.window.ms=${flushWindowMs}`,
      `perfbroker.write.back.bytes=${random.nextBoolean() ? 0 : 2000}`,
      'perfbroker.disk.reserve.bytes=0',
      `log.flush.offset.checkpoint.interval.ms=${[0, 300, 60_000][random.nextInt(3)]}`,
      `log.retention.check.interval.ms=${[100, 1000, 300_000][random.nextInt(3)]}`,
      // The clock is set back by up to an hour, more than once, while a batch is sent again and again.
      'log.message.timestamp.after.max.ms=86400000',
      'offsets.topic.num.partitions=2',
      'transaction.state.log.num.partitions=2',
      'share.coordinator.state.topic.num.partitions=2',
      `group.share.min.record.lock.duration.ms=${LOCK_MS}`,
      `group.share.record.lock.duration.ms=${LOCK_MS}`,
      ...GROUP_SETS,
      ...(promised === 'device' ? ['perfbroker.durability=fsync'] : []),
    ],
    ticks: 100 + random.nextInt(300),
    faults: { ...NONE, ...ALWAYS, ...theme },
    faultEvery: 15 + random.nextInt(40),
    startFaults: random.nextBoolean(0.4) ? 0.3 : 0,
    shortWrite: random.nextBoolean(0.3) ? 0.2 : 0,
    shortSend: random.nextBoolean(0.3) ? 0.3 : 0,
    delay: random.nextBoolean(0.5) ? 0.3 : 0,
    forgetsFailedSyncs: random.nextBoolean(0.5),
    hasPassing: random.nextBoolean(),
  };
}
