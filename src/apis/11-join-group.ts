/**
 * JoinGroup, versions 0 to 9: answered when the next generation is formed, so it may wait for long. From version 4 on a
 * newcomer is first sent away with the member id it is to come back with; from 5 on members may be static; from 9 on a
 * leader may be told not to assign.
 */

import { NO_GENERATION } from '../groups/classic-effects.ts';
import type { ClassicProtocol } from '../groups/classic-member.ts';
import { OPERATION_READ } from '../protocol/acl.ts';
import type { RequestOf, ResponseInputOf } from '../protocol/api.ts';
import { errorCode } from '../protocol/errors.ts';
import { joinGroup } from '../protocol/schemas/11-join-group.ts';
import { needsGroup } from './access.ts';
import { type ControlContext, clientHost, defineHandler } from './define.ts';

type Request = RequestOf<typeof joinGroup>;
type Response = ResponseInputOf<typeof joinGroup>;

const REBALANCE_TIMEOUT_SINCE = 1;
const MEMBER_ID_FIRST_SINCE = 4;
const NULL_PROTOCOL_SINCE = 7;
const SKIPPING_SINCE = 9;

export const joinGroupHandler = defineHandler({
  api: joinGroup,
  access: [needsGroup(OPERATION_READ)],

  async handle(request, context) {
    const { apiVersion, services } = context;
    if (request.groupId === '') return refused(request, context, errorCode.INVALID_GROUP_ID);
    const { shard, errorCode: code } = services.groups.coordinator.shardOf(request.groupId);
    if (shard === null) return refused(request, context, code);
    const answer = await services.groups.members.join(shard, {
      groupId: request.groupId,
      protocolType: request.protocolType,
      member: {
        memberId: request.memberId,
        instanceId: request.groupInstanceId,
        clientId: context.clientId ?? '',
        clientHost: clientHost(context),
        sessionTimeoutMs: request.sessionTimeoutMs,
        rebalanceTimeoutMs:
          apiVersion < REBALANCE_TIMEOUT_SINCE ? request.sessionTimeoutMs : request.rebalanceTimeoutMs,
        protocols: distinct(request.protocols),
      },
      mustKnowId: apiVersion >= MEMBER_ID_FIRST_SINCE,
      canSkipAssignment: apiVersion >= SKIPPING_SINCE,
    });
    return { ...answer, protocolName: nameFor(context, answer.protocolName) };
  },

  refuse: (request, refusal, context) => refused(request, context, refusal.errorCode),
});

/** A protocol that is named twice counts once. */
function distinct(protocols: Request['protocols']): readonly ClassicProtocol[] {
  const names = new Set<string>();
  return protocols.filter(({ name }) => !names.has(name) && names.add(name));
}

/** An empty name is no name: that is '' in versions without null, and null in the others. */
function nameFor({ apiVersion }: ControlContext, name: string | null): string | null {
  return apiVersion < NULL_PROTOCOL_SINCE ? (name ?? '') : name === '' ? null : name;
}

function refused(request: Request, context: ControlContext, code: number): Response {
  return {
    errorCode: code,
    generationId: NO_GENERATION,
    protocolName: nameFor(context, null),
    leader: '',
    memberId: request.memberId,
    members: [],
  };
}
