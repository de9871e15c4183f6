/** What a performance run prints: a line every few seconds, and the sums at the end, as text or JSON. */
import type { Histogram } from 'hdr-histogram-js';
import type { Terminal } from './terminal.ts';
import { renderJson } from './text-table.ts';

const MEBIBYTE = 1_048_576;
const PERCENTILES = [50, 95, 99, 99.9] as const;

export class PerfReport {
  private readonly terminal: Terminal;
  private readonly isJson: boolean;
  private readonly everyMs: number;
  private readonly startedMs = performance.now();
  private lineMs = this.startedMs;
  private lineCount = 0;
  private lineBytes = 0;
  count = 0;
  bytes = 0;

  constructor(terminal: Terminal, isJson: boolean, everyMs: number) {
    this.terminal = terminal;
    this.isJson = isJson;
    this.everyMs = everyMs;
  }

  /** Records that are done; prints a line when one is due. */
  note(count: number, bytes: number): void {
    this.count += count;
    this.bytes += bytes;
    this.lineCount += count;
    this.lineBytes += bytes;
    const nowMs = performance.now();
    const spanMs = nowMs - this.lineMs;
    if (spanMs < this.everyMs) return;
    if (!this.isJson) this.terminal.warn(rateText(this.lineCount, this.lineBytes, spanMs));
    this.lineMs = nowMs;
    this.lineCount = 0;
    this.lineBytes = 0;
  }

  /** `latencies` in microseconds, null where nothing was measured. */
  async end(latencies: Histogram | null): Promise<void> {
    const spanMs = Math.max(0.001, performance.now() - this.startedMs);
    if (this.isJson) {
      await this.terminal.write(
        renderJson({
          records: this.count,
          bytes: this.bytes,
          seconds: spanMs / 1000,
          recordsPerSecond: (this.count / spanMs) * 1000,
          mebibytesPerSecond: (this.bytes / MEBIBYTE / spanMs) * 1000,
          ...(latencies === null ? {} : { latencyMs: latencyMs(latencies) }),
        }),
      );
      return;
    }
    let text = rateText(this.count, this.bytes, spanMs);
    if (latencies !== null) {
      const figures = latencyMs(latencies);
      const parts = PERCENTILES.map(
        (percentile) => `p${percentile} ${figures[`p${percentile}`]?.toFixed(2) ?? '-'} ms`,
      );
      text += `, latency mean ${figures['mean']?.toFixed(2) ?? '-'} ms, ${parts.join(', ')}, max ${figures['max']?.toFixed(2) ?? '-'} ms`;
    }
    await this.terminal.write(`${text}\n`);
  }
}

function rateText(count: number, bytes: number, spanMs: number): string {
  const perSecond = (count / spanMs) * 1000;
  const mebibytes = (bytes / MEBIBYTE / spanMs) * 1000;
  return `${count} records in ${(spanMs / 1000).toFixed(1)} s: ${perSecond.toFixed(0)} records/s, ${mebibytes.toFixed(2)} MiB/s`;
}

function latencyMs(latencies: Histogram): { readonly [name: string]: number } {
  const figures: { [name: string]: number } = {
    mean: latencies.mean / 1000,
    max: latencies.maxValue / 1000,
  };
  for (const percentile of PERCENTILES) figures[`p${percentile}`] = latencies.getValueAtPercentile(percentile) / 1000;
  return figures;
}
