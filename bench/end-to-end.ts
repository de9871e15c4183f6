/**
 * `npm run bench:e2e` (also `bench:end-to-end`): one record a request from a producer to a consumer that waits at the broker,
 * at one steady rate after the other. Shows what a record's way costs in latency, from the moment it was meant to be sent,
 * and in CPU.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from './load/options.ts';
import { type Peer, peerOptions, peerUsage, peerWishOf, startPeers } from './load/peers.ts';
import { checkoutFolder, compileProgram } from './load/programs.ts';
import { bytesOf } from './load/sizes.ts';
import { tail } from './load/tailing.ts';
import { type BenchRow, concludeBench, rowOf, sayNothing, sayProgress } from './report/bench-report.ts';

const usage = `npm run bench:e2e -- [options]
  --targets LIST        records a second, each to be kept: 100,1000,5000
  --record-bytes SIZE   100
  --seconds N           5              --warm-seconds N     2
  --out FOLDER          bench-results
${peerUsage}`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      ...peerOptions,
      help: { type: 'boolean', short: 'h' },
      targets: { type: 'string', default: '100,1000,5000' },
      'record-bytes': { type: 'string', default: '100' },
      seconds: { type: 'string', default: '5' },
      'warm-seconds': { type: 'string', default: '2' },
      out: { type: 'string', default: join(checkoutFolder, 'bench-results') },
    },
  });
  if (values.help === true) {
    process.stdout.write(usage);
    return 0;
  }
  compileProgram('relay');
  const folder = mkdtempSync(join(tmpdir(), 'perfbroker-relay-'));
  const recordBytes = bytesOf(values['record-bytes']);
  let peers: Peer[] = [];
  const rows: BenchRow[] = [];
  try {
    peers = await startPeers(peerWishOf(values));
    for (const target of values.targets.split(',')) {
      for (const { name, server } of peers) {
        const recordsPerSecond = Number(target);
        if (!(recordsPerSecond > 0)) throw new Error(`--targets ${target}: records a second, for example 1000`);
        const lengths = { warmSeconds: Number(values['warm-seconds']), seconds: Number(values.seconds) };
        const plan = { folder, consumers: 1, recordsPerSecond, recordBytes, ...lengths };
        const result = await tail(server, plan, sayProgress(`${target}/s ${name}`));
        sayNothing();
        rows.push(rowOf('producer → consumer', `${target}/s`, name, recordsPerSecond, result));
      }
    }
  } finally {
    for (const peer of peers) await peer.stop();
    rmSync(folder, { recursive: true, force: true });
  }
  return concludeBench(values.out, {
    name: 'end-to-end',
    title: 'perfbroker: producer to waiting consumer',
    subtitle: `one record of ${values['record-bytes']} bytes a request; latency from the intended send time to the consumer`,
    settings: values,
    rows,
  });
}

process.exitCode = await main();
