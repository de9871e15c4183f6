/**
 * `npm run bench:alloc`: bytes of garbage per operation of the parts that every request passes through, beside the committed
 * baseline. Exits with 1 when something makes 30 % more of it than there.
 */
import { parseArgs } from './load/options.ts';
import {
  type BaselineFigures,
  HOT_BYTES_MAX,
  isRegression,
  judgeBytes,
  readBaseline,
  updateBaseline,
} from './micro/baseline.ts';
import { bytesPerOperation } from './micro/heap-meter.ts';
import { eachSubject } from './micro/subjects.ts';

const usage = `npm run bench:alloc -- [options]
  --only WORDS        subjects whose name contains one of them: ring,append
  --warm-ms N         300, so that the optimising compiler has seen it
  --hot               only what lies on the path of every request
  --factor N          1.3: what makes more garbage than this many times the baseline fails
  --update            writes what was measured into bench/micro/baseline.json
  --json              one line of JSON at the end
`;

function main(): number {
  const { values } = parseArgs({
    options: {
      help: { type: 'boolean', short: 'h' },
      only: { type: 'string', default: '' },
      'warm-ms': { type: 'string', default: '300' },
      factor: { type: 'string', default: '1.3' },
      update: { type: 'boolean', default: false },
      hot: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  });
  if (values.help === true) {
    process.stdout.write(usage);
    return 0;
  }
  const factorMax = Number(values.factor);
  const warmMs = Number(values['warm-ms']);
  const { machine, subjects } = readBaseline();
  const measured: Record<string, Partial<BaselineFigures>> = {};
  const worse: string[] = [];
  process.stdout.write(`${'operation'.padEnd(64)} ${'bytes'.padStart(9)} baseline (${machine})\n`);
  eachSubject({ only: values.only, isHotOnly: values.hot }, (subject) => {
    const known = subjects[subject.name]?.bytes;
    let bytes = bytesPerOperation(subject, warmMs);
    let verdict = judgeBytes(bytes, known, factorMax);
    // On a busy machine the compiler's own thread may have come late.
    if (isRegression(verdict)) {
      bytes = bytesPerOperation(subject, warmMs * 3);
      verdict = judgeBytes(bytes, known, factorMax);
    }
    measured[subject.name] = { bytes: Math.round(bytes * 10) / 10 };
    if (isRegression(verdict)) worse.push(subject.name);
    const before = (known === undefined ? '–' : known.toFixed(1)).padStart(8);
    const note = subject.isHot && bytes > HOT_BYTES_MAX ? ' (hot: aim none)' : '';
    process.stdout.write(`${subject.name.padEnd(64)} ${bytes.toFixed(1).padStart(9)} ${before} ${verdict}${note}\n`);
  });
  if (values.update) updateBaseline(measured);
  if (values.json) process.stdout.write(`${JSON.stringify({ measured, worse })}\n`);
  if (worse.length > 0) process.stdout.write(`more garbage than the baseline: ${worse.join('; ')}\n`);
  return worse.length > 0 && !values.update ? 1 : 0;
}

process.exitCode = main();
