/**
 * Prometheus' text format (version 0.0.4), line by line into a page. A family is begun once and its samples follow at once,
 * as the format demands. Histograms come out of tallies; one that never counted anything is left out.
 */
import type { PageBody } from './page-body.ts';

export type Labels = string;

export class MetricText {
  readonly body: PageBody;
  private name = '';

  constructor(body: PageBody) {
    this.body = body;
  }

  family(name: string, type: 'counter' | 'gauge' | 'histogram', help: string): void {
    this.name = `perfbroker_${name}`;
    this.body.add(`# HELP ${this.name} ${help}\n# TYPE ${this.name} ${type}\n`);
  }

  sample(labels: Labels, value: number): void {
    this.body.add(labels === '' ? `${this.name} ${value}\n` : `${this.name}{${labels}} ${value}\n`);
  }

  /** A family of one sample. */
  single(name: string, type: 'counter' | 'gauge', help: string, value: number): void {
    this.family(name, type, help);
    this.sample('', value);
  }

  /** `tally` has a count for every bound, one more for what was longer, and the sum in µs. */
  histogram(labels: Labels, tally: Float64Array, bounds: readonly string[]): void {
    const { name } = this;
    const buckets = bounds.length + 1;
    let count = 0;
    for (let bucket = 0; bucket < buckets; bucket++) count += tally[bucket] ?? 0;
    if (count === 0) return;
    const before = labels === '' ? '' : `${labels},`;
    let text = '';
    let below = 0;
    for (let bucket = 0; bucket < bounds.length; bucket++) {
      below += tally[bucket] ?? 0;
      text += `${name}_bucket{${before}le="${bounds[bucket]}"} ${below}\n`;
    }
    const own = labels === '' ? '' : `{${labels}}`;
    text += `${name}_bucket{${before}le="+Inf"} ${count}\n`;
    this.body.add(`${text}${name}_sum${own} ${(tally[buckets] ?? 0) / 1e6}\n${name}_count${own} ${count}\n`);
  }
}

/** Clients choose group ids; everything else is harmless, and escaped alike. */
export function label(name: string, value: string | number): Labels {
  const text = String(value);
  const safe = /["\\\n]/.test(text)
    ? text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
    : text;
  return `${name}="${safe}"`;
}
