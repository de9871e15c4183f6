/**
 * An SVG file that stands by itself, for a README: a title, what it was measured on, and a drawing. Its colours follow the
 * reader's theme and its ground is transparent, so that it is readable on white and on black.
 */
export interface Picture {
  readonly title: string;
  readonly caption: string;
  readonly width: number;
  readonly height: number;
  /** SVG elements in a frame of their own, `width` × `height`. */
  readonly drawing: string;
}

const TOP = 58;
const BOTTOM = 30;
const MARGIN = 16;

const style = `text { font: 12px system-ui, 'Segoe UI', Helvetica, Arial, sans-serif; fill: #1f2328; }
.title { font-size: 17px; font-weight: 600; } .row { font-weight: 600; } .quiet { fill: #59636e; }
.grid { stroke: #1f2328; stroke-opacity: .15; } .one { stroke: #1f2328; stroke-opacity: .6; }
.curve { fill: none; stroke-width: 2; } .interval, .must { stroke: #1f2328; stroke-width: 1.5; }
.must { stroke-width: 2.5; } .aim { stroke: #1f2328; stroke-width: 1.5; stroke-dasharray: 2 2; }
.reached { fill: #2da44e; } .held { fill: #4c8fd6; } .missed { fill: #e5703a; }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3; } .quiet { fill: #9198a1; } .grid, .one, .interval, .must, .aim { stroke: #e6edf3; }
}`;

export function pictureOf({ title, caption, width, height, drawing }: Picture): string {
  const whole = TOP + height + BOTTOM;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${whole}" width="${width}" height="${whole}" role="img" aria-label="${escapeText(title)}">
<style>
${style}
</style>
<text class="title" x="${MARGIN}" y="26">${escapeText(title)}</text>
<text class="quiet" x="${MARGIN}" y="46">${escapeText(caption)}</text>
<g transform="translate(0 ${TOP})">
${drawing}
</g>
</svg>
`;
}

export function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
