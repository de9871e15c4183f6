/**
 * Ratios to Apache Kafka as bars that begin at 1, on a logarithmic axis: half and double are equally far from it. A line marks
 * what must be met, a broken one what is aimed at, a whisker the interval.
 */
import { escapeText, type Picture } from '../report/picture.ts';
import type { RowResult } from './row-result.ts';
import { figureWords } from './table.ts';
import type { Verdict } from './verdicts.ts';

const WIDTH = 960;
const LEFT = 190;
const RIGHT = 140;
const LINE = 20;
const HEAD = 26;
const AXIS = 24;
const marks = [0.05, 0.1, 0.2, 0.25, 0.5, 0.7, 1, 1.5, 2, 3, 4, 8, 16];
const outcomeClasses = { aim: 'reached', must: 'held', missed: 'missed' } as const;

interface Axis {
  readonly low: number;
  readonly high: number;
}

/** Null when nothing was compared with Kafka. */
export function ratioSheet(results: readonly RowResult[]): Pick<Picture, 'width' | 'height' | 'drawing'> | null {
  const groups = results
    .map(({ title, verdicts }) => ({ title, verdicts: verdicts.filter(isDrawn) }))
    .filter(({ verdicts }) => verdicts.length > 0);
  if (groups.length === 0) return null;
  const values = groups.flatMap(({ verdicts }) =>
    verdicts.flatMap(({ bar, ratio }) => [ratio.low, ratio.high, bar.aim]),
  );
  const axis: Axis = { low: Math.min(0.5, ...values) * 0.85, high: Math.max(2, ...values) * 1.1 };
  const parts: string[] = [];
  let top = AXIS;
  for (const { title, verdicts } of groups) {
    parts.push(`<text class="row" x="16" y="${top + 17}">${escapeText(title)}</text>`);
    top += HEAD;
    for (const verdict of verdicts) {
      parts.push(barOf(axis, verdict, top));
      top += LINE;
    }
    top += 6;
  }
  const height = top + 24;
  return { width: WIDTH, height, drawing: [gridOf(axis, top), ...parts, legendOf(top + 20)].join('\n') };
}

function isDrawn({ bar, ratio }: Verdict): boolean {
  return bar.against === 'kafka' && ratio.value > 0 && Number.isFinite(ratio.value);
}

function barOf(axis: Axis, { bar, ratio, outcome }: Verdict, top: number): string {
  const from = Math.min(x(axis, 1), x(axis, ratio.value));
  const width = round(Math.abs(x(axis, ratio.value) - x(axis, 1)));
  const middle = top + LINE / 2;
  const mark = (kind: string, at: number): string =>
    `<line class="${kind}" x1="${x(axis, at)}" x2="${x(axis, at)}" y1="${top + 1}" y2="${top + LINE - 1}"/>`;
  const sign = bar.direction === 'at least' ? '≥' : '≤';
  const wanted = bar.must === null ? `aim ${sign} ${bar.aim}` : `must ${sign} ${bar.must}`;
  return [
    `<text x="${LEFT - 12}" y="${middle + 4}" text-anchor="end">${figureWords[bar.figure]}</text>`,
    `<rect class="${outcomeClasses[outcome]}" x="${from}" y="${top + 4}" width="${width}" height="${LINE - 8}"/>`,
    `<line class="interval" x1="${x(axis, ratio.low)}" x2="${x(axis, ratio.high)}" y1="${middle}" y2="${middle}"/>`,
    bar.must === null ? '' : mark('must', bar.must),
    mark('aim', bar.aim),
    `<text x="${WIDTH - RIGHT + 12}" y="${middle + 4}">${ratio.value.toFixed(2)} <tspan class="quiet">${wanted}</tspan></text>`,
  ].join('');
}

function gridOf(axis: Axis, bottom: number): string {
  return marks
    .filter((mark) => mark >= axis.low && mark <= axis.high)
    .map((mark) => {
      const at = x(axis, mark);
      const kind = mark === 1 ? 'one' : 'grid';
      const text = mark === 1 ? 'Kafka' : `${mark} ×`;
      return `<line class="${kind}" x1="${at}" x2="${at}" y1="${AXIS}" y2="${bottom}"/><text class="quiet" x="${at}" y="14" text-anchor="middle">${text}</text>`;
    })
    .join('\n');
}

function legendOf(y: number): string {
  const entries = [
    ['reached', 'aim reached'],
    ['held', 'must met'],
    ['missed', 'missed'],
  ] as const;
  const boxes = entries.map(
    ([kind, text], index) =>
      `<rect class="${kind}" x="${LEFT + index * 130}" y="${y - 10}" width="12" height="12"/><text x="${LEFT + 18 + index * 130}" y="${y}">${text}</text>`,
  );
  const at = LEFT + entries.length * 130;
  const lines = [
    `<line class="must" x1="${at}" x2="${at}" y1="${y - 12}" y2="${y + 3}"/><text x="${at + 8}" y="${y}">must</text>`,
    `<line class="aim" x1="${at + 70}" x2="${at + 70}" y1="${y - 12}" y2="${y + 3}"/><text x="${at + 78}" y="${y}">aim</text>`,
    `<line class="interval" x1="${at + 130}" x2="${at + 160}" y1="${y - 4}" y2="${y - 4}"/><text x="${at + 168}" y="${y}">95 % interval</text>`,
  ];
  return [...boxes, ...lines].join('\n');
}

function x({ low, high }: Axis, ratio: number): number {
  const share = Math.log(Math.max(low, ratio) / low) / Math.log(high / low);
  return round(LEFT + share * (WIDTH - LEFT - RIGHT));
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
