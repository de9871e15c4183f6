/** Heartbeat, versions 0 to 4: keeps the session of a member, and tells it when the group rebalances. */
import { OPERATION_READ } from '../protocol/acl.ts';
import { errorCode } from '../protocol/errors.ts';
import { heartbeat } from '../protocol/schemas/12-heartbeat.ts';
import { needsGroup } from './access.ts';
import { defineHandler } from './define.ts';

export const heartbeatHandler = defineHandler({
  api: heartbeat,
  access: [needsGroup(OPERATION_READ)],

  async handle(request, { services }) {
    const { groupId, memberId, generationId, groupInstanceId: instanceId } = request;
    if (groupId === '') return { errorCode: errorCode.INVALID_GROUP_ID };
    const { shard, errorCode: code } = services.groups.coordinator.shardOf(groupId);
    if (shard === null) {
      // While the group loads its members are taken to be alive, so that they need not join again for it.
      return { errorCode: code === errorCode.COORDINATOR_LOAD_IN_PROGRESS ? errorCode.NONE : code };
    }
    const command = { memberId, instanceId, generationId };
    return { errorCode: await services.groups.members.heartbeat(shard, groupId, command) };
  },

  refuse: (_request, refusal) => ({ errorCode: refusal.errorCode }),
});
