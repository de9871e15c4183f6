/** Fetch requests of a test's client against a front rig, and what came back. */
import { expect } from 'vitest';
import { FetchApi } from '../../src/apis/01-fetch.ts';
import type { DataApi } from '../../src/net/data-api.ts';
import type { RouteTopic } from '../../src/net/route-table.ts';
import type { RequestInputOf } from '../../src/protocol/api.ts';
import { fetch } from '../../src/protocol/schemas/01-fetch.ts';
import { FrontRig, type RigOptions } from '../net/front-rig.ts';
import { framesOf, requestFrame, responseOf } from '../net/wire.ts';
import type { FakeClient } from '../support/fake-client.ts';

export type Request = RequestInputOf<typeof fetch>;
export interface Wanted {
  readonly topic: RouteTopic;
  readonly partition: number;
  readonly offset: number;
  readonly bytesMax?: number;
  readonly epoch?: number;
}

export function rigOf(options: RigOptions = {}): FrontRig {
  const table: (DataApi | undefined)[] = [];
  table[1] = new FetchApi();
  return new FrontRig({ ...options, apis: () => table });
}

export function idOf(topic: RouteTopic): string {
  return Buffer.from(topic.id).toString('base64url');
}

export function topicsOf(version: number, wanted: readonly Wanted[]): Request['topics'] {
  return wanted.map(({ topic, partition, offset, bytesMax, epoch }) => ({
    ...(version >= 13 ? { topicId: idOf(topic) } : { name: topic.name }),
    partitions: [
      {
        partitionIndex: partition,
        fetchOffset: offset,
        partitionMaxBytes: bytesMax ?? 1 << 20,
        currentLeaderEpoch: epoch ?? -1,
      },
    ],
  }));
}

export function ask(client: FakeClient, version: number, wanted: readonly Wanted[], more: Partial<Request> = {}): void {
  client.write(
    requestFrame(fetch, version, 1, { maxWaitMs: 500, minBytes: 1, topics: topicsOf(version, wanted), ...more }),
  );
}

export function answer(client: FakeClient, version: number) {
  const frames = framesOf(client.take());
  expect(frames.length).toBe(1);
  return responseOf(fetch, version, frames[0]!);
}

export function partitionsIn(client: FakeClient, version: number) {
  return answer(client, version).topics.flatMap((topic) => topic.partitions);
}

export function lengthsIn(client: FakeClient, version: number): number[] {
  return partitionsIn(client, version).map((partition) => partition.records?.length ?? 0);
}
