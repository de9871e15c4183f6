/**
 * One self-contained HTML page with the latency curves of a bench: an inline SVG, no scripts and nothing loaded from
 * elsewhere. Called by the bench mains with curves that are already computed.
 */
import { type Curve, curvesSvg } from './curves.ts';
import { escapeText } from './picture.ts';

export interface PlotPage {
  readonly title: string;
  readonly subtitle: string;
  readonly curves: readonly Curve[];
  /** Rows of a table below the plot; the first is its head. */
  readonly table: readonly (readonly string[])[];
}

export function plotPage(page: PlotPage): string {
  return pageOf(page.title, page.subtitle, curvesSvg(page.curves), page.table);
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
