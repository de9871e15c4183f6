/**
 * ShareAcknowledge, versions 1 and 2 (KIP-932): what became of records that a member had taken up. Answered when the new
 * state is stored. Epoch -1 ends the member's share session; what it still holds is free again.
 */
import { OPERATION_READ, RESOURCE_TOPIC } from '../protocol/acl.ts';
import type { ElementOf, ResponseInputOf } from '../protocol/api.ts';
import { errorCode } from '../protocol/errors.ts';
import { shareAcknowledge } from '../protocol/schemas/79-share-acknowledge.ts';
import { EPOCH_OPENS } from '../shares/share-sessions.ts';
import { checks, needsGroup } from './access.ts';
import { defineHandler } from './define.ts';
import { type AcknowledgeOutcome, acknowledgeAll, callerOf, codeOfSession } from './share-acknowledgements.ts';

type Response = ResponseInputOf<typeof shareAcknowledge>;
type TopicAnswer = ElementOf<Response['responses']>;
type PartitionAnswer = ElementOf<TopicAnswer['partitions']>;

const NO_LEADER = { leaderId: 0, leaderEpoch: 0 };

export const shareAcknowledgeHandler = defineHandler({
  api: shareAcknowledge,
  access: [needsGroup(OPERATION_READ), checks(OPERATION_READ, RESOURCE_TOPIC)],

  async handle(request, context) {
    const caller = callerOf(request);
    if (caller === null) return failed(errorCode.INVALID_REQUEST);
    const { shares } = context.services;
    // Only a fetch opens a session.
    if (request.shareSessionEpoch === EPOCH_OPENS) return failed(errorCode.INVALID_SHARE_SESSION_EPOCH);
    const resumed = shares.sessions.resume({
      ...caller,
      epoch: request.shareSessionEpoch,
      connection: context.connection.id,
      added: [],
      forgotten: [],
    });
    if (resumed.kind === 'refused') return failed(codeOfSession(resumed.problem));
    const outcomes = await acknowledgeAll(context, caller, request.topics);
    if (resumed.kind === 'last') {
      await shares.delivery.release(caller.groupId, caller.memberId);
      shares.sessions.end(resumed.session);
    }
    return {
      errorCode: errorCode.NONE,
      acquisitionLockTimeoutMs: shares.settingsOf(caller.groupId).lockMs,
      responses: byTopic(outcomes),
      nodeEndpoints: [],
    };
  },

  refuse: (_request, refusal) => failed(refusal.errorCode),
});

function failed(code: number): Response {
  return { errorCode: code, acquisitionLockTimeoutMs: 0, responses: [], nodeEndpoints: [] };
}

function byTopic(outcomes: readonly AcknowledgeOutcome[]): TopicAnswer[] {
  const topics = new Map<string, PartitionAnswer[]>();
  for (const { topicId, partition, error, message } of outcomes) {
    const partitions = topics.get(topicId) ?? [];
    topics.set(topicId, partitions);
    partitions.push({ partitionIndex: partition, errorCode: error, errorMessage: message, currentLeader: NO_LEADER });
  }
  return [...topics].map(([topicId, partitions]) => ({ topicId, partitions }));
}
