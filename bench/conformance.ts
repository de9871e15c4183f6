/**
 * `npm run conformance`: perfbroker beside Apache Kafka. Scripted exchanges and requests generated from the schemas go to
 * both over raw sockets; the answers are compared field by field. Ends with 1 when a difference is left that
 * docs/compatibility.md does not admit. `--seed` repeats a run; `--only` takes an API, a script, or a session of a seed.
 */
import { parseArgs } from 'node:util';
import { readKnownDifferences } from './conformance/known-differences.ts';
import { kafkaMissing, startBeside, startPeers } from './conformance/peers.ts';
import { printReport } from './conformance/report.ts';
import { runConformance } from './conformance/run.ts';
import { forgetWatchers } from './conformance/visibility.ts';

const SEED_BOUND = 1_000_000;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string' },
      count: { type: 'string', default: '20000' },
      only: { type: 'string' },
      /** The port of an Apache Kafka that runs already, with the settings of peers.ts. */
      'kafka-port': { type: 'string' },
      'no-scripted': { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
    },
  });
  const missing = values['kafka-port'] === undefined ? kafkaMissing() : null;
  if (missing !== null) {
    process.stdout.write(`conformance is skipped: ${missing}\n`);
    return process.env['CI'] === 'true' ? 1 : 0;
  }
  const seed = Number(values.seed ?? Date.now() % SEED_BOUND);
  process.stdout.write(`conformance: seed ${seed}\n`);
  const kafkaPort = values['kafka-port'];
  const peers = kafkaPort === undefined ? await startPeers() : await startBeside(Number(kafkaPort));
  try {
    const tally = await runConformance(peers, {
      seed,
      count: Number(values.count),
      only: values.only ?? null,
      withScripted: !values['no-scripted'],
      isQuick: values.quick,
      known: readKnownDifferences(),
      say: (line) => process.stdout.write(`${line}\n`),
    });
    return printReport(tally, seed, values.only === undefined);
  } finally {
    await forgetWatchers();
    await peers.dispose();
  }
}

process.exitCode = await main();
