/**
 * The coordinator of transactions put together for the control plane: its logs in `__transaction_state`, the way of its
 * markers into all partitions, and what it needs of the coordinator of groups.
 */
import type { InternalTopics } from '../admin/internal-topics.ts';
import { TRANSACTIONS_TOPIC } from '../admin/internal-topics.ts';
import type { Alarms } from '../base/alarms.ts';
import { must } from '../base/assert.ts';
import type { Logger } from '../base/logger.ts';
import type { Controller } from '../cluster/controller.ts';
import { CoordinatorLog } from '../cluster/coordinator-log.ts';
import type { GroupCoordinator } from '../groups/coordinator.ts';
import type { Identity } from '../net/identity.ts';
import { OPERATION_WRITE, RESOURCE_TOPIC } from '../protocol/acl.ts';
import type { Crc32c } from '../protocol/batch.ts';
import { errorCode } from '../protocol/errors.ts';
import type { AccessDesk } from '../security/access-desk.ts';
import { checkKey } from '../security/permit.ts';
import { type LogPlace, StrayTransactions } from '../transactions/stray-transactions.ts';
import { TransactionCoordinator } from '../transactions/transaction-coordinator.ts';
import { MarkerWriter } from '../transactions/transaction-markers.ts';
import type { PartitionPort } from '../workers/partition-port.ts';
import { APPEND_FLAG_BUMPS_EPOCH } from '../zerocopy/layout.ts';
import { ProduceVerifier } from './produce-verifier.ts';

export interface TransactionPlaneParts {
  readonly controller: Controller;
  readonly port: PartitionPort;
  readonly internalTopics: InternalTopics;
  readonly groups: GroupCoordinator;
  readonly crc32c: Crc32c;
  readonly alarms: Alarms;
  readonly log: Logger;
  readonly access: AccessDesk;
}

export interface TransactionPlane {
  readonly coordinator: TransactionCoordinator;
  readonly markers: MarkerWriter;
  readonly verifier: ProduceVerifier;
  readonly strays: StrayTransactions;
}

export function composeTransactions(parts: TransactionPlaneParts): TransactionPlane {
  const { controller, port, internalTopics, alarms, crc32c, log } = parts;
  const markers = new MarkerWriter({
    append: async (topic, partition, batch, bumpsEpoch) => {
      const place = controller.placeOf(topic, partition);
      if (place === null) return errorCode.UNKNOWN_TOPIC_OR_PARTITION;
      return (await port.append(place, batch, bumpsEpoch ? APPEND_FLAG_BUMPS_EPOCH : 0)).error;
    },
    exists: (topic, partition) => controller.placeOf(topic, partition) !== null,
    onOffsetsMarker: (partition, { producerId, producerEpoch, isCommit }) =>
      parts.groups.onMarkers(partition, producerId, producerEpoch, isCommit),
    crc32c,
    alarms,
    logger: log,
  });
  const coordinator = new TransactionCoordinator({
    partitionCount: () => placedCount(controller),
    leaderEpochOf: (partition) => leaderEpochOf(controller, partition),
    openLog: (partition) => {
      const place = must(controller.placeOf(TRANSACTIONS_TOPIC, partition), 'a shard has its partition');
      const name = `${TRANSACTIONS_TOPIC}-${partition}`;
      return new CoordinatorLog({
        port,
        place,
        name,
        crc32c,
        nowMs: () => Math.floor(alarms.nowMs()),
        warn: (message) => log.error(message),
      });
    },
    ensureTopic: async () => {
      await internalTopics.ensure(TRANSACTIONS_TOPIC);
    },
    allocateProducerId: () => controller.allocateProducerId(),
    markers,
    settings: () => settingsOf(controller),
    alarms,
    logger: log,
    onFailure: rethrow,
  });
  const strays = new StrayTransactions({
    places: () => placesOf(controller, port),
    producersOf: (topic, partition) => controller.describeProducers(topic, partition),
    wasGivenOut: (producerId) => producerId < controller.catalog.nextProducerId,
    coordinator,
    markers,
    alarms,
    logger: log,
    onFailure: rethrow,
  });
  controller.subscribe((update) => {
    if (update.kind === 'topic-gone' && update.name === TRANSACTIONS_TOPIC) coordinator.forgetAll();
  });
  const mayWrite = (topic: string, identity: Identity): boolean =>
    parts.access.permitOf(identity, 'Produce', writes).mayQuietly(OPERATION_WRITE, RESOURCE_TOPIC, topic);
  return { coordinator, markers, strays, verifier: new ProduceVerifier(controller, coordinator, mayWrite) };
}

const writes: ReadonlySet<number> = new Set([checkKey(OPERATION_WRITE, RESOURCE_TOPIC)]);

/** An open transaction holds the stable offset back. */
function* placesOf(controller: Controller, { board }: PartitionPort): Generator<LogPlace> {
  for (const { name, id } of controller.catalog.topicsByName.values()) {
    for (const [partition, { slot }] of controller.placesOf(id).entries()) {
      const isOpen = board.epoch(slot) >= 0;
      yield { topic: name, partition, hasOpen: isOpen ? board.stable(slot) < board.end(slot) : null };
    }
  }
}

/** A topic that is just being made is in the catalog before its partitions have a place. */
function placedCount(controller: Controller): number {
  const topic = controller.catalog.topicsByName.get(TRANSACTIONS_TOPIC);
  return topic === undefined ? 0 : controller.placesOf(topic.id).length;
}

function leaderEpochOf({ catalog }: Controller, partition: number): number {
  return catalog.topicsByName.get(TRANSACTIONS_TOPIC)?.leaderEpochs[partition] ?? 0;
}

function settingsOf({ config: { values } }: Controller) {
  return {
    timeoutMaxMs: values['transaction.max.timeout.ms'],
    abortCheckMs: values['transaction.abort.timed.out.transaction.cleanup.interval.ms'],
    expiryCheckMs: values['transaction.remove.expired.transaction.cleanup.interval.ms'],
    expiryMs: values['transactional.id.expiration.ms'],
  };
}

/** A bug in work that nobody waits for ends the process, as any other bug does. */
function rethrow(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
