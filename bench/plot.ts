/** `npm run bench:plot -- FILE`: draws the pictures of a comparison that was made before, from the JSON file it left. */
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type Comparison, writePictures } from './compare/pictures.ts';
import { parseArgs } from './load/options.ts';
import { checkoutFolder } from './load/programs.ts';

const usage = `npm run bench:plot -- bench-results/compare-….json [options]
  --out FOLDER          docs/figures
`;

type Found = Omit<Comparison, 'date'> & { readonly date?: string };

/** Looks at what tells such a file from another; what is inside was written by the comparison itself. */
function isComparison(found: unknown): found is Found {
  if (typeof found !== 'object' || found === null) return false;
  return (
    'machine' in found && 'kafka' in found && 'rows' in found && Array.isArray(found.rows) && found.rows.length > 0
  );
}

function main(): number {
  const options = {
    help: { type: 'boolean', short: 'h' },
    out: { type: 'string', default: join(checkoutFolder, 'docs', 'figures') },
  } as const;
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  const [file] = positionals;
  if (values.help === true || file === undefined) {
    process.stdout.write(usage);
    return values.help === true ? 0 : 1;
  }
  const found: unknown = JSON.parse(readFileSync(file, 'utf8'));
  if (!isComparison(found)) throw new Error(`${file} is no result of bench:compare with rows`);
  const date = found.date ?? /\d{4}-\d\d-\d\d/.exec(basename(file))?.[0] ?? 'no date';
  for (const written of writePictures(values.out, { ...found, date })) process.stdout.write(`written: ${written}\n`);
  return 0;
}

process.exitCode = main();
