/** The percentiles we show for a histogram of microseconds, as numbers, as a table and in HdrHistogram's own text format. */
import type { Histogram } from 'hdr-histogram-js';

export const shownPercentiles = [50, 90, 99, 99.9, 99.99] as const;

export interface Percentiles {
  readonly p50Us: number;
  readonly p90Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
  readonly p9999Us: number;
  readonly maxUs: number;
  readonly count: number;
}

export function percentilesOf(histogram: Histogram): Percentiles {
  return {
    p50Us: histogram.getValueAtPercentile(50),
    p90Us: histogram.getValueAtPercentile(90),
    p99Us: histogram.getValueAtPercentile(99),
    p999Us: histogram.getValueAtPercentile(99.9),
    p9999Us: histogram.getValueAtPercentile(99.99),
    maxUs: histogram.maxValue,
    count: histogram.totalCount,
  };
}

const UNITS_PER_MS = 1000;
const TICKS_PER_HALF = 5;

/** The `.hgrm` format that HdrHistogram's plotters read; values in milliseconds. */
export function hgrmOf(histogram: Histogram): string {
  return histogram.outputPercentileDistribution(TICKS_PER_HALF, UNITS_PER_MS);
}

export interface CurvePoint {
  readonly percentile: number;
  readonly us: number;
}

/** Points evenly spread over the "number of nines" axis, up to what the count of samples can say. */
export function curveOf(histogram: Histogram): CurvePoint[] {
  const points: CurvePoint[] = [];
  const ninesMax = Math.log10(Math.max(10, histogram.totalCount));
  for (let nines = 0; nines <= ninesMax; nines += 0.05) {
    const percentile = 100 * (1 - 10 ** -nines);
    points.push({ percentile, us: histogram.getValueAtPercentile(percentile) });
  }
  return points;
}
