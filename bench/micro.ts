/**
 * `npm run bench:micro`: nanoseconds per operation of the parts that every request passes through, beside the committed
 * baseline. Exits with 1 when something takes 30 % longer than there, measured in passes of a calibration loop.
 */
import { parseArgs } from './load/options.ts';
import { type BaselineFigures, isRegression, judgeTime, readBaseline, updateBaseline } from './micro/baseline.ts';
import { type Pace, timeSubject } from './micro/stopwatch.ts';
import { eachSubject } from './micro/subjects.ts';

const usage = `npm run bench:micro -- [options]
  --only WORDS        subjects whose name contains one of them: ring,append
  --rounds N          8, of which the best counts       --round-ms N  30
  --hot               only what lies on the path of every request
  --factor N          1.3: what is slower than this many times the baseline fails
  --update            writes what was measured into bench/micro/baseline.json
  --json              one line of JSON at the end
`;

function main(): number {
  const { values } = parseArgs({
    options: {
      help: { type: 'boolean', short: 'h' },
      only: { type: 'string', default: '' },
      rounds: { type: 'string', default: '8' },
      'round-ms': { type: 'string', default: '30' },
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
  const pace: Pace = { rounds: Number(values.rounds), roundMs: Number(values['round-ms']) };
  const factorMax = Number(values.factor);
  const { machine, subjects } = readBaseline();
  const measured: Record<string, Partial<BaselineFigures>> = {};
  const slower: string[] = [];
  process.stdout.write(`${'operation'.padEnd(64)} ${'ns'.padStart(9)} relative baseline (${machine})\n`);
  eachSubject({ only: values.only, isHotOnly: values.hot }, (subject) => {
    const known = subjects[subject.name]?.relative;
    let timing = timeSubject(subject, pace);
    let verdict = judgeTime(timing.relative, known, factorMax);
    // A neighbour that took the processor for a while looks like a regression once, not twice.
    if (isRegression(verdict)) {
      timing = timeSubject(subject, pace);
      verdict = judgeTime(timing.relative, known, factorMax);
    }
    measured[subject.name] = { nanoseconds: rounded(timing.nanoseconds), relative: rounded(timing.relative) };
    if (isRegression(verdict)) slower.push(subject.name);
    const figures = [timing.nanoseconds.toFixed(1).padStart(9), timing.relative.toFixed(2).padStart(8)];
    const before = (known === undefined ? '–' : known.toFixed(2)).padStart(8);
    process.stdout.write(`${subject.name.padEnd(64)} ${figures.join(' ')} ${before} ${verdict}\n`);
  });
  if (values.update) updateBaseline(measured);
  if (values.json) process.stdout.write(`${JSON.stringify({ measured, slower })}\n`);
  if (slower.length > 0) process.stdout.write(`slower than the baseline: ${slower.join('; ')}\n`);
  return slower.length > 0 && !values.update ? 1 : 0;
}

function rounded(value: number): number {
  return Number(value.toPrecision(4));
}

process.exitCode = main();
