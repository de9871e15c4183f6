/** The comparison as people read it: one line a row with the medians of all sides, and one line a bar. Markdown. */
import { milliseconds } from '../load/sizes.ts';
import { type MeasureResult, medianOf } from './measures.ts';
import type { RowResult } from './row-result.ts';
import { type Bar, type Figure, rows, type SideName } from './rows.ts';
import type { Verdict } from './verdicts.ts';

const sideNames: readonly SideName[] = ['perfbroker', 'kafka', 'limit'];

export const figureWords: Readonly<Record<Figure, string>> = {
  bytesPerSecond: 'throughput',
  requestsPerSecond: 'requests/s',
  cpuSecondsPerGb: 'CPU per GB',
  cpuUsPerRequest: 'CPU each',
  cores: 'CPU',
  p50Us: 'p50',
  p99Us: 'p99',
  p999Us: 'p99.9',
};

const outcomeWords = { aim: 'aim', must: 'ok', missed: 'MISSED' } as const;

export function tableOf(
  results: readonly RowResult[],
  measures: readonly MeasureResult[],
  words: Readonly<Record<SideName, string>>,
): string {
  const heads = ['work', ...sideNames.map((side) => words[side]), 'pairs'];
  const lines = [line(heads), line(heads.map(() => '---'))];
  for (const result of results) {
    const cells = sideNames.map((side) => sideCell(result, side));
    const discarded = result.pairsDiscarded > 0 ? ` (${result.pairsDiscarded} discarded)` : '';
    lines.push(line([result.title, ...cells, `${result.pairsKept}${discarded}`]));
  }
  for (const result of measures) {
    const cells = sideNames.map((side) => {
      const value = medianOf(result, side);
      return value === null ? '–' : measured(result, value);
    });
    lines.push(line([result.title, ...cells, `${result.values.perfbroker?.length ?? 0}`]));
  }
  return `${lines.join('\n')}\n`;
}

function sideCell(result: RowResult, side: SideName): string {
  const medians = result.medians[side];
  if (medians === undefined) return '–';
  const isSmall = medians.bytesPerSecond.value / medians.requestsPerSecond.value < 4096;
  const isPaced = rows.some((row) => row.id === result.id && row.bars.some((bar) => bar.figure === 'cores'));
  const rate = isSmall
    ? `${medians.requestsPerSecond.value.toFixed(0)} requests/s`
    : `${(medians.bytesPerSecond.value / 1e6).toFixed(0)} MB/s`;
  const cpu = isPaced
    ? `${medians.cores.value.toFixed(2)} cores`
    : isSmall
      ? `${medians.cpuUsPerRequest.value.toFixed(1)} µs CPU each`
      : `${medians.cpuSecondsPerGb.value.toFixed(2)} CPU-s/GB`;
  const { p50Us, p99Us, p999Us } = medians;
  const latency = `p50 ${milliseconds(p50Us.value)}, p99 ${milliseconds(p99Us.value)}, p99.9 ${milliseconds(p999Us.value)}`;
  return `${rate}, ${cpu}, ${latency}`;
}

export function barTableOf(results: readonly RowResult[], measures: readonly MeasureResult[]): string {
  const heads = ['bar', 'measured', '95 % interval', 'must', 'aim', 'verdict'];
  const lines = [line(heads), line(heads.map(() => '---'))];
  for (const result of results)
    for (const verdict of result.verdicts) {
      const words = figureWords[verdict.bar.figure];
      lines.push(barLine(`${result.id}: ${words}`, verdict, (value) => amount(verdict.bar, value)));
    }
  for (const result of measures) {
    const show = (value: number): string =>
      result.bar.against === 'nothing' ? measured(result, value) : value.toFixed(2);
    lines.push(barLine(result.id, result, show));
  }
  return `${lines.join('\n')}\n`;
}

type BarVerdict = Pick<Verdict, 'ratio' | 'outcome' | 'isClose'> & {
  readonly bar: Pick<Bar, 'against' | 'direction' | 'must' | 'aim'>;
};

function barLine(name: string, { bar, ratio, outcome, isClose }: BarVerdict, show: (value: number) => string): string {
  const against = { kafka: ' ÷ Kafka', limit: ' ÷ limit', nothing: '' }[bar.against];
  return line([
    `${name}${against}`,
    show(ratio.value),
    `${show(ratio.low)} – ${show(ratio.high)}`,
    bar.must === null ? '–' : `${sign(bar)} ${show(bar.must)}`,
    `${sign(bar)} ${show(bar.aim)}`,
    `${outcomeWords[outcome]}${isClose ? ' (close)' : ''}`,
  ]);
}

function measured({ unit }: MeasureResult, value: number): string {
  return unit === 'bytes' ? `${(value / 1e6).toFixed(0)} MB` : `${(value / 1000).toFixed(2)} s`;
}

function sign(bar: Pick<Bar, 'direction'>): string {
  return bar.direction === 'at least' ? '≥' : '≤';
}

function amount(bar: Pick<Bar, 'against' | 'figure'>, value: number): string {
  if (bar.against !== 'nothing') return value.toFixed(2);
  return bar.figure.endsWith('Us') ? milliseconds(value) : value.toFixed(0);
}

type Complaining = { readonly id: string; readonly complaints: readonly string[] };

export function complaintLines(results: readonly Complaining[]): string {
  return results.flatMap((result) => result.complaints.map((text) => `${result.id}: ${text}\n`)).join('');
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}
