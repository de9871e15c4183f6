/**
 * `npm run bench:overload`: sixteen equal producers that together ask for more than the broker can do, with small and with
 * large batches. It fails when the slowest is given less than half of the mean, when memory climbs, when something is
 * answered with an error, or when latency is not what the requests in flight make of the throughput.
 */

import { type OverloadResult, overload } from './bounds/overload-load.ts';
import { BenchServer } from './load/bench-server.ts';
import { parseArgs } from './load/options.ts';

const usage = `npm run bench:overload -- [options] [broker arguments behind --]
  --seconds S           15             of each load
  --producers N         16
  --in-flight LIST      4,64           requests that each keeps under way: capacity, and far beyond it
  --batches LIST        1000,65536,1000000     bytes`;

const SLOWEST_SHARE_MIN = 0.5;
const GROWTH_BYTES_MAX = 32 << 20;
const LATENCY_US_MAX = 30_000_000;
const MEBIBYTE = 1_048_576;

function problemsOf(result: OverloadResult): string[] {
  const problems: string[] = [];
  if (result.slowestShare < SLOWEST_SHARE_MIN)
    problems.push(`the slowest has ${percent(result.slowestShare)} of the mean`);
  if (result.errors > 0) problems.push(`${result.errors} errors, or requests without an answer`);
  if (result.highestBytes - result.earlyBytes > GROWTH_BYTES_MAX) problems.push('memory climbs');
  if (result.highestUs > LATENCY_US_MAX) problems.push('somebody waited for too long');
  return problems;
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

function lineOf(batchBytes: number, inFlight: number, result: OverloadResult): string {
  const ms = (us: number) => `${(us / 1000).toFixed(1)} ms`;
  return [
    `${batchBytes} B, ${inFlight} in flight`.padEnd(28),
    `${Math.round(result.bytesPerSecond / 1e6)} MB/s`.padEnd(12),
    `slowest ${percent(result.slowestShare)} of the mean`.padEnd(28),
    `p50 ${ms(result.p50Us)}, p99 ${ms(result.p99Us)}, worst ${ms(result.highestUs)}`.padEnd(52),
    `light one: p99 ${ms(result.lightP99Us)}`.padEnd(28),
    `memory ${Math.round(result.earlyBytes / MEBIBYTE)} to ${Math.round(result.highestBytes / MEBIBYTE)} MiB`,
  ].join(' ');
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      seconds: { type: 'string', default: '15' },
      producers: { type: 'string', default: '16' },
      'in-flight': { type: 'string', default: '4,64' },
      batches: { type: 'string', default: '1000,65536,1000000' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(`${usage}\n`);
    return;
  }
  const numbers = (text: string) => text.split(',').map(Number);
  const producers = Number(values.producers);
  const problems: string[] = [];
  for (const batchBytes of numbers(values.batches)) {
    const server = await BenchServer.start({ broker: null, pid: 0, brokerArguments: positionals });
    try {
      for (const inFlight of numbers(values['in-flight'])) {
        // What is written is deleted soon: the disk is not what is measured, and not to be filled.
        const configs = { 'retention.bytes': String(64 << 20), 'segment.bytes': String(64 << 20) };
        const topic = await server.makeTopic('overload', producers + 1, configs);
        await server.touchTopic(topic, producers + 1);
        const seconds = Number(values.seconds);
        const result = await overload({
          host: server.host,
          port: server.port,
          pid: server.pid,
          topic,
          producers,
          batchBytes,
          inFlight,
          seconds,
        });
        process.stdout.write(`${lineOf(batchBytes, inFlight, result)}\n`);
        for (const problem of problemsOf(result)) problems.push(`${batchBytes} B, ${inFlight} in flight: ${problem}`);
        await server.dropTopic(topic);
      }
    } finally {
      await server.stop();
    }
  }
  for (const problem of problems) process.stdout.write(`failed: ${problem}\n`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}

await main();
