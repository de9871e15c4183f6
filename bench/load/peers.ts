/**
 * The brokers of one bench: perfbroker, and Apache Kafka beside it where `--kafka` asks for it. Both run from the beginning to
 * the end; one rests while the other is loaded. Called by the bench mains.
 */
import { kafkaLaunch, startKafka } from '../compare/kafka-peer.ts';
import { BenchServer } from './bench-server.ts';

export interface Peer {
  readonly name: 'perfbroker' | 'Apache Kafka';
  readonly server: BenchServer;
  /** Where its files are, when that is known. */
  readonly dataFolder: string | null;
  stop(): Promise<void>;
}

export interface PeerWish {
  /** `host:port` of a perfbroker that runs already; null starts one. */
  readonly broker: string | null;
  readonly pid: number;
  /** The folder of an unpacked release of Apache Kafka, `maven` for Maven Central's jars, null for none. */
  readonly kafka: string | null;
  readonly brokerArguments: readonly string[];
}

/** The options of a command line that say so, and how they are read. */
export const peerOptions = {
  broker: { type: 'string' },
  pid: { type: 'string', default: '0' },
  kafka: { type: 'string' },
  'broker-args': { type: 'string', default: '' },
} as const;

/** For benches that must start the broker themselves. */
export const launchOptions = { kafka: peerOptions.kafka, 'broker-args': peerOptions['broker-args'] } as const;

const kafkaUsage = `  --kafka DIR|maven     Apache Kafka beside it: an unpacked release, or the jars of Maven Central
`;
const argumentsUsage = `  --broker-args TEXT    handed to the broker that is started
`;
export const launchUsage = `${kafkaUsage}${argumentsUsage}`;
export const peerUsage = `${kafkaUsage}  --broker host:port    a broker that runs already; without it one is started for the bench
  --pid N               that broker's process, for its CPU time and memory
${argumentsUsage}`;

interface PeerValues {
  readonly broker?: string | undefined;
  readonly pid?: string;
  readonly kafka?: string | undefined;
  readonly 'broker-args': string;
}

export function peerWishOf(values: PeerValues): PeerWish {
  return {
    broker: values.broker ?? null,
    pid: Number(values.pid ?? 0),
    kafka: values.kafka ?? null,
    brokerArguments: values['broker-args'].split(' ').filter((word) => word !== ''),
  };
}

export async function startPeers(wish: PeerWish): Promise<Peer[]> {
  const server = await BenchServer.start(wish);
  const ours: Peer = { name: 'perfbroker', server, dataFolder: server.dataFolder, stop: () => server.stop() };
  if (wish.kafka === null) return [ours];
  try {
    return [ours, await startKafkaPeer(wish.kafka)];
  } catch (error) {
    await ours.stop();
    throw error;
  }
}

async function startKafkaPeer(from: string): Promise<Peer> {
  const kafka = await startKafka(kafkaLaunch(from === 'maven' ? null : from));
  const server = await BenchServer.start({ broker: kafka.address, pid: kafka.pid, brokerArguments: [] });
  const stop = async (): Promise<void> => {
    await server.stop();
    await kafka.dispose();
  };
  return { name: 'Apache Kafka', server, dataFolder: kafka.dataFolder, stop };
}
