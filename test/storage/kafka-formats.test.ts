/** The bytes of every file we share with Kafka, checked against bytes worked out by hand. */
import { describe, expect, it } from 'vitest';
import {
  parseEpochs,
  readCheckpoint,
  readWritten,
  writeCheckpoint,
  writeWritten,
} from '../../src/storage/checkpoint.ts';
import { ProducerLedger } from '../../src/storage/producer-ledger.ts';
import { decodeSnapshot, encodeSnapshot } from '../../src/storage/producer-snapshot.ts';
import { APPEND_FLAG_INTERNAL } from '../../src/zerocopy/layout.ts';
import { FakeDisk } from '../support/fake-disk.ts';
import {
  append,
  batch,
  crc,
  FOLDER,
  inMemory,
  makeTools,
  marker,
  NOW_MS,
  open,
  queue,
  SMALL,
  TOPIC_ID,
} from './storage-kit.ts';

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** Without the checksum in white space at the end of the last row, which Kafka's readers pass over. */
function unsealed(disk: FakeDisk, path: string): string {
  return text(disk, path).replace(/[ \t]{32}\n$/, '\n');
}

function text(disk: FakeDisk, path: string): string {
  return Buffer.from(disk.contentOf(path)).toString();
}

describe('files of a partition', () => {
  it('have the names and contents that Kafka gives them', () => {
    const disk = new FakeDisk();
    const log = open(makeTools(disk).tools, { leaderEpoch: 2 });
    append(log, batch({ count: 3 }));
    log.beginEpoch(5);
    append(log, batch());
    log.close(true);
    expect(disk.list(FOLDER).sort()).toEqual([
      '00000000000000000000.index',
      '00000000000000000000.log',
      '00000000000000000000.timeindex',
      '00000000000000000004.snapshot',
      'leader-epoch-checkpoint',
      'partition.metadata',
    ]);
    expect(unsealed(disk, `${FOLDER}/leader-epoch-checkpoint`)).toBe('0\n2\n2 0\n5 3\n');
    expect(text(disk, `${FOLDER}/partition.metadata`)).toBe(`version: 0\ntopic_id: ${TOPIC_ID}`);
    expect(hex(disk.contentOf(`${FOLDER}/00000000000000000004.snapshot`)).slice(0, 4)).toBe('0001');
  });

  it('index the last offset and position of about every n-th batch, and the largest timestamp with it', () => {
    const disk = new FakeDisk();
    const length = batch({ count: 2 }).length;
    const log = open(makeTools(disk).tools, { settings: { ...SMALL, indexIntervalBytes: length } });
    for (let index = 0; index < 5; index++) append(log, batch({ timestamps: [0x1000 + index, 0x1000 + index] }));
    log.close(true);
    // More than one batch of bytes must lie since the last entry: batches 2 and 4.
    const entry = (relative: number, position: number) =>
      `${relative.toString(16).padStart(8, '0')}${position.toString(16).padStart(8, '0')}`;
    expect(hex(disk.contentOf(`${FOLDER}/00000000000000000000.index`))).toBe(
      entry(5, length * 2) + entry(9, length * 4),
    );
    const time = (timestamp: number, relative: number) =>
      `${timestamp.toString(16).padStart(16, '0')}${relative.toString(16).padStart(8, '0')}`;
    expect(hex(disk.contentOf(`${FOLDER}/00000000000000000000.timeindex`))).toBe(time(0x1002, 5) + time(0x1004, 9));
  });

  it('list an aborted transaction in 34 bytes', () => {
    const disk = new FakeDisk();
    const log = open(makeTools(disk).tools);
    append(
      log,
      batch(),
      batch({ producerId: 258, producerEpoch: 0, baseSequence: 0, isTransactional: true, count: 2 }),
    );
    queue(log, marker(258, 0, false), APPEND_FLAG_INTERNAL);
    log.flushWrites();
    const number = (value: number) => value.toString(16).padStart(16, '0');
    expect(hex(disk.contentOf(`${FOLDER}/00000000000000000000.txnindex`))).toBe(
      `0000${number(258)}${number(1)}${number(3)}${number(4)}`,
    );
  });

  it('begin a new segment with a producer snapshot of its name', () => {
    const disk = new FakeDisk();
    const log = open(makeTools(disk).tools);
    append(log, batch({ count: 3 }));
    expect(log.roll(NOW_MS)).toBe(true);
    const filesOf = (base: number) => disk.list(FOLDER).filter((name) => Number.parseInt(name, 10) === base);
    expect(filesOf(0)).toEqual(['log', 'index', 'timeindex'].map((suffix) => `00000000000000000000.${suffix}`).sort());
    expect(filesOf(3)).toEqual(['log', 'snapshot'].map((suffix) => `00000000000000000003.${suffix}`));
    // Kafka takes a segment without index files for damaged.
    log.close(true);
    for (const suffix of ['index', 'timeindex'])
      expect(disk.stat(`${FOLDER}/00000000000000000003.${suffix}`)).not.toBeNull();
  });
});

describe('a producer snapshot', () => {
  it('has one entry of 46 bytes a producer, behind version, checksum and count', () => {
    const disk = new FakeDisk();
    const ledger = new ProducerLedger();
    ledger.record(258, 3, 16, 100, 102, 0x1234, true, NOW_MS);
    const bytes = encodeSnapshot(disk, crc, ledger);
    const entry = [
      '0000000000000102', // producer id
      '0003', // epoch
      '00000012', // last sequence
      '0000000000000066', // last offset
      '00000002', // delta to the first
      '0000000000001234', // timestamp
      'ffffffff', // coordinator epoch
      '0000000000000064', // open since
    ].join('');
    expect(hex(bytes.slice(0, 2))).toBe('0001');
    expect(hex(bytes.slice(6))).toBe(`00000001${entry}`);
    const stored = new DataView(bytes.buffer, bytes.byteOffset).getUint32(2);
    expect(stored).toBe(crc(inMemory(bytes.slice(6)), 0, bytes.length - 6) >>> 0);
  });

  it('has an entry for each batch that is remembered, the last one last, so that all are recognised again', () => {
    const disk = new FakeDisk();
    const ledger = new ProducerLedger();
    for (let batch = 0; batch < 7; batch++)
      ledger.record(258, 3, batch * 10, batch * 10, batch * 10 + 9, NOW_MS + batch, batch >= 5, NOW_MS);
    ledger.record(259, 0, 0, 70, 70, NOW_MS, false, NOW_MS);
    const bytes = encodeSnapshot(disk, crc, ledger).slice();
    const view = new DataView(bytes.buffer);
    expect(view.getInt32(6)).toBe(6);
    const column = (at: number) => [0, 1, 2, 3, 4, 5].map((row) => Number(view.getBigInt64(10 + row * 46 + at)));
    expect(column(0)).toEqual([258, 258, 258, 258, 258, 259]);
    expect(column(14)).toEqual([29, 39, 49, 59, 69, 70]);
    expect(column(38)).toEqual([-1, -1, -1, -1, 50, -1]);
    const loaded = new ProducerLedger();
    expect(decodeSnapshot(inMemory(bytes), bytes.length, crc, loaded, NOW_MS)).toBe(true);
    const entry = loaded.find(258);
    expect(entry).toMatchObject({ epoch: 3, lastSequence: 69, lastOffset: 69, openFirstOffset: 50 });
    const found = [1, 2, 3, 4, 5, 6].map((batch) => entry?.find(batch * 10, batch * 10 + 9) ?? -1);
    expect(found.map((index) => (index < 0 ? -1 : entry?.baseOffsetAt(index)))).toEqual([-1, 20, 30, 40, 50, 60]);
  });

  it('is read back as it was, and not at all when a bit is wrong', () => {
    const disk = new FakeDisk();
    const ledger = new ProducerLedger();
    ledger.record(1, 0, 2_147_483_646, 10, 12, NOW_MS, false, NOW_MS);
    const bytes = encodeSnapshot(disk, crc, ledger).slice();
    const loaded = new ProducerLedger();
    expect(decodeSnapshot(inMemory(bytes), bytes.length, crc, loaded, NOW_MS)).toBe(true);
    expect(loaded.find(1)).toMatchObject({ epoch: 0, lastSequence: 0, lastOffset: 12, lastDelta: 2 });
    for (let at = 0; at < bytes.length; at++) {
      const damaged = bytes.slice();
      damaged[at] = (damaged[at] ?? 0) ^ 0x10;
      expect(decodeSnapshot(inMemory(damaged), damaged.length, crc, new ProducerLedger(), NOW_MS)).toBe(false);
    }
  });
});

describe('checkpoint files', () => {
  it('are text that Kafka reads', () => {
    const disk = new FakeDisk();
    disk.makeFolder('data');
    writeCheckpoint(disk, 'data/c', [
      { topic: 'orders', partition: 0, offset: 17 },
      { topic: 'a.b_c-d', partition: 11, offset: 0 },
    ]);
    expect(unsealed(disk, 'data/c')).toBe('0\n2\norders 0 17\na.b_c-d 11 0\n');
    expect(readCheckpoint(disk, 'data/c')).toEqual(
      new Map([
        ['orders-0', 17],
        ['a.b_c-d-11', 0],
      ]),
    );
  });

  it('vouch for nothing when a line is damaged or missing', () => {
    const disk = new FakeDisk();
    disk.makeFolder('data');
    for (const content of ['', '1\n0\n', '0\n2\norders 0 17\n', '0\n1\norders 0 -1\n', '0\n1\n../x 0 1\n', '0\nx\n']) {
      disk.replaceFile('data/c', Buffer.from(content));
      expect(readCheckpoint(disk, 'data/c')).toEqual(new Map());
    }
    expect(readCheckpoint(disk, 'data/missing').size).toBe(0);
  });

  it('remember the boot that bytes were written under', () => {
    const disk = new FakeDisk();
    disk.makeFolder('data');
    writeWritten(disk, 'data/w', 'boot-1', [{ topic: 't', partition: 1, offset: 9 }]);
    expect(readWritten(disk, 'data/w')).toEqual({ bootId: 'boot-1', offsets: new Map([['t-1', 9]]) });
  });

  it('keep epochs in order', () => {
    expect(parseEpochs(Buffer.from('0\n2\n0 0\n3 77\n'))).toEqual([
      { epoch: 0, startOffset: 0 },
      { epoch: 3, startOffset: 77 },
    ]);
    expect(parseEpochs(Buffer.from('0\n2\n0 0\n'))).toBeNull();
    // A power cut took the end of its last row, and the checksum with it.
    expect(parseEpochs(Buffer.from('0\n2\n0 0\n3 7'))).toBeNull();
  });
});
