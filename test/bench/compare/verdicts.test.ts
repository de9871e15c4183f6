import { build } from 'hdr-histogram-js';
import { describe, expect, it } from 'vitest';
import { orderOf, type PlayedPair } from '../../../bench/compare/contest.ts';
import { measureResult } from '../../../bench/compare/measures.ts';
import { rowResult, selfCheckComplaints } from '../../../bench/compare/row-result.ts';
import { type Bar, type Row, rows, rowsNamed, type SideName, sideWords } from '../../../bench/compare/rows.ts';
import { readSettings } from '../../../bench/compare/settings.ts';
import { barTableOf, complaintLines, tableOf } from '../../../bench/compare/table.ts';
import { figuresOf, type TurnFigures } from '../../../bench/compare/turn.ts';
import { judge } from '../../../bench/compare/verdicts.ts';

const quiet = { stealShare: 0, otherCores: 0, coresAtStart: 0 };

const base: TurnFigures = {
  seconds: 1,
  requests: 1000,
  bytes: 65e6,
  unsent: 0,
  cpuSeconds: 0.065,
  loadCores: 0.1,
  curve: [],
  bytesPerSecond: 65e6,
  requestsPerSecond: 1000,
  cpuSecondsPerGb: 1,
  cpuUsPerRequest: 65,
  cores: 0.5,
  p50Us: 100,
  p99Us: 200,
  p999Us: 300,
};

function pairOf(turns: Partial<Record<SideName, Partial<TurnFigures>>>, complaint: string | null = null): PlayedPair {
  const sides: SideName[] = ['perfbroker', 'kafka', 'limit'];
  return {
    turns: sides.flatMap((side) => {
      const figures = turns[side];
      return figures === undefined ? [] : [{ side, figures: { ...base, ...figures }, noise: quiet }];
    }),
    complaint,
  };
}

function rowNamed(id: string): Row {
  const row = rows.find((candidate) => candidate.id === id);
  if (row === undefined) throw new Error(`no row ${id}`);
  return row;
}

const cpuOf = (perfbroker: number, kafka: number, limit: number) => ({
  perfbroker: { cpuSecondsPerGb: perfbroker, bytesPerSecond: 200e6 },
  kafka: { cpuSecondsPerGb: kafka, bytesPerSecond: 100e6 },
  limit: { cpuSecondsPerGb: limit, bytesPerSecond: 250e6 },
});

const exact = (value: number) => ({ value, low: value, high: value });

describe('a bar', () => {
  const atLeast: Pick<Bar, 'direction' | 'must' | 'aim'> = { direction: 'at least', must: 1.4, aim: 1.9 };
  const atMost: Pick<Bar, 'direction' | 'must' | 'aim'> = { direction: 'at most', must: 0.6, aim: 0.42 };

  it('is met from its own side, the bar itself included', () => {
    expect([1.39, 1.4, 1.89, 1.9].map((value) => judge(atLeast, exact(value)).outcome)).toEqual([
      'missed',
      'must',
      'must',
      'aim',
    ]);
    expect([0.61, 0.6, 0.42, 0.1].map((value) => judge(atMost, exact(value)).outcome)).toEqual([
      'missed',
      'must',
      'aim',
      'aim',
    ]);
  });

  it('that lies inside the interval is close', () => {
    expect(judge(atLeast, { value: 1.5, low: 1.3, high: 1.6 })).toEqual({ outcome: 'must', isClose: true });
    expect(judge(atLeast, { value: 1.5, low: 1.45, high: 1.6 })).toEqual({ outcome: 'must', isClose: false });
  });

  it('is missed by a figure that is no number, and never by an aim without a must', () => {
    expect(judge(atMost, exact(Number.NaN)).outcome).toBe('missed');
    expect(judge({ direction: 'at least', must: null, aim: 40_000 }, exact(30_000)).outcome).toBe('must');
  });
});

describe('a row', () => {
  it('holds the medians of perfbroker against the other sides', () => {
    const played = [cpuOf(1, 4, 0.9), cpuOf(1.2, 3, 0.8), cpuOf(0.8, 2, 0.8)].map((turns) => pairOf(turns));
    const result = rowResult(rowNamed('produce-64k'), played, 3, false);
    expect(result.verdicts.map((verdict) => verdict.ratio.value)).toEqual([2, 1 / 3, 1 / 0.8]);
    expect(result.verdicts.map((verdict) => verdict.outcome)).toEqual(['aim', 'aim', 'aim']);
    expect(result.isMet).toBe(true);
  });

  it('is missed with one bar', () => {
    const result = rowResult(rowNamed('produce-64k'), [pairOf(cpuOf(2, 4, 0.9))], 1, false);
    expect(result.verdicts.map((verdict) => verdict.outcome)).toEqual(['aim', 'must', 'missed']);
    expect(result.isMet).toBe(false);
  });

  it('leaves noisy pairs out, and misses when too few are left', () => {
    const noisy = pairOf({ perfbroker: { cpuSecondsPerGb: 50 } }, 'the host took 9.0 % of the time');
    const played = [pairOf(cpuOf(1, 4, 0.9)), noisy, pairOf(cpuOf(1, 4, 0.9))];
    const enough = rowResult(rowNamed('produce-64k'), played, 2, false);
    expect(enough).toMatchObject({ pairsKept: 2, pairsDiscarded: 1, isMet: true, complaints: [] });
    const tooFew = rowResult(rowNamed('produce-64k'), played, 3, false);
    expect(tooFew).toMatchObject({ isMet: false, complaints: ['only 2 of 3 pairs were free of noise'] });
    expect(rowResult(rowNamed('produce-64k'), [noisy], 1, false)).toMatchObject({ isMet: false, verdicts: [] });
  });

  it('keeps noisy pairs when asked to', () => {
    const played = [pairOf(cpuOf(1, 4, 0.9), 'others held 0.90 cores')];
    expect(rowResult(rowNamed('produce-64k'), played, 1, true)).toMatchObject({ pairsKept: 1, isMet: true });
  });

  it('is spoiled by a generator that takes too much at a steady load, and only there', () => {
    const dear = {
      perfbroker: { loadCores: 0.4 },
      kafka: { p50Us: 1000, p99Us: 1000, p999Us: 1000, cores: 3 },
      limit: {},
    };
    expect(rowResult(rowNamed('open-10k'), [pairOf(dear)], 1, false).complaints).toEqual([
      'the generator took 0.40 cores, more than 0.35',
    ]);
    const closed = { ...cpuOf(1, 4, 0.9), limit: { loadCores: 0.9 } };
    expect(rowResult(rowNamed('produce-64k'), [pairOf(closed)], 1, false).complaints).toEqual([]);
  });

  it('is chosen by a name that exists', () => {
    expect([...rowsNamed(['b'], ['a', 'b'])]).toEqual(['b']);
    expect(() => rowsNamed(['c'], ['a', 'b'])).toThrow(/no row c; there are a, b/);
  });
});

describe('a self-check', () => {
  const alike: Row = { ...rowNamed('produce-64k'), sides: ['perfbroker', 'kafka'], bars: [] };
  const complaintsOf = (one: number, other: number) => {
    const turns = { perfbroker: { cpuSecondsPerGb: one }, kafka: { cpuSecondsPerGb: other } };
    return selfCheckComplaints(rowResult(alike, [pairOf(turns)], 1, false), 0.15);
  };

  it('lets the same broker differ by 15 % in either direction and no more', () => {
    expect(complaintsOf(1.14, 1)).toEqual([]);
    expect(complaintsOf(1, 1.14)).toEqual([]);
    expect(complaintsOf(1.2, 1)).toEqual(['cpuSecondsPerGb of the same broker differs by a factor of 1.20']);
    expect(complaintsOf(1, 1.2)).toHaveLength(1);
  });
});

describe('a turn', () => {
  it('goes to the sides in the order A B B A', () => {
    expect([0, 1, 2].map((pair) => orderOf(['perfbroker', 'kafka'], pair).join(' '))).toEqual([
      'perfbroker kafka',
      'kafka perfbroker',
      'perfbroker kafka',
    ]);
  });

  it('with errors or lost requests gives no figures', () => {
    const histogram = build();
    const load = { seconds: 1, requests: 1, bytes: 1e9, firstError: 7, unsent: 0, cpuSeconds: 1, loadCpuSeconds: 1 };
    const withCounts = (errors: number, unanswered: number) => () =>
      figuresOf('produce', { ...load, errors, unanswered, histogram });
    expect(withCounts(1, 0)).toThrow(/error 7/);
    expect(withCounts(0, 1)).toThrow(/never answered/);
    expect(withCounts(0, 0)()).toMatchObject({ cpuSecondsPerGb: 1, cpuUsPerRequest: 1e6, loadCores: 1 });
  });
});

describe('a measure', () => {
  it('holds recovery against Kafka, round by round', () => {
    const result = measureResult('recovery', { perfbroker: [900, 1000, 1100], kafka: [8000, 10_000, 9000] });
    expect(result).toMatchObject({ outcome: 'must', ratio: { value: 1000 / 9000 } });
    expect(() => measureResult('recovery', { perfbroker: [900] })).toThrow(/pairs/);
  });

  it('that was never taken misses its bar', () => {
    expect(measureResult('start-empty', {})).toMatchObject({ outcome: 'missed', isMet: false });
    expect(measureResult('start-empty', { perfbroker: [280, 290, 900] })).toMatchObject({
      outcome: 'aim',
      isMet: true,
    });
    expect(measureResult('start-empty', { perfbroker: [280] }, ['noise'])).toMatchObject({
      outcome: 'aim',
      isMet: false,
    });
  });
});

describe('the command line', () => {
  it('asks for everything unless rows are named, and shortens what is quick', () => {
    const all = readSettings([]);
    expect(all?.rows).toHaveLength(rows.length);
    expect(all).toMatchObject({ pairs: 5, recoveryBytes: 12e9, filledBytes: 4 * 1024 ** 3, recoveryRounds: 3 });
    const some = readSettings(['--rows', 'one-record,recovery', '--quick', '--recovery-bytes', '2GB']);
    expect(some?.rows.map((row) => row.id)).toEqual(['one-record']);
    expect([...(some?.measures ?? [])]).toEqual(['recovery']);
    expect(some).toMatchObject({ pairs: 2, recoveryBytes: 2e9, recoveryRounds: 1 });
  });

  it('puts Kafka beside Kafka under one load', () => {
    const settings = readSettings(['--self-check']);
    expect(settings?.rows.map((row) => row.id)).toEqual(['produce-64k']);
    expect(settings?.measures.size).toBe(0);
    expect(() => readSettings(['--self-check', '--rows', 'recovery'])).toThrow(/no row recovery/);
  });

  it('refuses what it does not know', () => {
    expect(() => readSettings(['--rows', 'nothing'])).toThrow(/no row nothing/);
    expect(() => readSettings(['--pairs', '0'])).toThrow(/at least 1/);
    expect(readSettings(['--help'])).toBe(null);
  });
});

describe('the table', () => {
  it('shows what was measured, what was asked, and what came of it', () => {
    const results = [rowResult(rowNamed('produce-64k'), [pairOf(cpuOf(2, 4, 0.9)), pairOf({}, 'noise')], 1, false)];
    const memory = [measureResult('memory-idle', { perfbroker: [120e6], kafka: [376e6] })];
    const table = tableOf(results, memory, { ...sideWords(false), kafka: 'Apache Kafka 4.3.1' });
    expect(table).toContain('| work | perfbroker | Apache Kafka 4.3.1 | limit | pairs |');
    expect(table).toContain('200 MB/s, 2.00 CPU-s/GB, p50 0.10 ms');
    expect(table).toContain('| 1 (1 discarded) |');
    const bars = barTableOf(results, memory);
    expect(bars).toContain('| produce-64k: throughput ÷ Kafka | 2.00 | 2.00 – 2.00 | ≥ 1.40 | ≥ 1.90 | aim |');
    expect(bars).toContain('| produce-64k: CPU per GB ÷ limit | 2.22 | 2.22 – 2.22 | ≤ 1.80 | ≤ 1.30 | MISSED |');
    expect(table).toContain('| resident memory, idle with 64 partitions | 120 MB | 376 MB | – | 1 |');
    expect(bars).toContain('| memory-idle | 120 MB | 120 MB – 120 MB | ≤ 110 MB | ≤ 80 MB | MISSED |');
    expect(complaintLines([{ ...results[0]!, complaints: ['why'] }])).toBe('produce-64k: why\n');
  });
});
