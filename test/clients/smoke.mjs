// The shortest proof that the built broker serves a real client: starts it with the Node that runs this file, lets kafkajs
// write and kcat (where it is installed) read back, stops it and looks at its exit code. Plain JavaScript, so that it runs
// on every Node release the broker supports.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import kafkajs from 'kafkajs';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const folder = mkdtempSync(join(tmpdir(), 'perfbroker-smoke-'));
const recordCount = 1000;
const startMsMax = 30_000;
const retryMs = 20;

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

async function untilListening(port, child) {
  for (const endMs = Date.now() + startMsMax; Date.now() < endMs; ) {
    if (child.exitCode !== null) throw new Error(`the broker ended with ${child.exitCode}`);
    const socket = connect(port, '127.0.0.1');
    const isThere = await new Promise((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    });
    socket.destroy();
    if (isThere) return;
    await new Promise((resolve) => setTimeout(resolve, retryMs));
  }
  throw new Error('the broker took no connection');
}

const port = await freePort();
const broker = spawn(
  process.execPath,
  [join(root, 'dist', 'src', 'main.js'), '--host', '127.0.0.1', '--port', String(port), '--data', folder],
  { stdio: ['ignore', 'inherit', 'inherit'] },
);
try {
  await untilListening(port, broker);
  const kafka = new kafkajs.Kafka({ brokers: [`127.0.0.1:${port}`], logLevel: kafkajs.logLevel.ERROR });
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic: 'smoke', numPartitions: 1 }] });
  const producer = kafka.producer();
  await producer.connect();
  const messages = Array.from({ length: recordCount }, (_, i) => ({ key: `${i}`, value: `smoke-${i}`, partition: 0 }));
  await producer.send({ topic: 'smoke', messages });
  const [{ high }] = await admin.fetchTopicOffsets('smoke');
  if (Number(high) !== recordCount) throw new Error(`${recordCount} records were sent, the log ends at ${high}`);
  await Promise.all([producer.disconnect(), admin.disconnect()]);
  if (existsSync('/usr/bin/kcat')) {
    const read = spawnSync('kcat', ['-C', '-e', '-q', '-b', `127.0.0.1:${port}`, '-t', 'smoke', '-f', '%k:%s\n']);
    const lines = read.stdout.toString().trimEnd().split('\n');
    const isSame = lines.length === recordCount && lines.every((line, i) => line === `${i}:smoke-${i}`);
    if (!isSame) throw new Error(`kcat read ${lines.length} lines: ${lines.slice(0, 3).join(' | ')} ${read.stderr}`);
  }
  const ended = once(broker, 'exit');
  broker.kill('SIGTERM');
  const [code] = await ended;
  if (code !== 0) throw new Error(`the broker stopped with ${code}`);
  process.stdout.write(`smoke on ${process.version}: ${recordCount} records there and back\n`);
} finally {
  broker.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
}
