import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'hdr-histogram-js';
import { afterEach, describe, expect, it } from 'vitest';
import type { LoadResult } from '../../../bench/load/generator.ts';
import { alignedTable, benchTable, concludeBench, rowOf } from '../../../bench/report/bench-report.ts';
import { concludeFigures } from '../../../bench/report/figure-report.ts';
import { parseTargets } from '../../../bench/report/targets.ts';

const folders: string[] = [];

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'perfbroker-report-'));
  folders.push(folder);
  return folder;
}

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function resultOf(more: Partial<LoadResult> = {}): LoadResult {
  const histogram = build({ lowestDiscernibleValue: 1, highestTrackableValue: 1e9, numberOfSignificantValueDigits: 3 });
  for (let us = 1; us <= 1000; us++) histogram.recordValue(us);
  return {
    seconds: 2,
    requests: 1000,
    bytes: 4_000_000,
    errors: 0,
    firstError: 0,
    unsent: 0,
    unanswered: 0,
    cpuSeconds: 0.5,
    loadCpuSeconds: 0.1,
    histogram,
    ...more,
  };
}

describe('a row', () => {
  it('gives rates and what they cost', () => {
    expect(rowOf('warm', 'max', 'perfbroker', 0, resultOf())).toMatchObject({
      requestsPerSecond: 500,
      bytesPerSecond: 2e6,
      cores: 0.25,
      cpuUsPerRequest: 500,
      cpuSecondsPerGb: 125,
      loadCores: 0.05,
      verdict: '–',
    });
  });

  it('passes when all but two per cent of its target went through', () => {
    const verdict = (wanted: number, more: Partial<LoadResult> = {}) =>
      rowOf('warm', 'x', 'perfbroker', wanted, resultOf(more)).verdict;
    expect(verdict(510)).toBe('pass');
    expect(verdict(511)).toBe('FAIL');
    expect(verdict(500, { errors: 1 })).toBe('FAIL');
    expect(verdict(0, { unanswered: 1 })).toBe('FAIL');
  });

  it('has no figures for a server whose process is unknown', () => {
    const [, cells] = benchTable([
      rowOf('warm', 'max', 'perfbroker', 0, resultOf({ cpuSeconds: 0, requests: 0, bytes: 0 })),
    ]);
    expect(cells?.slice(-4)).toEqual(['–', '–', '–', '–']);
  });
});

it('leaves JSON, a histogram for each row and a page with every curve, and fails for us alone', () => {
  const out = newFolder();
  const ours = rowOf('warm', '500MB/s', 'perfbroker', 500, resultOf());
  const theirs = rowOf('warm', '500MB/s', 'Apache Kafka', 900, resultOf());
  const report = { name: 'fetch', title: 'fetch', subtitle: '', settings: { seconds: 2 } };
  expect(concludeBench(out, { ...report, rows: [ours, theirs] })).toBe(0);
  const names = readdirSync(out);
  const ends = names.map((name) => name.replace(/^fetch-[\dT-]{19}/, ''));
  expect(new Set(ends)).toEqual(
    new Set(['.html', '.json', '-warm-500mb-s-perfbroker.hgrm', '-warm-500mb-s-apache-kafka.hgrm']),
  );
  const read = (end: string) => readFileSync(join(out, names.find((name) => name.endsWith(end)) ?? ''), 'utf8');
  const page = read('.html');
  expect(page.match(/<polyline/g)).toHaveLength(2);
  expect(page).not.toMatch(/(?:src|href)=|https?:|NaN|undefined/);
  expect(JSON.parse(read('.json'))).toMatchObject({
    settings: { seconds: 2 },
    rows: [{ verdict: 'pass' }, { verdict: 'FAIL' }],
  });
  expect(read('perfbroker.hgrm')).toContain('#[Max');
  const late = rowOf('warm', '500MB/s', 'perfbroker', 900, resultOf());
  expect(concludeBench(newFolder(), { ...report, rows: [late] })).toBe(1);
});

it('aligns words to the left and numbers to the right', () => {
  expect(
    alignedTable([
      ['work', 'n'],
      ['a', '10'],
      ['longer', '1'],
    ]),
  ).toBe('work     n\na       10\nlonger   1\n');
});

describe('targets of the command line', () => {
  it('are sizes, numbers and times, from above or from below', () => {
    const targets = parseTargets('connection=12KB, rate=0.9,clean=600ms,killed=2s');
    expect(targets.atMost('connection', 12_000)).toEqual({ verdict: 'pass', bar: '≤ 12KB' });
    expect(targets.atMost('connection', 12_001).verdict).toBe('FAIL');
    expect(targets.atLeast('rate', 0.9)).toEqual({ verdict: 'pass', bar: '≥ 0.9' });
    expect(targets.atLeast('rate', 0.89).verdict).toBe('FAIL');
    expect(targets.atMost('clean', 601).verdict).toBe('FAIL');
    expect(targets.atMost('killed', 2000).verdict).toBe('pass');
    expect(targets.atMost('another', 1e9)).toEqual({ verdict: '–', bar: '' });
    expect(targets.atMost('connection', Number.NaN).verdict).toBe('FAIL');
  });

  it('are refused when they make no sense', () => {
    expect(() => parseTargets('rate')).toThrow(/is not name=value/);
    expect(() => parseTargets('rate=fast').atLeast('rate', 1)).toThrow(/is not a size/);
    expect(parseTargets('').atMost('x', 1).verdict).toBe('–');
  });
});

it('a report without curves fails when one of our figures misses its target', () => {
  const row = { work: '64 partitions', side: 'perfbroker', figure: 'resident', text: '120 MB', value: 120e6 } as const;
  const report = (verdict: 'pass' | 'FAIL', side: 'perfbroker' | 'Apache Kafka') => ({
    name: 'memory',
    title: 'memory',
    settings: {},
    rows: [{ ...row, side, verdict, bar: '≤ 110MB' }],
  });
  expect(concludeFigures(newFolder(), report('FAIL', 'perfbroker'))).toBe(1);
  expect(concludeFigures(newFolder(), report('FAIL', 'Apache Kafka'))).toBe(0);
  const out = newFolder();
  expect(concludeFigures(out, report('pass', 'perfbroker'))).toBe(0);
  const page = readFileSync(join(out, readdirSync(out).find((name) => name.endsWith('.html')) ?? ''), 'utf8');
  expect(page).toContain('120 MB');
  expect(page).not.toContain('<svg');
});
