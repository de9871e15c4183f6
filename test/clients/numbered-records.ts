/** Records whose values are the numbers from 0 on, spread over partitions: what tests of groups let their members read. */
import { ClusterView } from '../../src/client/metadata.ts';
import { Producer } from '../../src/client/producer.ts';

export async function writeNumbers(port: number, topic: string, partitions: number, count: number): Promise<void> {
  const cluster = new ClusterView({ brokers: [{ host: '127.0.0.1', port }] });
  try {
    const producer = new Producer(cluster);
    for (let partition = 0; partition < partitions; partition++) {
      const records = [];
      for (let number = partition; number < count; number += partitions) {
        records.push({ key: null, value: Buffer.from(String(number)), timestamp: 1_700_000_000_000 + number });
      }
      await producer.send(topic, partition, records);
    }
  } finally {
    await cluster.close();
  }
}
