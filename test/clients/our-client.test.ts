/** Our own small client against the built broker (or Apache Kafka): every codec, keys, headers, timestamps, offsets. */
import { expect, it } from 'vitest';
import { Consumer, EARLIEST, LATEST } from '../../src/client/consumer.ts';
import { ClusterView } from '../../src/client/metadata.ts';
import { Producer } from '../../src/client/producer.ts';
import { codecByName } from '../../src/protocol/compression.ts';
import type { BatchRecord } from '../../src/protocol/records.ts';
import { codecNames, expectedRecord, Ledger } from './expected-records.ts';
import { describeForeign, PARTITIONS, recordsPerCodec, wholeOutcome } from './foreign-client.ts';
import { makeTopic } from './server-under-test.ts';

const RECORDS_PER_BATCH = 500;

function isSame(record: BatchRecord, i: number): boolean {
  const expected = expectedRecord(i);
  return (
    record.value !== null &&
    expected.value.equals(record.value) &&
    record.timestamp === expected.timestamp &&
    record.headers.length === 2 &&
    record.headers.every((header, index) => {
      const wanted = expected.headers[index];
      return wanted?.key === header.key && Buffer.from(wanted.value ?? []).equals(header.value ?? Buffer.from('null'));
    })
  );
}

describeForeign('our own client', [], (server) => {
  for (const codec of codecNames) {
    it(`gets back what it wrote with ${codec}`, async () => {
      const topic = `own-${codec}`;
      await makeTopic(server(), topic, PARTITIONS);
      const cluster = new ClusterView({ brokers: [{ host: '127.0.0.1', port: server().port }] });
      const producer = new Producer(cluster, { codec: codecByName(codec), isIdempotent: codec === 'lz4' });
      const perPartition = Math.ceil(recordsPerCodec / PARTITIONS);
      const ledger = new Ledger(perPartition * PARTITIONS);
      for (let from = 0; from < perPartition; from += RECORDS_PER_BATCH) {
        const count = Math.min(RECORDS_PER_BATCH, perPartition - from);
        const receipts = await Promise.all(
          Array.from({ length: PARTITIONS }, (_, partition) =>
            producer.send(
              topic,
              partition,
              Array.from({ length: count }, (_unused, at) => expectedRecord((from + at) * PARTITIONS + partition)),
            ),
          ),
        );
        expect(receipts.map((receipt) => receipt.baseOffset)).toEqual(receipts.map(() => from));
      }
      const consumer = new Consumer(cluster);
      for (let partition = 0; partition < PARTITIONS; partition++) {
        expect(await consumer.findOffset(topic, partition, EARLIEST)).toBe(0);
        const end = await consumer.findOffset(topic, partition, LATEST);
        expect(end).toBe(perPartition);
        let next = 0;
        for await (const record of consumer.read(topic, partition, 0, end)) {
          expect(record.offset).toBe(next++);
          ledger.take(Buffer.from(record.key ?? []).toString(), (i) => isSame(record, i));
        }
      }
      await cluster.close();
      expect(ledger.outcome()).toEqual(wholeOutcome(perPartition * PARTITIONS));
    });
  }
});
