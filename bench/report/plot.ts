/**
 * One self-contained HTML page with the latency curves of a bench: an inline SVG, no scripts and nothing loaded from
 * elsewhere. Called by the bench mains with curves that are already computed.
 */
import type { CurvePoint } from './percentiles.ts';

export interface Curve {
  readonly name: string;
  readonly points: readonly CurvePoint[];
}

export interface PlotPage {
  readonly title: string;
  readonly subtitle: string;
  readonly curves: readonly Curve[];
  /** Rows of a table below the plot; the first is its head. */
  readonly table: readonly (readonly string[])[];
}

const WIDTH = 960;
const HEIGHT = 460;
const LEFT = 70;
const RIGHT = 20;
const TOP = 20;
const BOTTOM = 50;
const colours = ['#0b7285', '#e8590c', '#5f3dc4', '#2b8a3e', '#c92a2a', '#1864ab', '#862e9c', '#846358'];
const percentileMarks = [0, 90, 99, 99.9, 99.99, 99.999, 99.9999];

interface Scale {
  readonly ninesMax: number;
  readonly lowUs: number;
  readonly highUs: number;
}

export function plotPage(page: PlotPage): string {
  return pageOf(page.title, page.subtitle, svgOf(page.curves), page.table);
}

/** The same page for figures that make no curve. */
export function tablePage(title: string, table: readonly (readonly string[])[]): string {
  return pageOf(title, '', '', table);
}

function pageOf(title: string, subtitle: string, plot: string, table: readonly (readonly string[])[]): string {
  const [head, ...rows] = table;
  const cells = (row: readonly string[], tag: string) =>
    row.map((cell) => `<${tag}>${escapeText(cell)}</${tag}>`).join('');
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${escapeText(title)}</title>
<style>
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1000px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; margin: 0; } p { margin: .3rem 0 1rem; opacity: .75; }
svg { width: 100%; height: auto; } svg text { font: 12px system-ui, sans-serif; fill: currentColor; }
.grid { stroke: currentColor; stroke-opacity: .15; } .curve { fill: none; stroke-width: 2; }
table { border-collapse: collapse; width: 100%; margin-top: 1rem; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .3rem .6rem; border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent); }
th:first-child, td:first-child { text-align: left; }
</style></head><body>
<h1>${escapeText(title)}</h1><p>${escapeText(subtitle)}</p>
${plot}
<table><thead><tr>${cells(head ?? [], 'th')}</tr></thead><tbody>
${rows.map((row) => `<tr>${cells(row, 'td')}</tr>`).join('\n')}
</tbody></table>
</body></html>
`;
}

function svgOf(curves: readonly Curve[]): string {
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
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="latency by percentile">
${gridOf(scale)}
${lines.join('\n')}
${legend.join('\n')}
</svg>`;
}

function gridOf(scale: Scale): string {
  const parts: string[] = [];
  for (const percentile of percentileMarks) {
    if (nines(percentile) > scale.ninesMax) continue;
    const at = x(scale, nines(percentile));
    parts.push(`<line class="grid" x1="${at}" x2="${at}" y1="${TOP}" y2="${HEIGHT - BOTTOM}"/>`);
    parts.push(`<text x="${at}" y="${HEIGHT - BOTTOM + 20}" text-anchor="middle">${percentile} %</text>`);
  }
  for (let us = scale.lowUs; us <= scale.highUs; us *= 10) {
    const at = y(scale, us);
    parts.push(`<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${at}" y2="${at}"/>`);
    parts.push(`<text x="${LEFT - 8}" y="${at + 4}" text-anchor="end">${us / 1000} ms</text>`);
  }
  return parts.join('\n');
}

/** 90 % is one nine, 99 % two: the axis on which tails are visible. */
function nines(percentile: number): number {
  return -Math.log10(Math.max(1e-9, 1 - percentile / 100));
}

function x(scale: Scale, at: number): number {
  return round(LEFT + (at / scale.ninesMax) * (WIDTH - LEFT - RIGHT));
}

function y(scale: Scale, us: number): number {
  const share = Math.log10(Math.max(1, us) / scale.lowUs) / Math.log10(scale.highUs / scale.lowUs);
  return round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM));
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
