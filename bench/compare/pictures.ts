/**
 * The pictures of a comparison: one sheet of ratios to Apache Kafka with their intervals and bars, and the latency curves of
 * each row at a steady rate. Called by the comparison with what it measured, and by `bench:plot` with a file of an earlier one.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CURVES_HEIGHT, CURVES_WIDTH, curvesOf } from '../report/curves.ts';
import type { CurvePoint } from '../report/percentiles.ts';
import { pictureOf } from '../report/picture.ts';
import type { PlayedPair } from './contest.ts';
import { ratioSheet } from './ratio-sheet.ts';
import type { RowResult } from './row-result.ts';
import type { SideName } from './rows.ts';
import { median } from './statistics.ts';

export interface ComparedMachine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly kernel: string;
  readonly node: string;
}

export interface Comparison {
  readonly date: string;
  readonly machine: ComparedMachine;
  /** Version. */
  readonly kafka: string;
  readonly rows: readonly { readonly result: RowResult; readonly played: readonly PlayedPair[] }[];
}

/** Returns the files' paths. */
export function writePictures(folder: string, comparison: Comparison, prefix = 'compare-'): string[] {
  mkdirSync(folder, { recursive: true });
  return picturesOf(comparison).map(({ name, svg }) => {
    const file = join(folder, `${prefix}${name}.svg`);
    writeFileSync(file, svg);
    return file;
  });
}

export function picturesOf(comparison: Comparison): { readonly name: string; readonly svg: string }[] {
  const caption = captionOf(comparison);
  const results = comparison.rows.map(({ result }) => result);
  const sheet = ratioSheet(results);
  const title = `perfbroker ÷ Apache Kafka ${comparison.kafka}: medians of paired turns and 95 % intervals`;
  const pictures = sheet === null ? [] : [{ name: 'ratios', svg: pictureOf({ title, caption, ...sheet }) }];
  for (const { result, played } of comparison.rows) {
    if (!result.verdicts.some(({ bar }) => bar.figure === 'p999Us')) continue;
    const sides: readonly (readonly [SideName, string])[] = [
      ['perfbroker', 'perfbroker'],
      ['kafka', `Apache Kafka ${comparison.kafka}`],
      ['limit', 'limit'],
    ];
    const curves = sides
      .map(([side, name]) => ({ name, points: middleCurve(played, side) }))
      .filter(({ points }) => points.length > 0);
    const drawing = curvesOf(curves);
    const place = { width: CURVES_WIDTH, height: CURVES_HEIGHT };
    const svg = pictureOf({ title: `latency: ${result.title}`, caption, ...place, drawing });
    pictures.push({ name: `latency-${result.id}`, svg });
  }
  return pictures;
}

function captionOf({ date, machine, rows }: Comparison): string {
  const memory = `${(machine.memoryBytes / 1e9).toFixed(0)} GB`;
  const pairs = Math.min(...rows.map(({ result }) => result.pairsKept));
  const most = Math.max(...rows.map(({ result }) => result.pairsKept));
  const count = pairs === most ? `${most}` : `${pairs} to ${most}`;
  return `${date} · ${machine.processor}, ${machine.cores} cores, ${memory} · Linux ${machine.kernel} · Node ${machine.node} · ${count} pairs a row`;
}

/** At every percentile the median over the turns that counted; where none did, over all of them. */
function middleCurve(played: readonly PlayedPair[], side: SideName): CurvePoint[] {
  const counted = played.filter((pair) => pair.complaint === null);
  const turns = (counted.length > 0 ? counted : played).flatMap((pair) => pair.turns);
  const curves = turns.filter((turn) => turn.side === side).map((turn) => turn.figures.curve);
  const shortest = Math.min(...curves.map((curve) => curve.length));
  return (curves[0] ?? []).slice(0, shortest).map(({ percentile }, at) => ({
    percentile,
    us: median(curves.map((curve) => curve[at]?.us ?? 0)),
  }));
}
