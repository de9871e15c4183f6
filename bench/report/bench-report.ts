/**
 * What a bench says and leaves behind: one row for each piece of work and side, a table of them, and in the folder of results
 * a JSON file, the histograms in HdrHistogram's format, and a page with all curves. Called by the bench mains.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LoadProgress, LoadResult } from '../load/generator.ts';
import { megabytes, milliseconds } from '../load/sizes.ts';
import { curveOf, hgrmOf, type Percentiles, percentilesOf } from './percentiles.ts';
import { plotPage } from './plot.ts';

export type SideName = 'perfbroker' | 'Apache Kafka' | 'limit';

export interface BenchRow {
  readonly work: string;
  /** A rate that is to be kept, as it was typed; "max" sends as fast as answers come. */
  readonly target: string;
  readonly side: SideName;
  readonly requestsPerSecond: number;
  readonly bytesPerSecond: number;
  readonly cores: number;
  readonly cpuUsPerRequest: number;
  readonly cpuSecondsPerGb: number;
  readonly loadCores: number;
  readonly percentiles: Percentiles;
  readonly verdict: 'pass' | 'FAIL' | '–';
  readonly reason: string;
  readonly histogram: LoadResult['histogram'];
}

export interface BenchReport {
  /** Begins the names of the files. */
  readonly name: string;
  readonly title: string;
  readonly subtitle: string;
  readonly settings: object;
  readonly rows: readonly BenchRow[];
}

/** A target counts as kept when this much of it went through. */
const KEPT_SHARE = 0.98;
const heads = [
  'work',
  'target',
  'side',
  'req/s',
  'MB/s',
  'p50',
  'p90',
  'p99',
  'p99.9',
  'max',
  'cores',
  'µs CPU each',
  'CPU-s/GB',
  '',
];

/** `requestsPerSecond` 0 is a closed loop, which only fails by errors. */
export function rowOf(
  work: string,
  target: string,
  side: SideName,
  requestsPerSecond: number,
  result: LoadResult,
): BenchRow {
  const rate = result.requests / result.seconds;
  const reason = failureOf(result, rate, requestsPerSecond);
  return {
    work,
    target,
    side,
    requestsPerSecond: rate,
    bytesPerSecond: result.bytes / result.seconds,
    cores: result.cpuSeconds / result.seconds,
    cpuUsPerRequest: result.requests === 0 ? 0 : (result.cpuSeconds * 1e6) / result.requests,
    cpuSecondsPerGb: result.bytes === 0 ? 0 : result.cpuSeconds / (result.bytes / 1e9),
    loadCores: result.loadCpuSeconds / result.seconds,
    percentiles: percentilesOf(result.histogram),
    verdict: reason !== '' ? 'FAIL' : requestsPerSecond > 0 ? 'pass' : '–',
    reason,
    histogram: result.histogram,
  };
}

function failureOf(result: LoadResult, rate: number, wanted: number): string {
  if (result.errors > 0) return `${result.errors} answers carried an error, first ${result.firstError}`;
  if (result.unanswered > 0) return `${result.unanswered} were never answered`;
  if (rate < wanted * KEPT_SHARE) return `${rate.toFixed(0)} of ${wanted.toFixed(0)} a second went through`;
  return '';
}

export function benchTable(rows: readonly BenchRow[]): string[][] {
  return [heads, ...rows.map(cellsOf)];
}

function cellsOf(row: BenchRow): string[] {
  const { p50Us, p90Us, p99Us, p999Us, maxUs } = row.percentiles;
  return [
    row.work,
    row.target,
    row.side,
    row.requestsPerSecond.toFixed(0),
    (row.bytesPerSecond / 1e6).toFixed(1),
    ...[p50Us, p90Us, p99Us, p999Us, maxUs].map(milliseconds),
    row.cores > 0 ? row.cores.toFixed(2) : '–',
    row.cores > 0 ? row.cpuUsPerRequest.toFixed(1) : '–',
    row.cores > 0 ? row.cpuSecondsPerGb.toFixed(2) : '–',
    row.verdict,
  ];
}

/** Columns as wide as they must be: words to the left, numbers to the right. */
export function alignedTable(rows: readonly (readonly string[])[]): string {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  const cell = (text: string, at: number): string =>
    at === 0 ? text.padEnd(widths[at] ?? 0) : text.padStart(widths[at] ?? 0);
  return rows.map((row) => `${row.map(cell).join('  ').trimEnd()}\n`).join('');
}

/** Returns what the files' names begin with. */
export function writeReport(out: string, report: BenchReport): string {
  mkdirSync(out, { recursive: true });
  const base = stampedPath(out, report.name);
  const rows = report.rows.map(({ histogram: _, ...row }) => row);
  writeFileSync(`${base}.json`, `${JSON.stringify({ settings: report.settings, rows }, null, 1)}\n`);
  for (const row of report.rows) writeFileSync(`${base}-${fileWord(curveName(row))}.hgrm`, hgrmOf(row.histogram));
  const curves = report.rows.map((row) => ({ name: curveName(row), points: curveOf(row.histogram) }));
  const { title, subtitle } = report;
  writeFileSync(`${base}.html`, plotPage({ title, subtitle, curves, table: benchTable(report.rows) }));
  return base;
}

export function stampedPath(out: string, name: string): string {
  return join(out, `${name}-${new Date().toISOString().replaceAll(/[:.]/g, '-').slice(0, 19)}`);
}

function curveName(row: BenchRow): string {
  return `${row.work}, ${row.target}, ${row.side}`;
}

function fileWord(text: string): string {
  return text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '');
}

/** Prints the table and why rows failed, writes the files, and gives the exit code: 1 when perfbroker failed a target. */
export function concludeBench(out: string, report: BenchReport): number {
  process.stdout.write(alignedTable(benchTable(report.rows)));
  for (const row of report.rows.filter(({ reason }) => reason !== ''))
    process.stdout.write(`${curveName(row)}: ${row.reason}\n`);
  process.stdout.write(`written: ${writeReport(out, report)}.{html,json}\n`);
  return report.rows.some((row) => row.side === 'perfbroker' && row.verdict === 'FAIL') ? 1 : 0;
}

/** One line that replaces itself on a terminal; nothing where output goes to a file. */
export function sayProgress(name: string): (progress: LoadProgress) => void {
  return ({ phase, seconds, requests, bytes, p50Us, p99Us }) => {
    if (process.stdout.isTTY !== true) return;
    const over = Math.max(seconds, 0.001);
    const rate = `${(requests / over).toFixed(0)} req/s  ${megabytes(bytes / over)}/s`;
    const latency = `p50 ${milliseconds(p50Us)}  p99 ${milliseconds(p99Us)}`;
    process.stdout.write(`\r\x1b[K  ${name} ${phase} ${seconds.toFixed(0)} s  ${rate}  ${latency}`);
  };
}

export function sayNothing(): void {
  if (process.stdout.isTTY === true) process.stdout.write('\r\x1b[K');
}
