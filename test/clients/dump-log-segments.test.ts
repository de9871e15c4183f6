/**
 * Kafka's own DumpLogSegments over a folder that the broker wrote under mixed load and left by a clean stop: every batch
 * valid, every record readable, every index passing Kafka's sanity check and agreeing with its log.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { BrokerProcess } from './broker-process.ts';
import { MIXED_PARTITIONS, writeMixedLoad } from './data-folder.ts';
import { clientsCache, describeInstalled } from './foreign-client.ts';
import { javaArguments, KafkaProcess } from './kafka-process.ts';

const TOPIC = 'mixed';
const OUTPUT_BYTES_MAX = 1 << 28;
const TIMEOUT_MS = 180_000;

/** The tool finds the first offset of every segment but the first not consecutive to its own -1, in Kafka's logs too. */
const firstOffsetComplaint = /^Non-consecutive offsets in \S*?\/0*(\d+)\.log\n {2}-1 is followed by \1\n/gm;

/** Runs the tool and returns what it printed. It exits with 0 even when it complains, so its complaints are checked. */
function dump(files: readonly string[], ...options: readonly string[]): string {
  const tool = [...javaArguments, 'org.apache.kafka.tools.DumpLogSegments'];
  const { status, stdout, stderr } = spawnSync('java', [...tool, '--files', files.join(','), ...options], {
    maxBuffer: OUTPUT_BYTES_MAX,
    encoding: 'utf8',
  });
  expect(stderr.replace(firstOffsetComplaint, '')).toBe('');
  expect(status).toBe(0);
  return stdout;
}

describeInstalled("Kafka's DumpLogSegments", [join(clientsCache, 'java', 'lib')], () => {
  let folder = '';
  let written: number[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'perfbroker-dump-data-'));
    if (process.env['PERFBROKER_PEER'] === 'kafka') {
      const kafka = await KafkaProcess.start();
      written = await writeMixedLoad(kafka.port, TOPIC);
      await kafka.stop();
      execFileSync('cp', ['-r', `${kafka.dataFolder}/.`, folder]);
      await kafka.dispose();
      return;
    }
    const broker = await BrokerProcess.start({ dataFolder: folder, arguments: ['--workers', '2'] });
    written = await writeMixedLoad(broker.port, TOPIC);
    expect(await broker.stop(), broker.output).toBe(0);
  }, TIMEOUT_MS);

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const filesOf = (partition: number, suffix: string, dataFolder = folder): string[] => {
    const partitionFolder = join(dataFolder, `${TOPIC}-${partition}`);
    const names = readdirSync(partitionFolder).filter((name) => name.endsWith(suffix));
    return names.sort().map((name) => join(partitionFolder, name));
  };

  it.skipIf(process.env['PERFBROKER_PEER'] === 'kafka')(
    'finds every batch valid, and every record in it, that the broker re-encoded to LZ4',
    async () => {
      const recoded = mkdtempSync(join(tmpdir(), 'perfbroker-dump-lz4-'));
      try {
        const broker = await BrokerProcess.start({ dataFolder: recoded, arguments: ['--set', 'compression.type=lz4'] });
        const counts = await writeMixedLoad(broker.port, TOPIC);
        expect(await broker.stop(), broker.output).toBe(0);
        const logs = filesOf(0, '.log', recoded);
        const printed = dump(logs, '--deep-iteration', '--max-message-size', '10485760');
        const batches = [...printed.matchAll(/^baseOffset: .* compresscodec: (\w+) .*isvalid: (\w+)/gm)];
        expect(batches.length).toBeGreaterThan(0);
        expect(batches.every(([, codec, isValid]) => codec === 'lz4' && isValid === 'true')).toBe(true);
        expect([...printed.matchAll(/^\| offset: \d+/gm)].length).toBe(counts[0]);
      } finally {
        rmSync(recoded, { recursive: true, force: true });
      }
    },
    TIMEOUT_MS,
  );

  for (let partition = 0; partition < MIXED_PARTITIONS; partition++) {
    it(
      `finds every batch of partition ${partition} valid and every record in it`,
      () => {
        const logs = filesOf(partition, '.log');
        expect(logs.length).toBeGreaterThan(1);
        const printed = dump(logs, '--deep-iteration', '--max-message-size', '10485760');
        const batches = [...printed.matchAll(/^baseOffset: (\d+) lastOffset: (\d+) count: (\d+) .*isvalid: (\w+)/gm)];
        expect(batches.every(([, , , , isValid]) => isValid === 'true')).toBe(true);
        expect(batches.reduce((sum, [, , , count]) => sum + Number(count), 0)).toBe(written[partition]);
        expect([...printed.matchAll(/^\| offset: \d+/gm)].length).toBe(written[partition]);
        expect(Number(batches.at(-1)?.[2])).toBe((written[partition] ?? 0) - 1);
      },
      TIMEOUT_MS,
    );

    it(
      `finds the indexes of partition ${partition} sane and in agreement with the log`,
      () => {
        const indexes = [...filesOf(partition, '.index'), ...filesOf(partition, '.timeindex')];
        const printed = dump(indexes, '--index-sanity-check');
        for (const index of indexes)
          expect(printed).toMatch(new RegExp(`${index.replaceAll('.', '\\.')} (passed sanity check|is empty)`));
        dump(indexes, '--verify-index-only', '--max-message-size', '10485760');
      },
      TIMEOUT_MS,
    );

    it(
      `can read the producer snapshots of partition ${partition}`,
      () => {
        const snapshots = filesOf(partition, '.snapshot');
        expect(snapshots.length).toBeGreaterThan(0);
        expect(dump(snapshots)).toMatch(/producerId: \d+ producerEpoch: 0/);
      },
      TIMEOUT_MS,
    );
  }
});
