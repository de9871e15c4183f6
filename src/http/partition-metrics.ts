/**
 * Logs and the stages of appending to them, by partition or, where `perfbroker.metrics.detail` says so, by topic. Topics are
 * walked once a family, with a breath between chunks; what is kept is one topic's labels and one tally.
 */
import type { CatalogTopic } from '../cluster/catalog.ts';
import {
  STAGE_APPEND,
  STAGE_BUCKETS,
  STAGE_FLUSH,
  STAGE_QUEUE,
  STAGE_RESPOND,
  type StageBoard,
} from '../zerocopy/stage-board.ts';
import { tallyBounds, tallyNumbers } from '../zerocopy/tally.ts';
import type { BrokerView } from './broker-view.ts';
import { label, type MetricText } from './metric-text.ts';
import type { Pulse } from './pulse.ts';

/** One line of a family: a partition, or all of a topic. */
interface Subject {
  readonly label: string;
  readonly slots: readonly number[];
}

interface Stage {
  readonly label: string;
  readonly boards: readonly StageBoard[];
  readonly stage: number;
  readonly bounds: readonly string[];
}

export async function writePartitionMetrics(view: BrokerView, pulse: Pulse, text: MetricText): Promise<void> {
  const { board } = view;
  const { sizes, unflushedMs } = await pulse.logs();
  text.single(
    'log_unflushed_seconds',
    'gauge',
    'Age of the oldest write that is not flushed to the device: what a power cut would take, a few seconds old.',
    unflushedMs / 1000,
  );
  const family = async (
    name: string,
    type: 'gauge' | 'counter',
    help: string,
    take: (slot: number) => number,
  ): Promise<void> => {
    text.family(name, type, help);
    for (const subject of subjectsOf(view)) {
      let value = 0;
      for (const slot of subject.slots) value += take(slot);
      text.sample(subject.label, value);
      if (text.body.isFull) await text.body.room();
    }
  };
  await family('log_start_offset', 'gauge', 'First offset of the log.', (slot) => board.logStart(slot));
  await family('log_end_offset', 'gauge', 'Offset that the next record gets.', (slot) => board.end(slot));
  await family('log_high_watermark', 'gauge', 'Up to here consumers may read.', (slot) => board.high(slot));
  await family('log_stable_offset', 'gauge', 'Up to here all transactions are decided.', (slot) => board.stable(slot));
  await family('log_size_bytes', 'gauge', 'Bytes of the log, a few seconds old.', (slot) => sizes.get(slot) ?? 0);
  await family('log_appended_bytes_total', 'counter', 'Bytes appended since the log was opened.', (slot) =>
    board.bytes(slot),
  );
  await writeStages(view, text);
}

async function writeStages(view: BrokerView, text: MetricText): Promise<void> {
  const help =
    'Stages of an append: queue (request read to job taken), append (to written), flush (to flushed, where the answer ' +
    'waits for it), respond (to the turn in which the response leaves).';
  text.family('append_stage_seconds', 'histogram', help);
  const stages = stagesOf(view);
  const total = new Float64Array(tallyNumbers(STAGE_BUCKETS));
  for (const subject of subjectsOf(view)) {
    for (const { label: name, boards, stage, bounds } of stages) {
      total.fill(0);
      for (const slot of subject.slots) for (const of of boards) of.addTo(total, slot, stage);
      text.histogram(`${subject.label},${name}`, total, bounds);
    }
    if (text.body.isFull) await text.body.room();
  }
  await text.body.room();
}

function stagesOf({ stages, fronts }: BrokerView): Stage[] {
  const ofWorkers = (name: string, stage: number): Stage => ({
    label: label('stage', name),
    boards: [stages],
    stage,
    bounds: tallyBounds(STAGE_BUCKETS, stages.shiftOf(stage)).map(String),
  });
  const boards = fronts.map((front) => front.stages);
  return [
    ofWorkers('queue', STAGE_QUEUE),
    ofWorkers('append', STAGE_APPEND),
    ofWorkers('flush', STAGE_FLUSH),
    { ...ofWorkers('respond', STAGE_APPEND), boards, stage: STAGE_RESPOND },
  ];
}

function* subjectsOf(view: BrokerView): Generator<Subject> {
  const { controller } = view;
  const isByPartition = controller.config.values['perfbroker.metrics.detail'] === 'partition';
  for (const topic of controller.catalog.topicsByName.values()) {
    const slots = openSlotsOf(view, topic);
    const name = label('topic', topic.name);
    if (!isByPartition) {
      yield { label: name, slots: slots.filter((slot) => slot >= 0) };
      continue;
    }
    for (const [partition, slot] of slots.entries()) {
      if (slot >= 0) yield { label: `${name},${label('partition', partition)}`, slots: [slot] };
    }
  }
}

/** By partition; -1 where the log is not open. */
function openSlotsOf({ controller, openSlots }: BrokerView, topic: CatalogTopic): number[] {
  return controller.placesOf(topic.id).map(({ slot }) => (openSlots.has(slot) ? slot : -1));
}
