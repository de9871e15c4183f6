/**
 * What two power cuts in short order may bring back. A file system writes a file's bytes and its size at different times, so
 * the first cut can leave a batch behind the end of its file, in the last block; the next batch lands on it, and where the
 * second cut takes its bytes but not the size, the old one would stand in its place. ext4 on a loop device, each step asked
 * for, so that it happens every time: a plain file shows that it does, and the broker must not let it.
 */
import { closeSync, fsyncSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { Admin } from '../../src/client/admin.ts';
import { Consumer, LATEST } from '../../src/client/consumer.ts';
import { ClusterView } from '../../src/client/metadata.ts';
import { Producer } from '../../src/client/producer.ts';
import { loadNative } from '../../src/zerocopy/native.ts';
import { BrokerProcess } from '../clients/broker-process.ts';
import { CuttableDisk, whyNot } from './cuttable-disk.ts';

const DISK_BYTES = 256 << 20;
const TOPIC = 'stale';
const BODY_BYTES = 100;
/** From a write's begin to its end on a loop device. */
const WRITE_BACK_MS = 300;
const CASE_MS_MAX = 120_000;
/** The file system commits by itself every five seconds: then the first cut takes nothing, and all is done again. */
const ATTEMPTS = 5;
const NO_FLUSHES = ['--set', 'perfbroker.flush.window.ms=0', '--set', 'perfbroker.write.back.bytes=0'];

const { native } = loadNative();
const reason = native === null ? 'needs the native part' : whyNot();
const disks: CuttableDisk[] = [];
const brokers: BrokerProcess[] = [];

afterEach(async () => {
  for (const broker of brokers.splice(0)) await broker.kill();
  for (const disk of disks.splice(0)) disk.dispose();
});

function makeDisk(): CuttableDisk {
  const disk = CuttableDisk.make(DISK_BYTES);
  disks.push(disk);
  return disk;
}

function withFile<T>(path: string, flags: string, use: (fd: number) => T): T {
  const fd = openSync(path, flags);
  try {
    return use(fd);
  } finally {
    closeSync(fd);
  }
}

/** The bytes, and not the size. */
async function writeBack(path: string): Promise<void> {
  const error = withFile(path, 'r+', (fd) => native?.syncFileRange(fd, 0, 1 << 20));
  expect(error).toBe(0);
  await sleep(WRITE_BACK_MS);
}

/** The sizes, and not the bytes: those of blocks that were there before do not go with the journal. */
function commitJournal(disk: CuttableDisk): void {
  withFile(join(disk.mountPoint, 'other'), 'w', (fd) => {
    writeSync(fd, 'other');
    fsyncSync(fd);
  });
}

class StaleEnd {
  readonly disk = makeDisk();
  private broker: BrokerProcess | null = null;
  private view: ClusterView | null = null;

  async start(): Promise<ClusterView> {
    this.broker = await BrokerProcess.start({ dataFolder: this.disk.dataFolder, arguments: NO_FLUSHES });
    brokers.push(this.broker);
    this.view = new ClusterView({ brokers: [{ host: '127.0.0.1', port: this.broker.port }] });
    return this.view;
  }

  async cutAndStart(): Promise<ClusterView> {
    this.broker?.freeze();
    this.disk.cut();
    await this.broker?.kill();
    brokers.pop();
    await this.view?.close();
    this.disk.powerUp();
    return this.start();
  }

  get segment(): string {
    const folder = join(this.disk.dataFolder, `${TOPIC}-0`);
    const logs = readdirSync(folder).filter((name) => name.endsWith('.log'));
    expect(logs).toHaveLength(1);
    return join(folder, logs[0] ?? '');
  }

  async end(): Promise<void> {
    await this.view?.close();
    await brokers.pop()?.kill();
    disks.pop()?.dispose();
  }
}

async function write(cluster: ClusterView, body: string): Promise<number> {
  const value = Buffer.from(body.padEnd(BODY_BYTES, '.'));
  return (await new Producer(cluster).send(TOPIC, 0, [{ key: null, value, timestamp: Date.now() }])).baseOffset;
}

async function bodies(cluster: ClusterView): Promise<string[]> {
  const consumer = new Consumer(cluster, { maxWaitMs: 0 });
  const found: string[] = [];
  const end = await consumer.findOffset(TOPIC, 0, LATEST);
  for await (const { value } of consumer.read(TOPIC, 0, 0, end))
    found.push(
      Buffer.from(value ?? [])
        .toString()
        .replaceAll('.', ''),
    );
  return found;
}

/** Null: the first cut took nothing. Else what is found after the second. */
async function afterTwoCuts(): Promise<string[] | null> {
  const run = new StaleEnd();
  const first = await run.start();
  await new Admin(first).createTopic({ name: TOPIC, partitions: 1, replicationFactor: 1 });
  await write(first, 'kept');
  withFile(run.segment, 'r+', fsyncSync);
  commitJournal(run.disk);
  await write(first, 'taken');
  await writeBack(run.segment);

  const second = await run.cutAndStart();
  const isTaken = (await bodies(second)).length === 1;
  let found: string[] | null = null;
  if (isTaken) {
    expect(await write(second, 'later')).toBe(1);
    commitJournal(run.disk);
    found = await bodies(await run.cutAndStart());
  }
  await run.end();
  return found;
}

describe.skipIf(reason !== null)(`two power cuts (${reason ?? 'ext4 on a loop device'})`, () => {
  it('bring back what lay behind the end of a plain file', async () => {
    const disk = makeDisk();
    const path = join(disk.mountPoint, 'plain');
    const write = (text: string) => withFile(path, 'a', (fd) => writeSync(fd, text));
    write('kept.');
    withFile(path, 'r+', fsyncSync);
    write('taken');
    await writeBack(path);
    disk.cut();
    disk.powerUp();
    expect(readFileSync(path, 'utf8')).toBe('kept.');
    write('later');
    commitJournal(disk);
    disk.cut();
    disk.powerUp();
    expect(readFileSync(path, 'utf8')).toBe('kept.taken');
  });

  it(
    'do not bring back a batch at the offset of another that was acknowledged',
    async () => {
      for (let attempt = 1; ; attempt++) {
        const found = await afterTwoCuts();
        if (found === null && attempt < ATTEMPTS) continue;
        expect(['kept', 'kept later']).toContain(found?.join(' '));
        return;
      }
    },
    CASE_MS_MAX,
  );
});
