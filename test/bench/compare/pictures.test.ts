/** Pictures of a comparison: what must be readable in them, and that a file of them stands by itself. */
import { describe, expect, it } from 'vitest';
import type { PlayedPair } from '../../../bench/compare/contest.ts';
import { type Comparison, picturesOf } from '../../../bench/compare/pictures.ts';
import { rowResult } from '../../../bench/compare/row-result.ts';
import { rows } from '../../../bench/compare/rows.ts';

const quiet = { stealShare: 0, otherCores: 0, coresAtStart: 0 };

function pairOf(ours: number, theirs: number, complaint: string | null = null): PlayedPair {
  const turnOf = (side: 'perfbroker' | 'kafka' | 'limit', us: number) => ({
    side,
    noise: quiet,
    figures: {
      seconds: 1,
      requests: 1000,
      bytes: 1e6,
      unsent: 0,
      loadCores: 0.1,
      cpuSeconds: us / 1000,
      requestsPerSecond: 1000,
      bytesPerSecond: 1e6,
      cpuSecondsPerGb: us,
      cpuUsPerRequest: us,
      cores: us / 1000,
      p50Us: us,
      p99Us: us,
      p999Us: us,
      curve: [0, 90, 99].map((percentile) => ({ percentile, us })),
    },
  });
  return { turns: [turnOf('perfbroker', ours), turnOf('kafka', theirs), turnOf('limit', 20)], complaint };
}

function comparisonOf(played: readonly PlayedPair[]): Comparison {
  const row = rows.find(({ id }) => id === 'open-10k');
  if (row === undefined) throw new Error('there is a row open-10k');
  const machine = { processor: 'Some <Processor>', cores: 2, memoryBytes: 8e9, kernel: '6.1', node: 'v22' };
  const result = rowResult(row, played, 3, false);
  return { date: '2030-01-02', machine, kafka: '4.3.1', rows: [{ result, played }] };
}

function pictureNamed(name: string, comparison: Comparison): string {
  const found = picturesOf(comparison).find((picture) => picture.name === name);
  if (found === undefined) throw new Error(`no picture ${name}`);
  return found.svg;
}

const heightOf = (svg: string): string[] =>
  [...svg.matchAll(/<polyline[^>]* points="([^"]*)"/g)].map(
    ([, points = '']) => points.split(' ')[0]?.split(',')[1] ?? '',
  );

describe('the pictures of a comparison', () => {
  it('are a sheet of ratios with the bars, and the curves of each row at a steady rate', () => {
    const comparison = comparisonOf([pairOf(30, 100), pairOf(30, 100), pairOf(30, 100)]);
    expect(picturesOf(comparison).map(({ name }) => name)).toEqual(['ratios', 'latency-open-10k']);
    const sheet = pictureNamed('ratios', comparison);
    expect(sheet).toContain('0.30 <tspan class="quiet">must ≤ 0.7</tspan>');
    expect(sheet.match(/<rect class="reached"[^>]*height="12"\/><line/g)).toHaveLength(3);
    expect(sheet.match(/<rect class="held"[^>]*height="12"\/><line/g)).toHaveLength(1);
  });

  it('name the machine, the day, the version beside it and how many pairs counted, and load nothing', () => {
    for (const { svg } of picturesOf(comparisonOf([pairOf(1, 2), pairOf(1, 2)]))) {
      for (const text of ['2030-01-02', 'Some &lt;Processor&gt;, 2 cores, 8 GB', 'Apache Kafka 4.3.1', '2 pairs a row'])
        expect(svg).toContain(text);
      expect(svg.replace('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:|<script|url\(|href/);
      expect(svg).not.toMatch(/NaN|Infinity|undefined/);
    }
  });

  it('draw the median of the turns that counted, whatever a discarded one was', () => {
    const calm = [pairOf(50, 100), pairOf(60, 100), pairOf(70, 100)];
    const plain = heightOf(pictureNamed('latency-open-10k', comparisonOf(calm)));
    const noisy = comparisonOf([...calm, pairOf(900, 900, 'steal'), pairOf(900, 900, 'steal')]);
    expect(heightOf(pictureNamed('latency-open-10k', noisy))).toEqual(plain);
    const slower = comparisonOf([pairOf(50, 100), pairOf(70, 100), pairOf(70, 100)]);
    expect(heightOf(pictureNamed('latency-open-10k', slower))[0]).not.toEqual(plain[0]);
  });
});
