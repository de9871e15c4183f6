/** Groups of every kind: list, describe with members and what they hold, delete. Offsets are `group-positions.ts`. */
import { errorCode } from '../../protocol/errors.ts';
import { leaveGroup } from '../../protocol/schemas/13-leave-group.ts';
import { describeGroups } from '../../protocol/schemas/15-describe-groups.ts';
import { listGroups } from '../../protocol/schemas/16-list-groups.ts';
import { deleteGroups } from '../../protocol/schemas/42-delete-groups.ts';
import { consumerGroupDescribe } from '../../protocol/schemas/69-consumer-group-describe.ts';
import { shareGroupDescribe } from '../../protocol/schemas/77-share-group-describe.ts';
import { AnswerError, checkAnswer, errorCodeOf } from '../answer-error.ts';
import type { Connection } from '../connection.ts';
import { decodeAssignment, decodeSubscription } from '../consuming/consumer-protocol.ts';
import type { TopicPartition } from '../record.ts';
import { type AdminRequests, errorOf, type Outcome } from './admin-requests.ts';

export type GroupType = 'classic' | 'consumer' | 'share' | 'streams' | 'unknown';

export interface ListedGroup {
  readonly groupId: string;
  readonly type: GroupType;
  readonly state: string;
  /** Of classic groups: 'consumer' for consumers, something else for others, empty for offsets without members. */
  readonly protocolType: string;
}

export interface DescribedMember {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly host: string;
  /** -1 in classic groups. */
  readonly epoch: number;
  readonly rackId: string | null;
  readonly subscribedTopics: readonly string[];
  readonly subscribedPattern: string | null;
  readonly assignment: readonly TopicPartition[];
  /** Where the group is going; null in classic groups. */
  readonly target: readonly TopicPartition[] | null;
}

export interface DescribedGroup extends Outcome {
  readonly groupId: string;
  readonly type: GroupType;
  readonly state: string;
  readonly protocolType: string;
  readonly assignor: string;
  /** -1 in classic groups. */
  readonly epoch: number;
  readonly assignmentEpoch: number;
  readonly coordinator: { readonly host: string; readonly port: number };
  readonly members: readonly DescribedMember[];
}

export interface GroupOutcome extends Outcome {
  readonly groupId: string;
}

const STATES_SINCE = 4;
const TYPES_SINCE = 5;
const NOTHING = { state: 'Dead', protocolType: '', assignor: '', epoch: -1, assignmentEpoch: -1, members: [] } as const;

export class GroupAdmin {
  readonly #requests: AdminRequests;

  constructor(requests: AdminRequests) {
    this.#requests = requests;
  }

  /** Empty filters let everything through. */
  async list(
    filters: { readonly states?: readonly string[]; readonly types?: readonly GroupType[] } = {},
  ): Promise<ListedGroup[]> {
    const lists = await this.#requests.toAll('listing groups', async (connection) => {
      const version = connection.versionOf(listGroups);
      const answer = await connection.request(
        listGroups,
        {
          statesFilter: version >= STATES_SINCE ? (filters.states ?? []) : [],
          typesFilter: version >= TYPES_SINCE ? (filters.types ?? []) : [],
        },
        version,
      );
      checkAnswer(answer.errorCode, 'listing groups');
      return answer.groups.map(({ groupId, groupType, groupState: state, protocolType }) => ({
        groupId,
        type: version >= TYPES_SINCE ? typeOf(groupType) : ('classic' as const),
        state,
        protocolType,
      }));
    });
    return lists.flat().sort((one, other) => (one.groupId < other.groupId ? -1 : 1));
  }

  /** A group that is not there has an error and the state Dead. */
  async describe(groupIds: readonly string[]): Promise<DescribedGroup[]> {
    const types = new Map((await this.list()).map(({ groupId, type }) => [groupId, type]));
    return Promise.all(groupIds.map((groupId) => this.#describe(groupId, types.get(groupId) ?? 'classic')));
  }

  /** Only groups without members can be deleted; their offsets go with them. */
  async delete(groupIds: readonly string[]): Promise<GroupOutcome[]> {
    return Promise.all(
      groupIds.map(async (groupId) => {
        const answer = await this.#requests.toCoordinator('group', groupId, async (connection) => {
          const deleted = await connection.request(deleteGroups, { groupsNames: [groupId] });
          const code = deleted.results[0]?.errorCode ?? errorCode.UNKNOWN_SERVER_ERROR;
          const error = errorOf(code, `deleting group ${groupId}`, null);
          if (error?.isRetriable === true) throw error;
          return error;
        });
        return { groupId, error: answer };
      }),
    );
  }

  /** Sends members of a classic group away, by their instance or member ids. */
  async removeMembers(
    groupId: string,
    members: readonly { readonly memberId?: string; readonly groupInstanceId?: string }[],
    reason = 'removed by an administrator',
  ): Promise<Outcome[]> {
    const answer = await this.#requests.toCoordinator('group', groupId, async (connection) => {
      const left = await connection.request(leaveGroup, {
        groupId,
        memberId: '',
        members: members.map(({ memberId, groupInstanceId }) => ({
          memberId: memberId ?? '',
          groupInstanceId: groupInstanceId ?? null,
          reason,
        })),
      });
      checkAnswer(left.errorCode, `removing members of group ${groupId}`);
      return left;
    });
    return answer.members.map(({ memberId, groupInstanceId, errorCode: code }) => ({
      error: errorOf(code, `removing member ${groupInstanceId ?? memberId} of group ${groupId}`, null),
    }));
  }

  async #describe(groupId: string, type: GroupType): Promise<DescribedGroup> {
    const ask = type === 'consumer' ? describeConsumer : type === 'share' ? describeShare : describeClassic;
    try {
      return await this.#requests.toCoordinator('group', groupId, (connection) => ask(connection, groupId));
    } catch (error) {
      if (!(error instanceof AnswerError) || errorCodeOf(error) === 0) throw error;
      return { groupId, type, ...NOTHING, coordinator: { host: '', port: 0 }, error };
    }
  }
}

async function describeClassic(connection: Connection, groupId: string): Promise<DescribedGroup> {
  const answer = await connection.request(describeGroups, { groups: [groupId], includeAuthorizedOperations: false });
  const group = answer.groups[0];
  const what = `describing group ${groupId}`;
  if (group === undefined) throw new AnswerError(errorCode.UNKNOWN_SERVER_ERROR, what, 'the answer is empty');
  checkAnswer(group.errorCode, what, group.errorMessage);
  if (group.groupState === NOTHING.state) throw new AnswerError(errorCode.GROUP_ID_NOT_FOUND, what);
  const isConsumers = group.protocolType === 'consumer';
  return {
    groupId,
    type: 'classic',
    state: group.groupState,
    protocolType: group.protocolType,
    assignor: group.protocolData,
    epoch: -1,
    assignmentEpoch: -1,
    coordinator: { host: connection.host, port: connection.port },
    error: null,
    members: group.members.map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.groupInstanceId,
      clientId: member.clientId,
      host: member.clientHost,
      epoch: -1,
      rackId: null,
      subscribedTopics:
        isConsumers && member.memberMetadata.length > 0 ? decodeSubscription(member.memberMetadata).topics : [],
      subscribedPattern: null,
      assignment: isConsumers ? decodeAssignment(member.memberAssignment) : [],
      target: null,
    })),
  };
}

async function describeConsumer(connection: Connection, groupId: string): Promise<DescribedGroup> {
  const body = { groupIds: [groupId], includeAuthorizedOperations: false };
  const group = (await connection.request(consumerGroupDescribe, body)).groups[0];
  const what = `describing group ${groupId}`;
  if (group === undefined) throw new AnswerError(errorCode.UNKNOWN_SERVER_ERROR, what, 'the answer is empty');
  checkAnswer(group.errorCode, what, group.errorMessage);
  return {
    groupId,
    type: 'consumer',
    state: group.groupState,
    protocolType: 'consumer',
    assignor: group.assignorName,
    epoch: group.groupEpoch,
    assignmentEpoch: group.assignmentEpoch,
    coordinator: { host: connection.host, port: connection.port },
    error: null,
    members: group.members.map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.instanceId,
      clientId: member.clientId,
      host: member.clientHost,
      epoch: member.memberEpoch,
      rackId: member.rackId,
      subscribedTopics: member.subscribedTopicNames,
      subscribedPattern: member.subscribedTopicRegex === '' ? null : member.subscribedTopicRegex,
      assignment: placesOf(member.assignment),
      target: placesOf(member.targetAssignment),
    })),
  };
}

async function describeShare(connection: Connection, groupId: string): Promise<DescribedGroup> {
  const body = { groupIds: [groupId], includeAuthorizedOperations: false };
  const group = (await connection.request(shareGroupDescribe, body)).groups[0];
  const what = `describing group ${groupId}`;
  if (group === undefined) throw new AnswerError(errorCode.UNKNOWN_SERVER_ERROR, what, 'the answer is empty');
  checkAnswer(group.errorCode, what, group.errorMessage);
  return {
    groupId,
    type: 'share',
    state: group.groupState,
    protocolType: 'share',
    assignor: group.assignorName,
    epoch: group.groupEpoch,
    assignmentEpoch: group.assignmentEpoch,
    coordinator: { host: connection.host, port: connection.port },
    error: null,
    members: group.members.map((member) => ({
      memberId: member.memberId,
      groupInstanceId: null,
      clientId: member.clientId,
      host: member.clientHost,
      epoch: member.memberEpoch,
      rackId: member.rackId,
      subscribedTopics: member.subscribedTopicNames,
      subscribedPattern: null,
      assignment: placesOf(member.assignment),
      target: null,
    })),
  };
}

interface NamedPartitions {
  readonly topicPartitions: readonly { readonly topicName: string; readonly partitions: readonly number[] }[];
}

function placesOf({ topicPartitions }: NamedPartitions): TopicPartition[] {
  return topicPartitions.flatMap(({ topicName: topic, partitions }) =>
    partitions.map((partition) => ({ topic, partition })),
  );
}

function typeOf(text: string): GroupType {
  const type = text.toLowerCase();
  return type === 'classic' || type === 'consumer' || type === 'share' || type === 'streams' ? type : 'unknown';
}
