/** Many connections to a real broker: producing at once, idle, more than there are descriptors for. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { writeProduceFrames } from '../../bench/load/frames.ts';
import { runLoad } from '../../bench/load/generator.ts';
import { canConnect, freePort, projectRoot } from '../clients/broker-process.ts';
import { BoundedBroker, MEBIBYTE, until } from './bounded-broker.ts';
import { Crowd } from './crowd.ts';

/** Both ends of the idle ones need a descriptor in their process; `nightly:bounds` asks for 10,000. */
const IDLE = Number(process.env['PERFBROKER_IDLE_CONNECTIONS'] ?? 5000);
const PRODUCING = 4000;
const IDLE_BYTES_MAX = 4096;
const DESCRIPTORS = 160;

it(`${PRODUCING} connections produce at once and all are answered`, async () => {
  const broker = await BoundedBroker.start({ partitions: 16 });
  const folder = mkdtempSync(join(tmpdir(), 'perfbroker-bounds-'));
  try {
    const framesFile = join(folder, 'frames');
    const shape = { topic: broker.topic, partitions: 16, batchBytes: 64, recordBytes: 100, codec: 0, acks: -1 };
    writeProduceFrames(framesFile, shape);
    const result = await runLoad({
      host: '127.0.0.1',
      port: broker.port,
      framesFile,
      mode: 'produce',
      connections: PRODUCING,
      inFlight: 1,
      requestsPerSecond: 0,
      warmSeconds: 1,
      seconds: 4,
    });
    expect(result.errors + result.unanswered).toBe(0);
    expect(result.requests).toBeGreaterThan(PRODUCING);
    expect(broker.residentBytes).toBeLessThan(300 * MEBIBYTE);
  } finally {
    rmSync(folder, { recursive: true, force: true });
    await broker.dispose();
  }
});

it(`${IDLE} idle connections cost at most ${IDLE_BYTES_MAX} bytes each`, async () => {
  const broker = await BoundedBroker.start();
  const before = broker.residentBytes;
  const crowd = await Crowd.connect(broker.port, IDLE);
  await broker.serveNeighbour(200);
  const each = (broker.residentBytes - before) / IDLE;
  process.stdout.write(`an idle connection costs ${Math.round(each)} bytes\n`);
  expect(crowd.closedCount).toBe(0);
  expect(each).toBeLessThan(IDLE_BYTES_MAX);
  crowd.destroy();
  await broker.dispose();
});

it('a broker out of descriptors says so once, keeps serving, and takes connections again when some are free', async () => {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'perfbroker-bounds-'));
  const main = join(projectRoot, 'dist', 'src', 'main.js');
  const command = `ulimit -n ${DESCRIPTORS} && exec "${process.execPath}" "${main}" --port ${port} --data "${folder}"`;
  const child = spawn('sh', ['-c', command], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  try {
    await until(`the broker is ready: ${output}`, () => output.includes('listening on'), 20_000);
    const crowd = await Crowd.connect(port, DESCRIPTORS * 2);
    await until('it says so', () => output.includes('cannot take new connections'), 10_000);
    crowd.destroy();
    let isServing = false;
    for (let attempt = 0; attempt < 100 && !isServing; attempt++) isServing = await answersAgain(port);
    expect(isServing, output).toBe(true);
    expect(child.exitCode, output).toBe(null);
    expect(output.split('cannot take new connections').length - 1, output).toBeLessThan(4);
  } finally {
    child.kill('SIGTERM');
    if (child.exitCode === null) await once(child, 'exit');
    rmSync(folder, { recursive: true, force: true });
  }
});

/** A connection that is taken is not enough: the kernel takes them too. */
async function answersAgain(port: number): Promise<boolean> {
  if (!(await canConnect(port))) return false;
  const crowd = await Crowd.connect(port, 1);
  const request = Buffer.from('0000000a00120000000000070000', 'hex');
  crowd.send(request);
  const isAnswered = await until('an answer', () => crowd.receivedBytes > 0, 500).then(
    () => true,
    () => false,
  );
  crowd.destroy();
  return isAnswered;
}
