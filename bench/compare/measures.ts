/**
 * Rows that are no load: memory, and how soon a broker serves after it was started. Each is one figure of a side, measured
 * several times, and at most one bar.
 */
import type { Bar, SideName } from './rows.ts';
import { median, medianInterval, type Ratio, ratioOf } from './statistics.ts';
import { judge, type Verdict } from './verdicts.ts';

export type MeasureBar = Pick<Bar, 'direction' | 'must' | 'aim'> & { readonly against: 'kafka' | 'nothing' };

export interface Measure {
  readonly id: MeasureId;
  readonly title: string;
  readonly unit: 'ms' | 'bytes';
  readonly bar: MeasureBar;
}

export type MeasureId = 'memory-idle' | 'memory-loaded' | 'start-empty' | 'start-filled' | 'recovery';

/** Round by round; a side that was not measured is absent. */
export type MeasureValues = Readonly<Partial<Record<SideName, readonly number[]>>>;

export interface MeasureResult extends Measure {
  readonly values: MeasureValues;
  readonly ratio: Ratio;
  readonly outcome: Verdict['outcome'];
  readonly isClose: boolean;
  /** Each of these spoils it as a missed bar does. */
  readonly complaints: readonly string[];
  readonly isMet: boolean;
}

export const IDLE_PARTITIONS = 64;

const atMost = (against: MeasureBar['against'], must: number, aim: number): MeasureBar => ({
  direction: 'at most',
  against,
  must,
  aim,
});

export const measures: readonly Measure[] = [
  {
    id: 'memory-idle',
    title: `resident memory, idle with ${IDLE_PARTITIONS} partitions`,
    unit: 'bytes',
    bar: atMost('nothing', 110e6, 80e6),
  },
  {
    id: 'memory-loaded',
    title: 'resident memory after all the loads of this run',
    unit: 'bytes',
    bar: atMost('nothing', 300e6, 200e6),
  },
  {
    id: 'start-empty',
    title: 'exec → first acknowledged produce, empty folder',
    unit: 'ms',
    bar: atMost('nothing', 500, 300),
  },
  {
    id: 'start-filled',
    title: 'exec → first acknowledged produce, 64 partitions',
    unit: 'ms',
    bar: atMost('nothing', 600, 300),
  },
  {
    id: 'recovery',
    title: 'exec after kill -9 → all of 64 partitions served',
    unit: 'ms',
    bar: atMost('kafka', 0.25, 0.08),
  },
];

export function measureNamed(id: MeasureId): Measure {
  const measure = measures.find((candidate) => candidate.id === id);
  if (measure === undefined) throw new Error(`there is no measure ${id}`);
  return measure;
}

/** `detail` tells how much data there was. */
export function measureResult(
  id: MeasureId,
  values: MeasureValues,
  complaints: readonly string[] = [],
  detail = '',
): MeasureResult {
  const measure = measureNamed(id);
  const ours = values.perfbroker ?? [];
  const ratio = measure.bar.against === 'kafka' ? ratioOf(ours, values.kafka ?? []) : medianInterval(ours);
  const judged = judge(measure.bar, ratio);
  const isMet = complaints.length === 0 && judged.outcome !== 'missed';
  return { ...measure, title: `${measure.title}${detail}`, values, ratio, ...judged, complaints, isMet };
}

export function medianOf(result: MeasureResult, side: SideName): number | null {
  const values = result.values[side];
  return values === undefined ? null : median(values);
}
