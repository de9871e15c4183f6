/** Reports of benches whose figures are no latencies: memory, times of starting. A table, a JSON file, a page. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { alignedTable, type SideName, stampedPath } from './bench-report.ts';
import { tablePage } from './plot.ts';
import type { Judged } from './targets.ts';

export interface FigureRow extends Judged {
  readonly work: string;
  readonly side: SideName;
  readonly figure: string;
  readonly text: string;
  readonly value: number;
}

export interface FigureReport {
  readonly name: string;
  readonly title: string;
  readonly settings: object;
  readonly rows: readonly FigureRow[];
}

const heads = ['work', 'side', 'figure', 'value', 'target', ''];

export function figureTable(rows: readonly FigureRow[]): string[][] {
  return [heads, ...rows.map((row) => [row.work, row.side, row.figure, row.text, row.bar, row.verdict])];
}

/** Prints the table, writes the files, and gives the exit code: 1 when perfbroker missed a target. */
export function concludeFigures(out: string, report: FigureReport): number {
  const table = figureTable(report.rows);
  process.stdout.write(alignedTable(table));
  mkdirSync(out, { recursive: true });
  const base = stampedPath(out, report.name);
  writeFileSync(`${base}.json`, `${JSON.stringify({ settings: report.settings, rows: report.rows }, null, 1)}\n`);
  writeFileSync(`${base}.html`, tablePage(report.title, table));
  process.stdout.write(`written: ${base}.{html,json}\n`);
  return report.rows.some((row) => row.side === 'perfbroker' && row.verdict === 'FAIL') ? 1 : 0;
}
