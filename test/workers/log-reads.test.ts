import { describe, expect, test } from 'vitest';
import { APPEND_FLAG_INTERNAL, READ_FLAG_COMMITTED, RECEIPT_ABORTED, RECEIPT_READ } from '../../src/zerocopy/layout.ts';
import { batch, marker } from '../storage/storage-kit.ts';
import { makeRig } from './rig-of-test.ts';

const KAFKA_STORAGE_ERROR = 56;
describe('a file that cannot be opened', () => {
  test('is a storage error of that read, which then holds no lease', () => {
    const rig = makeRig();
    rig.open(0);
    const transactional = { producerId: 7, producerEpoch: 0, baseSequence: 0, isTransactional: true };
    rig.append(0, batch(transactional), 1, 0, APPEND_FLAG_INTERNAL);
    rig.append(0, marker(7, 0, false), 2, 0, APPEND_FLAG_INTERNAL);
    rig.publish();
    rig.turn();
    rig.closePartition(0);
    rig.settle();
    rig.take();
    const partition = rig.open(0);
    const ask = (exchange: number) => {
      rig.read(0, 0, exchange, 0, 1 << 20, -1, READ_FLAG_COMMITTED);
      rig.publish();
      rig.turn();
      return rig.take();
    };
    // The batches are open since the log was; what fails is the file of aborted transactions.
    for (const operation of ['open', 'read'] as const) {
      for (let look = 0; look < 2; look++) rig.disk.failNext(operation, 'EIO');
      expect(
        ask(3).map(({ error }) => error),
        operation,
      ).toEqual([KAFKA_STORAGE_ERROR]);
      expect(partition.log.leaseCount).toBe(0);
      rig.disk.forgive();
    }
    // The aborted transaction comes before the read itself.
    expect(ask(4).map(({ kind }) => kind)).toEqual([RECEIPT_ABORTED, RECEIPT_READ]);
    expect(partition.log.leaseCount).toBe(1);
  });
});
