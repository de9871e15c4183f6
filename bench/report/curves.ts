/** Latencies over percentiles as SVG: the axis counts nines, so that tails are visible. Called by the page of a bench and by pictures. */
import type { CurvePoint } from './percentiles.ts';
import { escapeText } from './picture.ts';

export interface Curve {
  readonly name: string;
  readonly points: readonly CurvePoint[];
}

export const CURVES_WIDTH = 960;
export const CURVES_HEIGHT = 460;
const LEFT = 70;
const RIGHT = 36;
const TOP = 20;
const BOTTOM = 50;
const colours = ['#1098ad', '#e8590c', '#5f3dc4', '#2b8a3e', '#c92a2a', '#1864ab', '#862e9c', '#846358'];
const percentileMarks = [0, 90, 99, 99.9, 99.99, 99.999, 99.9999];

interface Scale {
  readonly ninesMax: number;
  readonly lowUs: number;
  readonly highUs: number;
}

/** The inside of a page: colours of text and grid come from around it. */
export function curvesSvg(curves: readonly Curve[]): string {
  return `<svg viewBox="0 0 ${CURVES_WIDTH} ${CURVES_HEIGHT}" role="img" aria-label="latency by percentile">
${curvesOf(curves)}
</svg>`;
}

/** What such a picture is made of, for a place in a larger one. */
export function curvesOf(curves: readonly Curve[]): string {
  const values = curves.flatMap((curve) => curve.points.map((point) => Math.max(1, point.us)));
  const scale: Scale = {
    ninesMax: Math.max(1, ...curves.map((curve) => nines(curve.points.at(-1)?.percentile ?? 90))),
    lowUs: 10 ** Math.floor(Math.log10(Math.min(1000, ...values))),
    highUs: 10 ** Math.ceil(Math.log10(Math.max(1000, ...values))),
  };
  const lines = curves.map((curve, index) => {
    const points = curve.points.map((point) => `${x(scale, nines(point.percentile))},${y(scale, point.us)}`).join(' ');
    return `<polyline class="curve" stroke="${colours[index % colours.length]}" points="${points}"/>`;
  });
  const legend = curves.map((curve, index) => {
    const top = TOP + 14 + index * 18;
    const colour = colours[index % colours.length];
    return `<rect x="${LEFT + 12}" y="${top - 9}" width="12" height="12" fill="${colour}"/><text x="${LEFT + 30}" y="${top + 1}">${escapeText(curve.name)}</text>`;
  });
  return [gridOf(scale), ...lines, ...legend].join('\n');
}

function gridOf(scale: Scale): string {
  const parts: string[] = [];
  for (const percentile of percentileMarks) {
    if (nines(percentile) > scale.ninesMax) continue;
    const at = x(scale, nines(percentile));
    parts.push(`<line class="grid" x1="${at}" x2="${at}" y1="${TOP}" y2="${CURVES_HEIGHT - BOTTOM}"/>`);
    parts.push(`<text x="${at}" y="${CURVES_HEIGHT - BOTTOM + 20}" text-anchor="middle">${percentile} %</text>`);
  }
  for (let us = scale.lowUs; us <= scale.highUs; us *= 10) {
    const at = y(scale, us);
    parts.push(`<line class="grid" x1="${LEFT}" x2="${CURVES_WIDTH - RIGHT}" y1="${at}" y2="${at}"/>`);
    parts.push(`<text x="${LEFT - 8}" y="${at + 4}" text-anchor="end">${us / 1000} ms</text>`);
  }
  return parts.join('\n');
}

/** 90 % is one nine, 99 % two: the axis on which tails are visible. */
function nines(percentile: number): number {
  return -Math.log10(Math.max(1e-9, 1 - percentile / 100));
}

function x(scale: Scale, at: number): number {
  return round(LEFT + (at / scale.ninesMax) * (CURVES_WIDTH - LEFT - RIGHT));
}

function y(scale: Scale, us: number): number {
  const share = Math.log10(Math.max(1, us) / scale.lowUs) / Math.log10(scale.highUs / scale.lowUs);
  return round(CURVES_HEIGHT - BOTTOM - share * (CURVES_HEIGHT - TOP - BOTTOM));
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
