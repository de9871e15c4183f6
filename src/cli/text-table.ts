/**
 * Rows for people: aligned columns with a heading. For a terminal the heading is bold and long cells may be coloured; for a
 * pipe the same columns without colour. JSON is the other face of the same rows.
 */
import type { Terminal } from './terminal.ts';

export interface Column {
  readonly heading: string;
  readonly isNumber?: boolean;
  readonly colour?: (cell: string) => Colour | null;
}

export type Colour = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

const codes: { readonly [colour in Colour]: string } = {
  bold: '1',
  dim: '2',
  red: '31',
  green: '32',
  yellow: '33',
  cyan: '36',
};

export function painted(text: string, colour: Colour | null, isOn: boolean): string {
  return isOn && colour !== null ? `\u001b[${codes[colour]}m${text}\u001b[0m` : text;
}

export type Cell = string | number | null;

export function renderTable(columns: readonly Column[], rows: readonly (readonly Cell[])[], isOn: boolean): string {
  const texts = rows.map((row) => row.map((cell) => (cell === null ? '-' : printable(String(cell)))));
  const widths = columns.map(({ heading }, index) =>
    Math.max(widthOf(heading), ...texts.map((row) => widthOf(row[index] ?? ''))),
  );
  const line = (cells: readonly string[], paint: (cell: string, index: number) => Colour | null): string => {
    const parts = columns.map((column, index) => {
      const text = cells[index] ?? '';
      const space = ' '.repeat((widths[index] ?? 0) - widthOf(text));
      const shown = painted(text, paint(text, index), isOn);
      return column.isNumber === true ? space + shown : shown + space;
    });
    return parts.join('  ').trimEnd();
  };
  const head = line(
    columns.map(({ heading }) => heading),
    () => 'bold',
  );
  const body = texts.map((cells) => line(cells, (cell, index) => columns[index]?.colour?.(cell) ?? null));
  return `${[head, ...body].join('\n')}\n`;
}

/** What a client named something must not move the cursor of whoever looks at it. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, (character) => {
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
}

/** Counts letters, not code units; wide scripts are beyond what a table needs to know. */
function widthOf(text: string): number {
  return [...text].length;
}

/** One JSON document a call. */
export function renderJson(value: unknown): string {
  return `${JSON.stringify(value, (_key, inner: unknown) => (typeof inner === 'bigint' ? String(inner) : inner), 2)}\n`;
}

export async function show(
  terminal: Terminal,
  isJson: boolean,
  json: unknown,
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
): Promise<void> {
  await terminal.write(isJson ? renderJson(json) : renderTable(columns, rows, terminal.isForPerson));
}
