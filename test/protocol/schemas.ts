/** All schemas there are, for tests that hold for each of them. */
import type { Api } from '../../src/protocol/api.ts';
import { produce } from '../../src/protocol/schemas/00-produce.ts';
import { fetch } from '../../src/protocol/schemas/01-fetch.ts';
import { listOffsets } from '../../src/protocol/schemas/02-list-offsets.ts';
import { metadata } from '../../src/protocol/schemas/03-metadata.ts';
import { offsetCommit } from '../../src/protocol/schemas/08-offset-commit.ts';
import { offsetFetch } from '../../src/protocol/schemas/09-offset-fetch.ts';
import { findCoordinator } from '../../src/protocol/schemas/10-find-coordinator.ts';
import { joinGroup } from '../../src/protocol/schemas/11-join-group.ts';
import { heartbeat } from '../../src/protocol/schemas/12-heartbeat.ts';
import { leaveGroup } from '../../src/protocol/schemas/13-leave-group.ts';
import { syncGroup } from '../../src/protocol/schemas/14-sync-group.ts';
import { describeGroups } from '../../src/protocol/schemas/15-describe-groups.ts';
import { listGroups } from '../../src/protocol/schemas/16-list-groups.ts';
import { apiVersions } from '../../src/protocol/schemas/18-api-versions.ts';
import { createTopics } from '../../src/protocol/schemas/19-create-topics.ts';
import { deleteTopics } from '../../src/protocol/schemas/20-delete-topics.ts';
import { initProducerId } from '../../src/protocol/schemas/22-init-producer-id.ts';
import { offsetForLeaderEpoch } from '../../src/protocol/schemas/23-offset-for-leader-epoch.ts';
import { describeConfigs } from '../../src/protocol/schemas/32-describe-configs.ts';
import { createPartitions } from '../../src/protocol/schemas/37-create-partitions.ts';
import { deleteGroups } from '../../src/protocol/schemas/42-delete-groups.ts';
import { offsetDelete } from '../../src/protocol/schemas/47-offset-delete.ts';
import { describeCluster } from '../../src/protocol/schemas/60-describe-cluster.ts';
import { consumerGroupHeartbeat } from '../../src/protocol/schemas/68-consumer-group-heartbeat.ts';
import { consumerGroupDescribe } from '../../src/protocol/schemas/69-consumer-group-describe.ts';
import { describeTopicPartitions } from '../../src/protocol/schemas/75-describe-topic-partitions.ts';

export const everyApi: readonly Api[] = [
  produce,
  fetch,
  listOffsets,
  metadata,
  findCoordinator,
  apiVersions,
  createTopics,
  deleteTopics,
  initProducerId,
  offsetForLeaderEpoch,
  describeConfigs,
  createPartitions,
  describeCluster,
  describeTopicPartitions,
  offsetCommit,
  offsetFetch,
  joinGroup,
  heartbeat,
  leaveGroup,
  syncGroup,
  describeGroups,
  listGroups,
  deleteGroups,
  offsetDelete,
  consumerGroupHeartbeat,
  consumerGroupDescribe,
];
