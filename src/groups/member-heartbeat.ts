/**
 * What a member says in ConsumerGroupHeartbeat, and which requests make no sense whatever the state of the group is.
 * Fields that did not change since the last heartbeat come as null (-1 for the timeout).
 */
import { errorCode } from '../protocol/errors.ts';
import type { TopicPartitions } from './assignment.ts';
import { LEAVE_EPOCH, LEAVE_STATIC_EPOCH } from './consumer-member.ts';
import { GroupRefusal } from './group-refusal.ts';

export interface MemberHeartbeat {
  readonly groupId: string;
  /** Empty: the broker is to give one (version 0 only). */
  readonly memberId: string;
  /** 0 joins, -1 leaves, -2 leaves for a while as a static member. */
  readonly memberEpoch: number;
  readonly instanceId: string | null;
  readonly rackId: string | null;
  readonly rebalanceTimeoutMs: number;
  readonly topicNames: readonly string[] | null;
  readonly topicPattern: string | null;
  readonly assignorName: string | null;
  readonly owned: readonly TopicPartitions[] | null;
  readonly clientId: string;
  readonly clientHost: string;
  /** Its pattern stands for topics that this says yes to; null or left out: for all. */
  readonly seesTopic?: ((name: string) => boolean) | null;
}

/** From this version of the API on members make their ids themselves. */
const OWN_ID_VERSION = 1;

export function checkHeartbeat(command: MemberHeartbeat, apiVersion: number, assignors: readonly string[]): void {
  const { memberEpoch } = command;
  if (apiVersion >= OWN_ID_VERSION || memberEpoch > 0 || memberEpoch === LEAVE_EPOCH)
    refuseBlank(command.memberId, 'the member id');
  refuseBlank(command.groupId, 'the group id');
  refuseBlank(command.instanceId, 'the instance id');
  refuseBlank(command.rackId, 'the rack id');
  if (memberEpoch === 0) checkJoin(command);
  if (memberEpoch === LEAVE_STATIC_EPOCH && command.instanceId === null)
    refuse('Only a member with an instance id can leave for a while.');
  if (memberEpoch < LEAVE_STATIC_EPOCH) refuse(`A member epoch of ${memberEpoch} has no meaning.`);
  if (command.assignorName !== null && !assignors.includes(command.assignorName)) {
    throw new GroupRefusal(
      errorCode.UNSUPPORTED_ASSIGNOR,
      `There is no assignor ${command.assignorName} here; use one of ${assignors.join(', ')}.`,
    );
  }
}

function checkJoin({ rebalanceTimeoutMs, owned, topicNames, topicPattern }: MemberHeartbeat): void {
  if (rebalanceTimeoutMs === -1) refuse('Who joins has to say its rebalance timeout.');
  if (owned === null || owned.length > 0) refuse('Who joins has to say that it owns no partitions.');
  if (topicNames === null && topicPattern === null) refuse('Who joins has to say which topics it reads.');
}

function refuseBlank(text: string | null, what: string): void {
  if (text !== null && text.trim() === '') refuse(`Of a heartbeat ${what} must not be empty.`);
}

function refuse(message: string): never {
  throw new GroupRefusal(errorCode.INVALID_REQUEST, message);
}
