/** A data folder that Apache Kafka wrote, opened by the broker: the same topics, the same records at the same offsets. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { BrokerProcess } from './broker-process.ts';
import { MIXED_PARTITIONS, readWhole, writeMixedLoad } from './data-folder.ts';
import { clientsCache, describeInstalled } from './foreign-client.ts';
import { KafkaProcess } from './kafka-process.ts';

const TOPIC = 'from-kafka';
const TIMEOUT_MS = 180_000;

describeInstalled('a data folder of Apache Kafka', [join(clientsCache, 'java', 'lib')], () => {
  it(
    'is served as it is: every record at its offset',
    async () => {
      const kafka = await KafkaProcess.start();
      try {
        const written = await writeMixedLoad(kafka.port, TOPIC);
        const expected = await readWhole(kafka.port, TOPIC);
        expect(expected.map((lines) => lines.length)).toEqual(written);
        await kafka.stop();
        const broker = await BrokerProcess.start({ dataFolder: kafka.dataFolder });
        try {
          const found = await readWhole(broker.port, TOPIC);
          for (let partition = 0; partition < MIXED_PARTITIONS; partition++) {
            expect(found[partition]?.length).toBe(expected[partition]?.length);
            expect(found[partition]?.find((line, at) => line !== expected[partition]?.[at])).toBe(undefined);
          }
        } finally {
          expect(await broker.stop(), broker.output).toBe(0);
        }
      } finally {
        await kafka.dispose();
      }
    },
    TIMEOUT_MS,
  );
});
