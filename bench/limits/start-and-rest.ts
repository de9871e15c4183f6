/** How soon a started broker acknowledges its first batch, and how much memory it holds while nobody asks for anything. */
import { Producer } from '../../src/client/producer.ts';
import { BenchServer } from '../load/bench-server.ts';

export interface StartFigures {
  readonly firstAckMs: number;
  readonly idleResidentBytes: number;
}

const IDLE_PARTITIONS = 64;
const SETTLE_MS = 2000;
const STARTS = 3;

export async function measureStart(brokerArguments: readonly string[]): Promise<StartFigures> {
  const firstAcksMs: number[] = [];
  let idleResidentBytes = 0;
  for (let start = 0; start < STARTS; start++) {
    const beginMs = performance.now();
    const server = await BenchServer.start({ broker: null, pid: 0, brokerArguments });
    try {
      await server.admin.createTopic({ name: 'first', partitions: 1, replicationFactor: 1 });
      const producer = new Producer(server.cluster);
      await producer.send('first', 0, [{ key: null, value: Buffer.from('first'), timestamp: Date.now() }]);
      firstAcksMs.push(performance.now() - beginMs);
      if (start < STARTS - 1) continue;
      await server.admin.createTopic({ name: 'idle', partitions: IDLE_PARTITIONS, replicationFactor: 1 });
      await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
      idleResidentBytes = server.residentBytes();
    } finally {
      await server.stop();
    }
  }
  firstAcksMs.sort((one, other) => one - other);
  return { firstAckMs: firstAcksMs[Math.floor(STARTS / 2)] ?? 0, idleResidentBytes };
}
