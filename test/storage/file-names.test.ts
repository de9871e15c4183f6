/** Names from the wire become paths: none of them leads out of the data folder, or to what is not a partition's folder. */
import { dirname, join, normalize, sep } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isFault } from '../../src/base/fault.ts';
import {
  deletedFolderName,
  isDeletedFolder,
  isTopicName,
  parsePartitionFolder,
  partitionFolderName,
} from '../../src/storage/file-names.ts';
import { LogDirectory } from '../../src/storage/log-directory.ts';
import { FakeDisk } from '../support/fake-disk.ts';

const ROOT = '/srv/data';
/** Characters that mean something to somebody: shells, file systems, URLs, terminals, C. */
const hostile = fc.constantFrom(
  ...[
    '..',
    '.',
    '/',
    '\\',
    '\0',
    '~',
    '%2e',
    '%2f',
    '-',
    '-0',
    '-delete',
    ' ',
    '\n',
    '\u202e',
    'é',
    'e\u0301',
    '＃',
    '／',
    '．',
    ':',
    '*',
    'a',
  ],
  ...['perfbroker.lock', '.kafka_cleanshutdown', 'CON', '__cluster_metadata', 'x'.repeat(300)],
);
const names = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.array(hostile, { maxLength: 8 }).map((parts) => parts.join('')),
  fc.stringMatching(/^[a-zA-Z0-9._-]{1,260}$/),
);
const partitions = fc.oneof(
  fc.nat(20),
  fc.double({ noInteger: true }),
  fc.integer(),
  fc.constantFrom(-1, 2 ** 31, 2 ** 53),
);

/** Null when it was refused as Kafka would. */
function pathOf(topic: string, partition: number): string | null {
  try {
    return new LogDirectory(new FakeDisk(), ROOT).pathOf(topic, partition);
  } catch (error) {
    if (isFault(error)) return null;
    throw error;
  }
}

describe('the folder of a partition', () => {
  it('lies in the data folder, whatever the topic is called, and gives its topic back', () => {
    let taken = 0;
    fc.assert(
      fc.property(names, partitions, (topic, partition) => {
        const path = pathOf(topic, partition);
        expect(path !== null).toBe(
          isTopicName(topic) && Number.isInteger(partition) && partition >= 0 && partition < 2 ** 31,
        );
        if (path === null) return;
        taken += 1;
        const name = path.slice(ROOT.length + 1);
        expect(dirname(normalize(path))).toBe(ROOT);
        expect(join(ROOT, name)).toBe(path);
        expect(name).not.toContain(sep);
        expect(Buffer.byteLength(name)).toBe(name.length);
        expect(parsePartitionFolder(name)).toEqual({ topic, partition });
        expect(isDeletedFolder(name)).toBe(false);
      }),
      { numRuns: 3000 },
    );
    expect(taken).toBeGreaterThan(100);
  });

  it('keeps within it, and within what a file system takes, when it is deleted', () => {
    const topics = names.filter(isTopicName);
    fc.assert(
      fc.property(topics, fc.nat(2 ** 31 - 1), (topic, partition) => {
        const name = deletedFolderName(topic, partition, 'f'.repeat(32));
        expect(isDeletedFolder(name)).toBe(true);
        expect(parsePartitionFolder(name)).toBe(null);
        expect(dirname(normalize(join(ROOT, name)))).toBe(ROOT);
        expect(name.length).toBeLessThanOrEqual(255);
      }),
    );
  });

  it('is none of the files that the broker keeps beside it', () => {
    for (const file of [
      'perfbroker.metadata',
      'perfbroker.lock',
      'perfbroker.format',
      '.kafka_cleanshutdown',
      'meta.properties',
    ])
      expect(parsePartitionFolder(file)).toBe(null);
    expect([isTopicName('.'), isTopicName('..'), isTopicName('')]).toEqual([false, false, false]);
    expect(partitionFolderName('...', 0)).toBe('...-0');
  });
});
