/**
 * The server that the tests with foreign clients speak to: our broker, or Apache Kafka when PERFBROKER_PEER=kafka, which
 * shows that a test and its foreign program are right before they accuse the broker.
 */
import { Admin } from '../../src/client/admin.ts';
import { ClusterView } from '../../src/client/metadata.ts';
import { BrokerProcess } from './broker-process.ts';
import { KafkaProcess } from './kafka-process.ts';

export interface ServerUnderTest {
  readonly address: string;
  readonly port: number;
  dispose(): Promise<void>;
}

export function startServer(): Promise<ServerUnderTest> {
  if (process.env['PERFBROKER_PEER'] === 'kafka') return KafkaProcess.start();
  return BrokerProcess.start({ arguments: ['--workers', '2'] });
}

/** Makes a topic and forgets the connection it took. */
export async function makeTopic(server: ServerUnderTest, name: string, partitions: number): Promise<void> {
  const cluster = new ClusterView({ brokers: [{ host: '127.0.0.1', port: server.port }] });
  try {
    await new Admin(cluster).createTopic({ name, partitions, replicationFactor: 1 });
  } finally {
    await cluster.close();
  }
}
