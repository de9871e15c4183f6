/**
 * WriteTxnMarkers, versions 1 and 2: markers into partitions, past the transaction coordinator. Brokers of a cluster send
 * it to each other; a person sends it to end a transaction that its coordinator has forgotten
 * (`kafka-transactions.sh abort`).
 */
import { CLUSTER_NAME, OPERATION_ALTER, OPERATION_CLUSTER_ACTION, RESOURCE_CLUSTER } from '../protocol/acl.ts';
import type { ElementOf, RequestOf } from '../protocol/api.ts';
import { errorCode } from '../protocol/errors.ts';
import { writeTxnMarkers } from '../protocol/schemas/27-write-txn-markers.ts';
import { checks } from './access.ts';
import { type ControlServices, defineHandler } from './define.ts';

/** By topic and partition. */
type Codes = Map<string, Map<number, number>>;
type Marker = ElementOf<RequestOf<typeof writeTxnMarkers>['markers']>;

export const writeTxnMarkersHandler = defineHandler({
  api: writeTxnMarkers,
  access: [checks(OPERATION_ALTER, RESOURCE_CLUSTER), checks(OPERATION_CLUSTER_ACTION, RESOURCE_CLUSTER)],
  subjectsOf: ({ markers }) => markers.flatMap(({ topics }) => topics.map(({ name }) => name)),

  async handle(request, { services, permit }) {
    const isAdmin = permit.mayQuietly(OPERATION_ALTER, RESOURCE_CLUSTER, CLUSTER_NAME);
    if (!isAdmin && !permit.may(OPERATION_CLUSTER_ACTION, RESOURCE_CLUSTER, CLUSTER_NAME)) {
      return refusedAll(request, errorCode.CLUSTER_AUTHORIZATION_FAILED);
    }
    // As in Kafka: one answer for a producer, with what markers went into; without a partition there is none.
    const codes = new Map<number, Codes>();
    for (const marker of request.markers) {
      const ofProducer = codes.get(marker.producerId) ?? new Map();
      await write(marker, services, ofProducer);
      if (ofProducer.size > 0) codes.set(marker.producerId, ofProducer);
    }
    return { markers: [...codes].map(([producerId, ofProducer]) => ({ producerId, topics: topicsOf(ofProducer) })) };
  },

  refuse: (request, refusal) => refusedAll(request, refusal.errorCode),
});

function refusedAll({ markers }: RequestOf<typeof writeTxnMarkers>, code: number) {
  return {
    markers: markers.map(({ producerId, topics }) => ({
      producerId,
      topics: topics.map(({ name, partitionIndexes }) => ({
        name,
        partitions: partitionIndexes.map((partitionIndex) => ({ partitionIndex, errorCode: code })),
      })),
    })),
  };
}

/** Adds to `codes`. */
async function write(marker: Marker, services: ControlServices, codes: Codes): Promise<void> {
  const { producerId, producerEpoch, coordinatorEpoch, transactionResult: isCommit, transactionVersion } = marker;
  const wanted = { producerId, producerEpoch, coordinatorEpoch, isCommit, bumpsEpoch: transactionVersion >= 2 };
  for (const [name, partitions] of partitionsOf(marker)) {
    const ofTopic = codes.get(name) ?? new Map();
    codes.set(name, ofTopic);
    const written = Array.from(partitions, async (partition): Promise<[number, number]> => {
      const isThere = services.controller.placeOf(name, partition) !== null;
      if (!isThere) return [partition, errorCode.UNKNOWN_TOPIC_OR_PARTITION];
      return [partition, await services.transactionMarkers.write(name, partition, wanted)];
    });
    for (const [partition, code] of await Promise.all(written)) ofTopic.set(partition, code);
  }
}

/** A partition that is named again gets no second marker, as in Kafka. */
function partitionsOf({ topics }: Marker): ReadonlyMap<string, ReadonlySet<number>> {
  const partitions = new Map<string, Set<number>>();
  for (const { name, partitionIndexes } of topics) {
    if (partitionIndexes.length === 0) continue;
    const ofTopic = partitions.get(name) ?? new Set();
    partitions.set(name, ofTopic);
    for (const partition of partitionIndexes) ofTopic.add(partition);
  }
  return partitions;
}

function topicsOf(codes: Codes) {
  return [...codes].map(([name, ofTopic]) => ({
    name,
    partitions: [...ofTopic].map(([partitionIndex, code]) => ({ partitionIndex, errorCode: code })),
  }));
}
