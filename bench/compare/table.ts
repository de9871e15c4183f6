/** The comparison as people read it: one line a row with the medians of all sides, and one line a bar. Markdown. */
import { milliseconds } from '../load/sizes.ts';
import type { RowResult } from './row-result.ts';
import { type Bar, type Figure, rows, type SideName } from './rows.ts';
import type { Ratio } from './statistics.ts';
import type { Verdict } from './verdicts.ts';

const sideNames: readonly SideName[] = ['perfbroker', 'kafka', 'limit'];

const figureWords: Readonly<Record<Figure, string>> = {
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

export function tableOf(results: readonly RowResult[], kafkaVersion: string): string {
  const heads = ['work', 'perfbroker', `Apache Kafka ${kafkaVersion}`, 'limit', 'pairs'];
  const lines = [line(heads), line(heads.map(() => '---'))];
  for (const result of results) {
    const cells = sideNames.map((side) => sideCell(result, side));
    const discarded = result.pairsDiscarded > 0 ? ` (${result.pairsDiscarded} discarded)` : '';
    lines.push(line([result.title, ...cells, `${result.pairsKept}${discarded}`]));
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

export function barTableOf(results: readonly RowResult[]): string {
  const heads = ['bar', 'measured', '95 % interval', 'must', 'aim', 'verdict'];
  const lines = [line(heads), line(heads.map(() => '---'))];
  for (const result of results) lines.push(...result.verdicts.map((verdict) => barLine(result, verdict)));
  return `${lines.join('\n')}\n`;
}

function barLine(result: RowResult, { bar, ratio, outcome, isClose }: Verdict): string {
  const against = { kafka: ' ÷ Kafka', limit: ' ÷ limit', nothing: '' }[bar.against];
  return line([
    `${result.id}: ${figureWords[bar.figure]}${against}`,
    amount(bar, ratio.value),
    `${amount(bar, ratio.low)} – ${amount(bar, ratio.high)}`,
    bar.must === null ? '–' : `${sign(bar)} ${amount(bar, bar.must)}`,
    `${sign(bar)} ${amount(bar, bar.aim)}`,
    `${outcomeWords[outcome]}${isClose ? ' (close)' : ''}`,
  ]);
}

function sign(bar: Bar): string {
  return bar.direction === 'at least' ? '≥' : '≤';
}

function amount(bar: Bar, value: Ratio['value']): string {
  if (bar.against !== 'nothing') return value.toFixed(2);
  return bar.figure.endsWith('Us') ? milliseconds(value) : value.toFixed(0);
}

export function complaintLines(results: readonly RowResult[]): string {
  return results.flatMap((result) => result.complaints.map((text) => `${result.id}: ${text}\n`)).join('');
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}
