// Ten million hostile frames: `npm run nightly:fuzz [-- --frames N --seed N --process-frames N]`. Runs the fuzzers of this folder
// again and again, each time from another seed, so that what fails is reproduced by one short run; says which. Ends with 1
// when anything failed: a crash, a hang, a leak, a witness that got a wrong or late answer.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
const ROUND_FRAMES = 500_000;
const ROUND_MS_MAX = 1_800_000;

const { values } = parseArgs({
  options: {
    frames: { type: 'string', default: '10000000' },
    /** Of those, so many go to real processes. */
    'process-frames': { type: 'string', default: '600000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
  },
});
const seed = Number(values.seed);
const framesWanted = Number(values.frames);
const processFramesWanted = Math.min(Number(values['process-frames']), framesWanted);
const processRounds = Math.max(1, Math.ceil(processFramesWanted / 120_000));
const threadFrames = framesWanted - processFramesWanted;
const rounds = Math.max(1, Math.ceil(threadFrames / ROUND_FRAMES));
const beginMs = performance.now();

/** The frames that were sent, as the fuzzers printed them; ends the program when one failed. */
function run(file, environment) {
  const args = ['run', `test/fuzz/${file}`, '-t', 'frames', '--reporter=default'];
  const result = spawnSync(process.execPath, [vitest, ...args], {
    cwd: root,
    env: { ...process.env, ...environment },
    encoding: 'utf8',
    timeout: ROUND_MS_MAX,
    maxBuffer: 1 << 28,
  });
  const lines = result.stdout.split('\n').filter((line) => /^fuzz\b/.test(line));
  for (const line of lines) process.stdout.write(`${environment.FUZZ_SEED}: ${line}\n`);
  const sent = lines.reduce((sum, line) => sum + Number(/: (\d+) frames/.exec(line)?.[1] ?? 0), 0);
  if (result.status === 0 && sent > 0) return sent;
  process.stdout.write(result.stdout.slice(-8000));
  process.stderr.write(result.stderr.slice(-4000));
  const assignments = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  process.stdout.write(`\nfailed; again: ${assignments.join(' ')} npx vitest run test/fuzz/${file} -t frames\n`);
  process.exit(1);
}

process.stdout.write(
  `fuzz from seed ${seed}: ${threadFrames} frames in one thread, ${processFramesWanted} to processes\n`,
);
let sent = 0;
for (let round = 0; round < rounds; round++) {
  const frames = Math.ceil(threadFrames / rounds);
  const environment = { FUZZ_SEED: String(seed + round), FUZZ_TIME_MS: String(ROUND_MS_MAX) };
  // A tenth to a front alone, whose workers are of the test and take whatever comes.
  sent += run('frames.test.ts', { ...environment, FUZZ_FRAMES: String(Math.ceil(frames / 10)) });
  sent += run('broker-frames.test.ts', { ...environment, FUZZ_FRAMES: String(Math.ceil((frames * 9) / 10)) });
}
for (let round = 0; round < processRounds; round++) {
  const frames = Math.ceil(processFramesWanted / processRounds / 3);
  sent += run('process-frames.test.ts', {
    FUZZ_SEED: String(seed + round),
    FUZZ_PROCESS_FRAMES: String(frames),
  });
}
const seconds = Math.round((performance.now() - beginMs) / 1000);
process.stdout.write(`fuzz: ${sent} frames from seed ${seed}, 0 failures, ${seconds} s\n`);
