/** The cluster as such: its brokers, what each of them speaks, the features agreed on, the metadata quorum, elections. */
import { electLeaders } from '../../protocol/schemas/43-elect-leaders.ts';
import { describeQuorum } from '../../protocol/schemas/55-describe-quorum.ts';
import { describeCluster } from '../../protocol/schemas/60-describe-cluster.ts';
import { checkAnswer } from '../answer-error.ts';
import type { FinalizedFeature } from '../connection.ts';
import { topicsOf } from '../group-offsets.ts';
import type { BrokerView } from '../metadata.ts';
import { placeOf, type TopicPartition } from '../record.ts';
import { type AdminRequests, errorOf, type Outcome } from './admin-requests.ts';

export interface DescribedCluster {
  readonly clusterId: string;
  readonly controllerId: number;
  readonly brokers: readonly BrokerView[];
}

export interface BrokerApis {
  readonly broker: BrokerView;
  readonly apis: readonly { readonly key: number; readonly min: number; readonly max: number }[];
  readonly features: readonly FinalizedFeature[];
}

export interface QuorumReplica {
  readonly replicaId: number;
  readonly logEndOffset: number;
  readonly lastFetchTimestamp: number;
  readonly lastCaughtUpTimestamp: number;
}

export interface DescribedQuorum {
  readonly leaderId: number;
  readonly leaderEpoch: number;
  readonly highWatermark: number;
  readonly voters: readonly QuorumReplica[];
  readonly observers: readonly QuorumReplica[];
}

const METADATA_TOPIC = '__cluster_metadata';
const PREFERRED = 0;
const UNCLEAN = 1;

export class ClusterAdmin {
  readonly #requests: AdminRequests;

  constructor(requests: AdminRequests) {
    this.#requests = requests;
  }

  async describe(): Promise<DescribedCluster> {
    return this.#requests.toAny('describing the cluster', async (connection) => {
      if (!connection.hasApi(describeCluster)) {
        const { cluster } = this.#requests;
        await cluster.refresh([]);
        return { clusterId: cluster.clusterId ?? '', controllerId: cluster.controllerId, brokers: cluster.brokers };
      }
      const answer = await connection.request(describeCluster, {});
      checkAnswer(answer.errorCode, 'describing the cluster', answer.errorMessage);
      const brokers = answer.brokers.map(({ brokerId: nodeId, host, port, rack }) => ({ nodeId, host, port, rack }));
      return { clusterId: answer.clusterId, controllerId: answer.controllerId, brokers };
    });
  }

  /** What each broker of the cluster states in ApiVersions. */
  async apis(): Promise<BrokerApis[]> {
    return this.#requests.toAll('asking for versions', async (connection, broker) => ({
      broker,
      apis: connection.brokerApis.map(([key, min, max]) => ({ key, min, max })),
      features: connection.features,
    }));
  }

  async quorum(): Promise<DescribedQuorum> {
    return this.#requests.toAny('describing the quorum', async (connection) => {
      const topics = [{ topicName: METADATA_TOPIC, partitions: [{ partitionIndex: 0 }] }];
      const answer = await connection.request(describeQuorum, { topics });
      checkAnswer(answer.errorCode, 'describing the quorum', answer.errorMessage);
      const found = answer.topics[0]?.partitions[0];
      checkAnswer(found?.errorCode ?? 0, 'describing the quorum', found?.errorMessage ?? null);
      return {
        leaderId: found?.leaderId ?? -1,
        leaderEpoch: found?.leaderEpoch ?? -1,
        highWatermark: found?.highWatermark ?? -1,
        voters: found?.currentVoters ?? [],
        observers: found?.observers ?? [],
      };
    });
  }

  /** Of all partitions, or some. Partitions whose preferred leader leads have ELECTION_NOT_NEEDED. */
  async electLeaders(
    partitions: readonly TopicPartition[] | null,
    options: { readonly isUnclean?: boolean } = {},
  ): Promise<(TopicPartition & Outcome)[]> {
    const topics =
      partitions === null
        ? null
        : topicsOf(partitions, ({ partition }) => partition).map(({ name, partitions: some }) => ({
            topic: name,
            partitions: some,
          }));
    const answer = await this.#requests.toController('electing leaders', async (connection) => {
      const electionType = options.isUnclean === true ? UNCLEAN : PREFERRED;
      const body = { electionType, topicPartitions: topics, timeoutMs: this.#requests.timeoutMs };
      const elected = await connection.request(electLeaders, body);
      checkAnswer(elected.errorCode, 'electing leaders');
      return elected;
    });
    return answer.replicaElectionResults.flatMap(({ topic, partitionResult }) =>
      partitionResult.map(({ partitionId: partition, errorCode: code, errorMessage }) => {
        const error = errorOf(code, `electing a leader of ${placeOf(topic, partition)}`, errorMessage);
        return { topic, partition, error };
      }),
    );
  }
}
