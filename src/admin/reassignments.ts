/**
 * Elections and moves of replicas on one node: this broker leads every partition and holds its only replica, so there is
 * nothing to elect, and the only assignment possible is the one that is there. The codes are those of Kafka.
 */
import type { Controller } from '../cluster/controller.ts';
import { errorCode } from '../protocol/errors.ts';
import { type Refusal, refuse } from './refusal.ts';

const ELECTION_PREFERRED = 0;
const ELECTION_UNCLEAN = 1;

/** Null for a kind of election that there is. */
export function refusalOfElectionType(type: number): Refusal | null {
  if (type === ELECTION_PREFERRED || type === ELECTION_UNCLEAN) return null;
  return refuse(
    errorCode.INVALID_REQUEST,
    `there are no elections of the type ${type}; use 0 (preferred) or 1 (unclean)`,
  );
}

export function refusalOfElection(controller: Controller, topic: string, partition: number): Refusal {
  return (
    refusalOfPartition(controller, topic, partition) ??
    refuse(errorCode.ELECTION_NOT_NEEDED, 'this broker leads the partition already')
  );
}

/** `replicas` null cancels a move. Null: the partition is as asked for. */
export function refusalOfReassignment(
  controller: Controller,
  topic: string,
  partition: number,
  replicas: readonly number[] | null,
): Refusal | null {
  const unknown = refusalOfPartition(controller, topic, partition);
  if (unknown !== null) return unknown;
  if (replicas === null) return refuse(errorCode.NO_REASSIGNMENT_IN_PROGRESS, 'no move of this partition is under way');
  const nodeId = controller.config.values['node.id'];
  const problem = problemOfReplicas(replicas, nodeId);
  return problem === null ? null : refuse(errorCode.INVALID_REPLICA_ASSIGNMENT, problem);
}

function problemOfReplicas(replicas: readonly number[], nodeId: number): string | null {
  if (replicas.length === 0) return `the assignment names no broker; name ${nodeId}`;
  if (new Set(replicas).size < replicas.length) return 'the assignment names a broker twice; name it once';
  const unknown = replicas.find((id) => id !== nodeId);
  return unknown === undefined
    ? null
    : `the assignment names the broker ${unknown}, which does not exist; name ${nodeId}`;
}

function refusalOfPartition(controller: Controller, topic: string, partition: number): Refusal | null {
  if (controller.placeOf(topic, partition) !== null) return null;
  const message = controller.catalog.topicsByName.has(topic)
    ? `the topic '${topic}' has no partition ${partition}`
    : `there is no topic '${topic}'`;
  return refuse(errorCode.UNKNOWN_TOPIC_OR_PARTITION, message);
}
