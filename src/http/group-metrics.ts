/**
 * Groups: how many in which state, their members and generations, and how far each is behind. A lag in records is the high
 * watermark less the committed offset; the lag in seconds is the age of the first record that was not committed, as the
 * history of the log's growth has it (`lag-history.ts`).
 */
import type { Group } from '../groups/group.ts';
import type { GroupShard } from '../groups/group-shard.ts';
import { errorCode } from '../protocol/errors.ts';
import type { BrokerView } from './broker-view.ts';
import { label, type MetricText } from './metric-text.ts';
import type { Pulse } from './pulse.ts';

interface Lag {
  readonly label: string;
  readonly records: number;
  /** Null: not known. */
  readonly seconds: number | null;
}

export async function writeGroupMetrics(view: BrokerView, pulse: Pulse, text: MetricText): Promise<void> {
  writeCounts(view, text);
  await writeEach(view, text, 'group_members', 'Members of the group.', (group) => group.members.size);
  const help = 'Generation of a classic group, epoch of others: a rebalance makes it grow.';
  await writeEach(view, text, 'group_generation', help, (group) =>
    group.kind === 'classic' ? group.generation : group.epoch,
  );
  text.family('group_lag_records', 'gauge', 'Records behind the committed offset.');
  for (const lag of lagsOf(view, pulse)) {
    text.sample(lag.label, lag.records);
    if (text.body.isFull) await text.body.room();
  }
  text.family('group_lag_seconds', 'gauge', 'Age of the first record that was not committed, to about a second.');
  for (const { label: name, seconds } of lagsOf(view, pulse)) {
    if (seconds !== null) text.sample(name, seconds);
    if (text.body.isFull) await text.body.room();
  }
  await text.body.room();
}

function writeCounts(view: BrokerView, text: MetricText): void {
  const counts = new Map<string, number>();
  for (const group of groupsOf(view)) {
    const key = `${label('kind', group.kind)},${label('state', group.stateName)}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  text.family('groups', 'gauge', 'Groups, by kind and state.');
  for (const [key, count] of counts) text.sample(key, count);
}

async function writeEach(
  view: BrokerView,
  text: MetricText,
  name: string,
  help: string,
  take: (group: Group) => number,
): Promise<void> {
  text.family(name, 'gauge', help);
  for (const group of groupsOf(view)) {
    text.sample(label('group', group.groupId), take(group));
    if (text.body.isFull) await text.body.room();
  }
}

function* shardsOf({ coordinator }: BrokerView): Generator<GroupShard> {
  for (const shard of coordinator.shards) if (shard.errorCode === errorCode.NONE) yield shard;
}

export function* groupsOf(view: BrokerView): Generator<Group> {
  for (const shard of shardsOf(view)) yield* shard.groups.values();
}

/** By partition, or the worst of each topic and the sum of its records. */
function* lagsOf(view: BrokerView, pulse: Pulse): Generator<Lag> {
  const isByPartition = view.controller.config.values['perfbroker.metrics.detail'] === 'partition';
  for (const shard of shardsOf(view)) {
    for (const groupId of shard.offsets.groupIds) {
      for (const [topic, offsets] of shard.offsets.ofGroup(groupId)) {
        const name = `${label('group', groupId)},${label('topic', topic)}`;
        let records = 0;
        let seconds: number | null = null;
        for (const [partition, { offset }] of offsets) {
          const lag = lagOf(view, pulse, topic, partition, offset);
          if (lag === null) continue;
          if (isByPartition) yield { label: `${name},${label('partition', partition)}`, ...lag };
          records += lag.records;
          if (lag.seconds !== null) seconds = Math.max(seconds ?? 0, lag.seconds);
        }
        if (!isByPartition) yield { label: name, records, seconds };
      }
    }
  }
}

/** Null: the partition is not there. */
function lagOf(
  view: BrokerView,
  pulse: Pulse,
  topic: string,
  partition: number,
  offset: number,
): Pick<Lag, 'records' | 'seconds'> | null {
  const place = view.controller.placeOf(topic, partition);
  if (place === null || !view.openSlots.has(place.slot)) return null;
  const { slot } = place;
  const high = view.board.high(slot);
  // What was deleted before it was read is not waited for any more.
  const next = Math.max(offset, view.board.logStart(slot));
  const ageMs = pulse.history.ageMs(slot, next, high, view.nowMs());
  return { records: Math.max(0, high - next), seconds: ageMs === null ? null : ageMs / 1000 };
}
