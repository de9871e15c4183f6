// `npm run audit`: are there known vulnerabilities in the packages of package-lock.json, those for development included? Exits
// with 1 when there are, and names them. A registry that answers no such question (many mirrors do not) is said, and is no
// failure: nothing was found out.
import { spawnSync } from 'node:child_process';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const WAIT_MS = 60_000;

/** @returns {{ readonly exitCode: number, readonly text: string }} */
export function judge(output) {
  const report = parse(output);
  if (report === null || report.metadata?.vulnerabilities === undefined) {
    const why = report?.error?.summary ?? report?.message ?? output.trim().split('\n')[0] ?? '';
    return { exitCode: 0, text: `not found out: the registry tells of no vulnerabilities (${why.slice(0, 200)})` };
  }
  const found = Object.values(report.vulnerabilities ?? {});
  if (found.length === 0)
    return { exitCode: 0, text: `no known vulnerability in ${report.metadata.dependencies?.total ?? 'all'} packages` };
  const lines = found.map(({ name, severity, range }) => `  ${severity} in ${name} ${range}`);
  return { exitCode: 1, text: ['known vulnerabilities:', ...lines, 'see npm audit for the way out'].join('\n') };
}

function parse(output) {
  try {
    return JSON.parse(output);
  } catch {
    return null;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { stdout } = spawnSync('npm', ['audit', '--json'], { cwd: root, encoding: 'utf8', timeout: WAIT_MS });
  const { exitCode, text } = judge(stdout ?? '');
  process.stdout.write(`${text}\n`);
  process.exitCode = exitCode;
}
