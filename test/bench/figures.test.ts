import { build } from 'hdr-histogram-js';
import { expect, it } from 'vitest';
import { type Figures, judge, medians, type ProduceWork } from '../../bench/limits/contest.ts';
import { bytesOf } from '../../bench/load/sizes.ts';
import { curveOf, percentilesOf } from '../../bench/report/percentiles.ts';
import { plotPage } from '../../bench/report/plot.ts';

const figures: Figures = {
  requestsPerSecond: 1000,
  bytesPerSecond: 1e6,
  cpuSecondsPerGb: 1,
  cpuUsPerRequest: 10,
  p50Us: 100,
  p99Us: 200,
};

const work = { kind: 'produce', name: 'x', batchBytes: 1, recordBytes: 1, connections: 1, inFlight: 1 } as const;

function workWith(bar: ProduceWork['bar']): ProduceWork {
  return { ...work, bar };
}

it('takes the median of each figure by itself', () => {
  const turns = [5, 1, 3].map((cpuSecondsPerGb, at) => ({ ...figures, cpuSecondsPerGb, requestsPerSecond: at }));
  expect(medians(turns)).toMatchObject({ cpuSecondsPerGb: 3, requestsPerSecond: 1 });
  expect(medians(turns.slice(0, 2)).cpuSecondsPerGb).toBe(3);
});

it('holds CPU bars from above and rate bars from below', () => {
  const cpu = workWith({ figure: 'cpu', limit: 1.8 });
  expect(judge(cpu, { ...figures, cpuSecondsPerGb: 1.8 }, figures).isMet).toBe(true);
  expect(judge(cpu, { ...figures, cpuSecondsPerGb: 1.9 }, figures).isMet).toBe(false);
  const rate = workWith({ figure: 'rate', limit: 0.55 });
  expect(judge(rate, { ...figures, requestsPerSecond: 560 }, figures)).toMatchObject({ isMet: true, ratio: 0.56 });
  expect(judge(rate, { ...figures, requestsPerSecond: 540 }, figures).isMet).toBe(false);
});

it('reads sizes as people write them', () => {
  expect(['64KiB', '1.5 MB', '100', '2gib'].map(bytesOf)).toEqual([65_536, 1_500_000, 100, 2 * 1024 ** 3]);
  expect(() => bytesOf('many')).toThrow(/is not a size/);
  expect(() => bytesOf('5 XB')).toThrow(/is not a size/);
});

it('draws a page that loads nothing from elsewhere', () => {
  const histogram = build({ lowestDiscernibleValue: 1, highestTrackableValue: 1e9, numberOfSignificantValueDigits: 3 });
  for (let us = 1; us <= 1000; us++) histogram.recordValue(us);
  expect(percentilesOf(histogram)).toMatchObject({ p50Us: 500, maxUs: 1000, count: 1000 });
  const page = plotPage({
    title: '<b>',
    subtitle: '',
    curves: [{ name: '20MB/s', points: curveOf(histogram) }],
    table: [['target'], ['20MB']],
  });
  expect(page).toContain('&lt;b&gt;');
  expect(page).toContain('<polyline');
  expect(page).not.toMatch(/(?:src|href)=|https?:|NaN|undefined/);
});
