/**
 * The differences that docs/compatibility.md admits, read from its table: API, versions, field, what Kafka answers, what
 * perfbroker answers, and why. `*` stands for anything. A difference that fits a row is counted, one that fits none fails
 * the run, and a row that nothing fits any more is pointed out.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../test/clients/broker-process.ts';
import type { FieldDifference } from './difference.ts';

export interface KnownDifference {
  readonly api: string;
  /** Only in scripts whose name begins like this. */
  readonly script: string;
  readonly versions: readonly [number, number];
  readonly field: string;
  readonly kafka: string;
  readonly perfbroker: string;
  readonly why: string;
  readonly line: number;
}

const HEADING = ['API', 'versions', 'field', 'Kafka', 'perfbroker', 'why'];
const file = join(projectRoot, 'docs', 'compatibility.md');

export function readKnownDifferences(text: string = readFileSync(file, 'utf8')): KnownDifference[] {
  const known: KnownDifference[] = [];
  let isInTable = false;
  text.split('\n').forEach((lineText, index) => {
    const cells = cellsOf(lineText);
    if (cells.length === 0) isInTable = false;
    else if (cells.join() === HEADING.join()) isInTable = true;
    else if (isInTable && !/^-+$/.test(cells[0] ?? '')) known.push(rowOf(cells, index + 1));
  });
  return known;
}

function cellsOf(line: string): string[] {
  if (!line.startsWith('|')) return [];
  return line
    .slice(1, line.trimEnd().endsWith('|') ? line.trimEnd().length - 1 : line.length)
    .split(/(?<!\\)\|/)
    .map((cell) =>
      cell
        .trim()
        .replaceAll('\\|', '|')
        .replace(/^`(.*)`$/, '$1'),
    );
}

function rowOf(cells: readonly string[], line: number): KnownDifference {
  const [apiCell = '', versions = '', field = '', kafka = '', perfbroker = '', why = ''] = cells;
  const [, api = '', script = ''] = /^(\S+)(?: in (\S+))?$/.exec(apiCell) ?? [];
  const [first, last] = versions === '*' ? [-32768, 32767] : versions.split('-').map(Number);
  if (cells.length !== HEADING.length || api === '' || why === '' || first === undefined || Number.isNaN(first)) {
    throw new Error(`docs/compatibility.md:${line} is no row of known differences: ${cells.join(' | ')}`);
  }
  return { api, script, versions: [first, last ?? first], field, kafka, perfbroker, why, line };
}

export function findKnown(
  known: readonly KnownDifference[],
  script: string,
  api: string,
  version: number,
  difference: FieldDifference,
): KnownDifference | null {
  return (
    known.find(
      (row) =>
        (row.api === '*' || row.api === api) &&
        script.startsWith(row.script) &&
        version >= row.versions[0] &&
        version <= row.versions[1] &&
        fits(row.field, difference.field) &&
        fits(row.kafka, difference.kafka) &&
        fits(row.perfbroker, difference.perfbroker),
    ) ?? null
  );
}

function fits(pattern: string, text: string): boolean {
  const parts = pattern.split('*').map((part) => part.replaceAll(/[.[\](){}+?^$\\|]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`, 's').test(text);
}
