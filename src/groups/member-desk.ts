/**
 * Where JoinGroup, SyncGroup, Heartbeat and LeaveGroup arrive: members that speak the classic protocol are in a classic
 * group, or guests of a consumer group; they do not know which. Called by `apis/` with the shard that keeps the group.
 */
import { errorCode } from '../protocol/errors.ts';
import { type JoinAnswer, refusedJoin, refusedSync, type SyncAnswer } from './classic-effects.ts';
import type { ClassicGroups, JoinWish } from './classic-groups.ts';
import type { HeartbeatCommand, LeaveCommand, SyncCommand } from './classic-sync.ts';
import type { ConsumerGroup } from './consumer-group.ts';
import type { ConsumerGroups } from './consumer-groups.ts';
import { CONSUMER_PROTOCOL_TYPE } from './consumer-protocol.ts';
import type { GroupShard } from './group-shard.ts';

export class MemberDesk {
  private readonly classic: ClassicGroups;
  private readonly consumer: ConsumerGroups;

  constructor(classic: ClassicGroups, consumer: ConsumerGroups) {
    this.classic = classic;
    this.consumer = consumer;
  }

  async join(shard: GroupShard, wish: JoinWish): Promise<JoinAnswer> {
    const { member } = wish;
    const group = hostOf(shard, wish.groupId);
    if (group === null) return await this.classic.join(shard, wish);
    const refusal = this.classic.refusalOf(member);
    if (refusal !== errorCode.NONE) return refusedJoin(refusal, member.memberId);
    if (group.isEmpty) {
      if (member.memberId !== '') return refusedJoin(errorCode.UNKNOWN_MEMBER_ID, member.memberId);
      // Nobody is left who spoke the newer protocol: the group begins anew as a classic one, also when the join is refused.
      shard.forget(group);
      this.classic.create(shard, wish.groupId);
      const code = await shard.append(group.tombstones());
      if (code !== errorCode.NONE) return refusedJoin(code, member.memberId);
      // Somebody of the newer protocol may have come meanwhile.
      return await this.join(shard, wish);
    }
    const reply = await this.consumer.join(shard, group, {
      ...member,
      protocolType: wish.protocolType,
      mustKnowId: wish.mustKnowId && member.memberId === '' && member.instanceId === null,
    });
    if (reply.answer === null) return refusedJoin(reply.errorCode, '');
    const { memberId, generationId, protocolName } = reply.answer;
    if (reply.answer.errorCode !== errorCode.NONE) return refusedJoin(reply.answer.errorCode, memberId);
    return {
      errorCode: errorCode.NONE,
      generationId,
      protocolType: CONSUMER_PROTOCOL_TYPE,
      protocolName,
      // Nobody leads: the broker assigns.
      leader: '',
      skipAssignment: false,
      memberId,
      members: [],
    };
  }

  async sync(shard: GroupShard, groupId: string, command: Omit<SyncCommand, 'ticket'>): Promise<SyncAnswer> {
    const group = hostOf(shard, groupId);
    if (group === null) return await this.classic.sync(shard, groupId, command);
    const reply = await this.consumer.sync(shard, group, command);
    if (reply.answer === null) return refusedSync(reply.errorCode);
    if (reply.answer.errorCode !== errorCode.NONE) return refusedSync(reply.answer.errorCode);
    const { protocolType, protocolName } = command;
    return { errorCode: errorCode.NONE, protocolType, protocolName, assignment: reply.answer.assignment };
  }

  async heartbeat(shard: GroupShard, groupId: string, command: HeartbeatCommand): Promise<number> {
    const group = hostOf(shard, groupId);
    if (group === null) return this.classic.heartbeat(shard, groupId, command);
    const reply = await this.consumer.guestHeartbeat(shard, group, command);
    return reply.answer ?? reply.errorCode;
  }

  /** Error codes in the order of the members; one for all where the group says no; null: no such group. */
  async leave(shard: GroupShard, groupId: string, command: LeaveCommand): Promise<readonly number[] | null> {
    const group = hostOf(shard, groupId);
    if (group === null) return this.classic.leave(shard, groupId, command);
    const reply = await this.consumer.leave(shard, group, command.members);
    return reply.answer ?? command.members.map(() => reply.errorCode);
  }
}

function hostOf(shard: GroupShard, groupId: string): ConsumerGroup | null {
  const group = shard.groups.get(groupId);
  return group?.kind === 'consumer' ? group : null;
}
