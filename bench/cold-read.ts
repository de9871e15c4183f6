/**
 * `npm run bench:cold`: does a consumer that scans data from the device disturb producers? Prints the p99 of produce
 * requests with and without the scan, round by round, and how fast the scan was. Fails when the medians differ by a factor
 * of two or more.
 */

import { ColdScan, type ColdScanRound } from './bounds/cold-scan.ts';
import { median } from './compare/statistics.ts';
import { parseArgs } from './load/options.ts';
import { bytesOf, megabytes } from './load/sizes.ts';

const usage = `npm run bench:cold -- [options]
  --scan SIZE           4GiB     --rounds N            5
  --rate SIZE           20MB     bytes produced a second meanwhile
  --broker-args TEXT    handed to the broker
`;
const FACTOR_MAX = 2;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      scan: { type: 'string', default: '4GiB' },
      rounds: { type: 'string', default: '5' },
      rate: { type: 'string', default: '20MB' },
      'broker-args': { type: 'string', default: '' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(usage);
    return;
  }
  const scan = await ColdScan.prepare({
    scanBytes: bytesOf(values.scan),
    produceBytesPerSecond: bytesOf(values.rate),
    brokerArguments: values['broker-args'].split(' ').filter((part) => part !== ''),
  });
  const rounds: ColdScanRound[] = [];
  try {
    for (let round = 0; round < Number(values.rounds); round++) {
      const result = await scan.round();
      rounds.push(result);
      process.stdout.write(`${describe(result)}\n`);
    }
  } finally {
    await scan.stop();
  }
  const quiet = median(rounds.map((round) => round.quietP99Us));
  const beside = median(rounds.map((round) => round.scanP99Us));
  process.stdout.write(
    `median p99: ${quiet} µs without the scan, ${beside} µs with it: ${(beside / quiet).toFixed(2)}x\n`,
  );
  if (beside >= quiet * FACTOR_MAX) process.exitCode = 1;
}

function describe(round: ColdScanRound): string {
  const { quietP99Us, scanP99Us, scanBytesPerSecond, warmShare } = round;
  const scan = `scan ${megabytes(scanBytesPerSecond)}, ${(warmShare * 100).toFixed(1)} % still in memory`;
  return `produce p99 ${quietP99Us} µs alone, ${scanP99Us} µs beside the scan (${scan})`;
}

await main();
