/**
 * `npm run conformance`: perfbroker beside Apache Kafka. Scripted exchanges and requests generated from the schemas go to
 * both over raw sockets; the answers are compared field by field. Ends with 1 when a difference is left that
 * docs/compatibility.md does not admit. What can be asked for: `--help`.
 */

import { readKnownDifferences } from './conformance/known-differences.ts';
import { kafkaMissing, type Peers, startPeers } from './conformance/peers.ts';
import { printReport } from './conformance/report.ts';
import { runConformance } from './conformance/run.ts';
import { forgetWatchers } from './conformance/visibility.ts';
import { parseArgs } from './load/options.ts';

const SEED_BOUND = 1_000_000;
const HELP = `npm run conformance -- [options]

Sends the same requests to perfbroker and to Apache Kafka, compares the answers field by field, and ends with 1 when they
differ where docs/compatibility.md admits no difference.

  --seed N         repeat the generated requests of a run (by default: another one each time)
  --count N        how many generated requests to send (20000)
  --only NAME      requests of this API (Produce), scripts whose names begin so (produce-acks), or one generated session of
                   the seed (generated-17)
  --no-scripted    leave the scripts out
  --quick          look at differences once: neither repeat a session alone nor cut it down to what it needs
  --kafka DIR      an unpacked Kafka distribution, whose libs/ is used instead of the jars of test/clients/install.mjs
  --kafka-port N   an Apache Kafka on this machine that runs already, with the settings of bench/conformance/peers.ts
  --keep           leave the folders of both brokers, with their data and logs, and say where they are
  --help           this
`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string' },
      count: { type: 'string', default: '20000' },
      only: { type: 'string' },
      'no-scripted': { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      kafka: { type: 'string' },
      'kafka-port': { type: 'string' },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const kafkaPort = values['kafka-port'] === undefined ? undefined : Number(values['kafka-port']);
  const where = { kafkaPort, distribution: values.kafka, keepsFolders: values.keep };
  const missing = kafkaMissing(where);
  if (missing !== null) {
    process.stdout.write(`conformance is skipped: ${missing}\n`);
    return process.env['CI'] === 'true' || values.kafka !== undefined ? 1 : 0;
  }
  const seed = Number(values.seed ?? Date.now() % SEED_BOUND);
  process.stdout.write(`conformance: seed ${seed}\n`);
  const peers = await startPeers(where);
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
    if (values.keep) sayWhere(peers);
  }
}

function sayWhere({ kafka, perfbroker }: Peers): void {
  if (kafka.folder !== null) process.stdout.write(`kept: ${kafka.folder} (Apache Kafka)\n`);
  if (perfbroker.folder !== null) process.stdout.write(`kept: ${perfbroker.folder} (perfbroker)\n`);
}

process.exitCode = await main();
