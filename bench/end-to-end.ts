/**
 * `npm run bench:end-to-end`: one record a request from a producer to a consumer that waits at the broker, at a steady
 * rate. Shows what a record's way costs in latency, from the moment it was meant to be sent, and in CPU.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { BenchServer } from './load/bench-server.ts';
import { writePollFrame, writeProduceFrames } from './load/frames.ts';
import { runRelay } from './load/generator.ts';
import { checkoutFolder } from './load/programs.ts';
import { bytesOf, milliseconds } from './load/sizes.ts';
import { hgrmOf, percentilesOf } from './report/percentiles.ts';

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      broker: { type: 'string' },
      pid: { type: 'string', default: '0' },
      rate: { type: 'string', default: '1000' },
      'record-bytes': { type: 'string', default: '100' },
      seconds: { type: 'string', default: '5' },
      'warm-seconds': { type: 'string', default: '2' },
      'broker-args': { type: 'string', default: '' },
      out: { type: 'string', default: join(checkoutFolder, 'bench-results') },
    },
  });
  const brokerArguments = values['broker-args'].split(' ').filter((word) => word !== '');
  const folder = mkdtempSync(join(tmpdir(), 'perfbroker-relay-'));
  const server = await BenchServer.start({ broker: values.broker ?? null, pid: Number(values.pid), brokerArguments });
  try {
    const topic = await server.makeTopic('end-to-end', 1);
    await server.touchTopic(topic, 1);
    const recordBytes = bytesOf(values['record-bytes']);
    const plan = { topic, partitions: 1, batchBytes: recordBytes, recordBytes, codec: 0, acks: -1 };
    const frames = writeProduceFrames(join(folder, 'produce'), plan);
    const fetchFrameFile = join(folder, 'fetch');
    const result = await runRelay({
      host: server.host,
      port: server.port,
      framesFile: frames.file,
      fetchFrameFile,
      fetchOffsetAt: writePollFrame(fetchFrameFile, topic),
      topicBytes: Buffer.byteLength(topic),
      startOffset: 1,
      recordsPerSecond: Number(values.rate),
      warmSeconds: Number(values['warm-seconds']),
      seconds: Number(values.seconds),
      pid: server.pid,
    });
    const percentiles = percentilesOf(result.histogram);
    const { p50Us, p99Us, p999Us, maxUs } = percentiles;
    const rate = (result.requests / result.seconds).toFixed(0);
    const cores = (result.cpuSeconds / result.seconds).toFixed(2);
    const latencies = `p50 ${milliseconds(p50Us)}  p99 ${milliseconds(p99Us)}  p99.9 ${milliseconds(p999Us)}  max ${milliseconds(maxUs)}`;
    process.stdout.write(`${rate} records/s  ${latencies}  ${server.pid === 0 ? '–' : cores} cores\n`);
    if (result.unanswered > 0) process.stdout.write(`${result.unanswered} records never reached the consumer\n`);
    mkdirSync(values.out, { recursive: true });
    const base = join(values.out, `end-to-end-${new Date().toISOString().replaceAll(/[:.]/g, '-').slice(0, 19)}`);
    writeFileSync(`${base}.hgrm`, hgrmOf(result.histogram));
    const { histogram: _, ...figures } = result;
    writeFileSync(`${base}.json`, `${JSON.stringify({ settings: values, figures, percentiles }, null, 2)}\n`);
    await server.dropTopic(topic);
    return result.errors > 0 || result.unanswered > 0 ? 1 : 0;
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

process.exitCode = await main();
