/**
 * WriteTxnMarkers, versions 1 and 2: markers into partitions, past the transaction coordinator. Brokers of a cluster send
 * it to each other; a person sends it to end a transaction that its coordinator has forgotten
 * (`kafka-transactions.sh abort`).
 */
import type { ElementOf, RequestOf } from '../protocol/api.ts';
import { errorCode } from '../protocol/errors.ts';
import { writeTxnMarkers } from '../protocol/schemas/27-write-txn-markers.ts';
import { type ControlServices, defineHandler } from './define.ts';

type Marker = ElementOf<RequestOf<typeof writeTxnMarkers>['markers']>;

export const writeTxnMarkersHandler = defineHandler({
  api: writeTxnMarkers,
  access: [{ kind: 'guarded', resource: 'cluster', operation: 'alter' }],

  async handle(request, { services }) {
    const markers = [];
    for (const marker of request.markers) {
      // As in Kafka: what goes into no partition is not answered.
      if (marker.topics.some(({ partitionIndexes }) => partitionIndexes.length > 0)) {
        markers.push(await write(marker, services));
      }
    }
    return { markers };
  },

  refuse: (request, refusal) => ({
    markers: request.markers.map(({ producerId, topics }) => ({
      producerId,
      topics: topics.map(({ name, partitionIndexes }) => ({
        name,
        partitions: partitionIndexes.map((partitionIndex) => ({ partitionIndex, errorCode: refusal.errorCode })),
      })),
    })),
  }),
});

async function write(marker: Marker, services: ControlServices) {
  const { producerId, producerEpoch, coordinatorEpoch, transactionResult: isCommit } = marker;
  const wanted = { producerId, producerEpoch, coordinatorEpoch, isCommit };
  const topics = marker.topics.map(async ({ name, partitionIndexes }) => ({
    name,
    partitions: await Promise.all(
      partitionIndexes.map(async (partitionIndex) => ({
        partitionIndex,
        errorCode:
          services.controller.placeOf(name, partitionIndex) === null
            ? errorCode.UNKNOWN_TOPIC_OR_PARTITION
            : await services.transactionMarkers.write(name, partitionIndex, wanted),
      })),
    ),
  }));
  return { producerId, topics: await Promise.all(topics) };
}
