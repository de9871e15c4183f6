/**
 * Creating and deleting topics as clients ask for it: every rule and every refusal in words. The controller does the
 * work; the rules run inside its serial section, so that what was checked still holds when it is done.
 */
import { must } from '../base/assert.ts';
import { KAFKA_METADATA_TOPIC } from '../cluster/adoption.ts';
import type { Catalog, CatalogTopic } from '../cluster/catalog.ts';
import type { Controller, TopicPlan } from '../cluster/controller.ts';
import type { BrokerConfig } from '../config/broker-config.ts';
import { problemOfOverrides } from '../config/topic-config.ts';
import { errorCode } from '../protocol/errors.ts';
import { type MutationAllowance, UNLIMITED } from './mutation-quotas.ts';
import { problemOfAssignments, type ReplicaAssignment, refusalOfCount, refusalOfTotal } from './partitions.ts';
import { type Refusal, refusalOf, refusalOfLength, refuse } from './refusal.ts';
import { collisionOf, flattened, problemOfTopicName } from './topic-names.ts';

export interface TopicWish {
  readonly name: string;
  /** -1: the broker's default. */
  readonly partitionCount: number;
  readonly replicationFactor: number;
  /** By hand, instead of counts; empty otherwise. */
  readonly assignments: readonly ReplicaAssignment[];
  readonly configs: readonly { readonly name: string; readonly value: string | null }[];
}

export type TopicResult =
  | { readonly name: string; readonly refusal: Refusal; readonly plan: null; readonly topic: null }
  /** `topic` is null when it was only checked. */
  | { readonly name: string; readonly refusal: null; readonly plan: TopicPlan; readonly topic: CatalogTopic | null };

type Planned =
  | { readonly name: string; readonly plan: TopicPlan }
  | { readonly name: string; readonly refusal: Refusal };

/** One result for each distinct name, in the order of the wishes; one for each wish where there are too many partitions. */
export async function createTopics(
  controller: Controller,
  wishes: readonly TopicWish[],
  options: { readonly isOnlyCheck: boolean; readonly allowance?: MutationAllowance },
): Promise<TopicResult[]> {
  if (options.isOnlyCheck) return planAll(controller, wishes).map(checkedResult);
  const allowance = options.allowance ?? UNLIMITED;
  let planned: readonly Planned[] = [];
  const outcomes = await controller.createTopics(() => {
    planned = planAll(controller, wishes).map((one) => admitted(one, allowance));
    return planned.flatMap((one) => ('plan' in one ? one.plan : []));
  });
  return planned.map((one) => {
    if ('refusal' in one) return refused(one.name, one.refusal);
    const outcome = must(
      outcomes.find(({ name }) => name === one.name),
      'every planned topic has an outcome',
    );
    if (outcome.topic !== null) return { name: one.name, refusal: null, plan: one.plan, topic: outcome.topic };
    const refusal = refusalOf(outcome.fault);
    const isNoRoom = refusal.errorCode === errorCode.POLICY_VIOLATION;
    return refused(one.name, isNoRoom ? refuse(errorCode.INVALID_PARTITIONS, refusal.message) : refusal);
  });
}

function admitted(one: Planned, allowance: MutationAllowance): Planned {
  const refusal = 'plan' in one ? allowance.admit(one.plan.partitionCount) : null;
  return refusal === null ? one : { name: one.name, refusal };
}

function refused(name: string, refusal: Refusal): TopicResult {
  return { name, refusal, plan: null, topic: null };
}

function checkedResult(one: Planned): TopicResult {
  if ('refusal' in one) return refused(one.name, one.refusal);
  return { name: one.name, refusal: null, plan: one.plan, topic: null };
}

function planAll(controller: Controller, wishes: readonly TopicWish[]): Planned[] {
  const byName = new Map<string, TopicWish>();
  const twice = new Set<string>();
  for (const wish of wishes) {
    if (byName.has(wish.name)) twice.add(wish.name);
    else byName.set(wish.name, wish);
  }
  // What is named twice is not made in any case, and does not count.
  const counted = wishes.filter(({ name }) => !twice.has(name));
  const total = counted.reduce((sum, wish) => sum + Math.max(0, partitionCountOf(wish, controller.config)), 0);
  const tooMany = refusalOfTotal(total);
  if (tooMany !== null) return wishes.map(({ name }) => ({ name, refusal: tooMany }));
  const flatNames = new Map<string, string>();
  return [...byName.values()].map((wish): Planned => {
    const { name } = wish;
    if (twice.has(name)) {
      return {
        name,
        refusal: refuse(errorCode.INVALID_REQUEST, `the request names the topic '${name}' twice; name it once`),
      };
    }
    const sibling = flatNames.get(flattened(name));
    const planned = sibling === undefined ? planOne(controller, wish) : collides(name, sibling);
    if ('plan' in planned) flatNames.set(flattened(name), name);
    return planned;
  });
}

function collides(name: string, other: string): Planned {
  const message = `the topic name '${name}' collides with '${other}', which differs only in '.' and '_'; choose another`;
  return { name, refusal: refuse(errorCode.INVALID_TOPIC_EXCEPTION, message) };
}

function planOne(controller: Controller, wish: TopicWish): Planned {
  const { name } = wish;
  const { catalog, config } = controller;
  const refusal = refusalOfName(name, catalog) ?? refusalOfConfigs(wish, config) ?? refusalOfLayout(wish, config);
  if (refusal !== null) return { name, refusal };
  const partitionCount = partitionCountOf(wish, config);
  const noRoom = refusalOfCount(partitionCount, controller.roomForPartitions);
  if (noRoom !== null) return { name, refusal: noRoom };
  return {
    name,
    plan: {
      name,
      partitionCount,
      configs: Object.fromEntries(wish.configs.map((entry) => [entry.name, entry.value ?? ''])),
    },
  };
}

/** Null for a name a new topic can have. */
export function refusalOfName(name: string, catalog: Catalog): Refusal | null {
  if (catalog.topicsByName.has(name)) {
    return refuse(errorCode.TOPIC_ALREADY_EXISTS, `the topic '${name}' already exists`);
  }
  const problem = problemOfTopicName(name);
  if (problem !== null) return refuse(errorCode.INVALID_TOPIC_EXCEPTION, problem);
  if (name === KAFKA_METADATA_TOPIC) {
    return refuse(errorCode.INVALID_REQUEST, `'${name}' is the name of a log that brokers keep; choose another`);
  }
  const other = collisionOf(name, catalog);
  if (other === null) return null;
  const collided = collides(name, other);
  return 'refusal' in collided ? collided.refusal : null;
}

function refusalOfLayout(wish: TopicWish, config: BrokerConfig): Refusal | null {
  const { name, partitionCount, replicationFactor, assignments } = wish;
  if (assignments.length > 0) {
    if (partitionCount !== -1 || replicationFactor !== -1) {
      const message = `the topic '${name}' has its replicas assigned by hand; leave partition count and replication factor at -1`;
      return refuse(errorCode.INVALID_REQUEST, message);
    }
    const problem = problemOfAssignments(assignments, 0, config.values['node.id']);
    return problem === null ? null : refuse(errorCode.INVALID_REPLICA_ASSIGNMENT, problem);
  }
  if (replicationFactor === 0 || replicationFactor < -1) {
    const message = `the replication factor is ${replicationFactor} but must be at least 1, or -1 for the broker's default`;
    return refuse(errorCode.INVALID_REPLICATION_FACTOR, message);
  }
  if (partitionCount === 0 || partitionCount < -1) {
    const message = `the partition count is ${partitionCount} but must be at least 1, or -1 for the broker's default`;
    return refuse(errorCode.INVALID_PARTITIONS, message);
  }
  if (replicationFactor > 1) {
    const message = `the replication factor is ${replicationFactor} but there is 1 broker; ask for 1`;
    return refuse(errorCode.INVALID_REPLICATION_FACTOR, message);
  }
  return null;
}

function refusalOfConfigs(wish: TopicWish, config: BrokerConfig): Refusal | null {
  const texts = new Map<string, string>();
  for (const { name, value } of wish.configs) {
    if (value === null)
      return refuse(errorCode.INVALID_CONFIG, `the setting ${name} has no value; give it one or leave it out`);
    const tooLong = refusalOfLength(name, value);
    if (tooLong !== null) return tooLong;
    texts.set(name, value);
  }
  const problem = problemOfOverrides(Object.fromEntries(texts), config);
  return problem === null ? null : refuse(errorCode.INVALID_CONFIG, problem);
}

function partitionCountOf(wish: TopicWish, config: BrokerConfig): number {
  if (wish.assignments.length > 0) return wish.assignments.length;
  return wish.partitionCount === -1 ? config.values['num.partitions'] : wish.partitionCount;
}

/** A topic by name or, where the name is null, by id. */
export interface TopicChoice {
  readonly name: string | null;
  readonly id: string | null;
}

export interface DeleteResult {
  readonly choice: TopicChoice;
  readonly topic: CatalogTopic | null;
  readonly refusal: Refusal | null;
}

/** One result a choice, in their order; what is named twice is answered once. Resolves when the folders are gone. */
export async function deleteTopics(
  controller: Controller,
  choices: readonly TopicChoice[],
  allowance: MutationAllowance = UNLIMITED,
): Promise<DeleteResult[]> {
  const distinct = [...new Map(choices.map((choice) => [`${choice.name} ${choice.id}`, choice])).values()];
  if (!controller.config.values['delete.topic.enable']) {
    const refusal = refuse(errorCode.TOPIC_DELETION_DISABLED, 'delete.topic.enable is false on this broker');
    return distinct.map((choice) => ({ choice, topic: null, refusal }));
  }
  let results: DeleteResult[] = [];
  await controller.deleteTopics((catalog) => {
    results = chooseAll(catalog, choices, distinct).map((result) => {
      if (result.topic === null || result.refusal !== null) return result;
      return { ...result, refusal: allowance.admit(result.topic.leaderEpochs.length) };
    });
    return results.flatMap(({ topic, refusal }) => (topic !== null && refusal === null ? topic.id : []));
  });
  return results;
}

function chooseAll(
  catalog: Catalog,
  choices: readonly TopicChoice[],
  distinct: readonly TopicChoice[],
): DeleteResult[] {
  const counts = new Map<string, number>();
  for (const choice of choices) {
    const id = findTopic(catalog, choice)?.id ?? '';
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return distinct.map((choice) => {
    const topic = findTopic(catalog, choice);
    if (topic === null || counts.get(topic.id) === 1) return { choice, topic, refusal: refusalOfChoice(choice, topic) };
    const message = `the request names the topic '${topic.name}' twice; name it once`;
    return { choice, topic: null, refusal: refuse(errorCode.INVALID_REQUEST, message) };
  });
}

function findTopic(catalog: Catalog, choice: TopicChoice): CatalogTopic | null {
  if (choice.name !== null && choice.id !== null) return null;
  if (choice.name !== null) return catalog.topicsByName.get(choice.name) ?? null;
  return choice.id === null ? null : (catalog.topicsById.get(choice.id) ?? null);
}

function refusalOfChoice(choice: TopicChoice, topic: CatalogTopic | null): Refusal | null {
  if (choice.name !== null && choice.id !== null) {
    return refuse(errorCode.INVALID_REQUEST, 'a topic was named both by name and by id; use one of them');
  }
  if (choice.name === null && choice.id === null) {
    return refuse(errorCode.INVALID_REQUEST, 'a topic was named neither by name nor by id; use one of them');
  }
  if (topic !== null) return null;
  if (choice.name === null) return refuse(errorCode.UNKNOWN_TOPIC_ID, `there is no topic with the id ${choice.id}`);
  return refuse(errorCode.UNKNOWN_TOPIC_OR_PARTITION, `there is no topic '${choice.name}'`);
}
