/**
 * `npm run bench:compaction`: does the compaction of a large log disturb producers? Prints the p99 of produce requests with
 * and without it, round by round, and what it made of the log. Fails when the medians differ by a factor of two or more.
 */

import { CompactionLoad, type CompactionRound } from './bounds/compaction-load.ts';
import { median } from './compare/statistics.ts';
import { parseArgs } from './load/options.ts';
import { bytesOf, megabytes } from './load/sizes.ts';

const usage = `npm run bench:compaction -- [options]
  --dirty SIZE          4GiB     --rounds N            3
  --repeats N           4        times every key is written
  --rate SIZE           20MB     bytes produced a second meanwhile
  --broker-args TEXT    handed to the broker
`;
const FACTOR_MAX = 2;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      dirty: { type: 'string', default: '4GiB' },
      rounds: { type: 'string', default: '3' },
      repeats: { type: 'string', default: '4' },
      rate: { type: 'string', default: '20MB' },
      'broker-args': { type: 'string', default: '' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(usage);
    return;
  }
  const load = await CompactionLoad.prepare({
    dirtyBytes: bytesOf(values.dirty),
    repeats: Number(values.repeats),
    produceBytesPerSecond: bytesOf(values.rate),
    brokerArguments: values['broker-args'].split(' ').filter((part) => part !== ''),
  });
  const rounds: CompactionRound[] = [];
  try {
    for (let round = 0; round < Number(values.rounds); round++) {
      const result = await load.round();
      rounds.push(result);
      process.stdout.write(`${describe(result)}\n`);
    }
  } finally {
    await load.stop();
  }
  const quiet = median(rounds.map((round) => round.quietP99Us));
  const beside = median(rounds.map((round) => round.besideP99Us));
  const factor = (beside / quiet).toFixed(2);
  process.stdout.write(`median p99: ${quiet} µs without compaction, ${beside} µs with it: ${factor}x\n`);
  if (beside >= quiet * FACTOR_MAX) process.exitCode = 1;
}

function describe(round: CompactionRound): string {
  const { quietP99Us, besideP99Us, beforeBytes, afterBytes, seconds } = round;
  const sizes = `${megabytes(beforeBytes)} became ${megabytes(afterBytes)} in ${seconds.toFixed(1)} s`;
  return `produce p99 ${quietP99Us} µs alone, ${besideP99Us} µs beside the compaction (${sizes})`;
}

await main();
