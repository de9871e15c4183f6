/** A control desk over a controller in memory, and a client that talks to it in frames. */

import type { FeatureRange } from '../../src/admin/features.ts';
import { ControlPlane } from '../../src/apis/control-plane.ts';
import type { ControlDesk } from '../../src/apis/control-table.ts';
import type { ConnectionFacts } from '../../src/apis/define.ts';
import { Alarms } from '../../src/base/alarms.ts';
import { type Logger, silentLogger } from '../../src/base/logger.ts';
import type { Address } from '../../src/config/addresses.ts';
import { anonymousOf, PLAINTEXT_LISTENER } from '../../src/net/identity.ts';
import type { Api } from '../../src/protocol/api.ts';
import { decodeResponse } from '../../src/protocol/compile.ts';
import { encodeRequestFrame } from '../../src/protocol/frame.ts';
import { decodeResponseHeader } from '../../src/protocol/header.ts';
import { Reader } from '../../src/protocol/reader.ts';
import { produce } from '../../src/protocol/schemas/00-produce.ts';
import { Writer } from '../../src/protocol/writer.ts';
import { NodeDisk } from '../../src/storage/node-disk.ts';
import { PartitionPort } from '../../src/workers/partition-port.ts';
import { Board } from '../../src/zerocopy/board.ts';
import { crc32cInTypeScript } from '../../src/zerocopy/fallback.ts';
import { Slab } from '../../src/zerocopy/slab.ts';
import { makeRig, plainStart, type Rig } from '../cluster/doubles.ts';
import { plainMemory } from '../support/plain-memory.ts';

export const dialled: ConnectionFacts = {
  id: 1,
  peer: '127.0.0.1:50000',
  local: { host: '127.0.0.1', port: 9092 },
  identity: anonymousOf('127.0.0.1', PLAINTEXT_LISTENER),
};

export interface DeskRig extends Rig {
  readonly desk: ControlDesk;
  /** The connection as the desk sees it. */
  ask<Input, Output>(api: Api<unknown, Input, Output>, version: number, request: Input): Promise<Output>;
}

export async function makeDesk(
  options: {
    sets?: readonly string[];
    advertised?: Address;
    features?: readonly FeatureRange[];
    local?: Address;
    log?: Logger;
  } = {},
): Promise<DeskRig> {
  const rig = makeRig({ sets: options.sets ?? [] });
  await rig.controller.start(plainStart);
  const { desk } = new ControlPlane({
    wantsMetrics: false,
    dataFolder: { path: '/data', room: () => ({ totalBytes: 1000, usableBytes: 900 }) },
    controller: rig.controller,
    port: portToNowhere(),
    crc32c: (memory, at, length) => crc32cInTypeScript({ ...memory, address: 0 }, at, length),
    alarms: new Alarms(() => rig.clock.nowMs),
    randomBytes: rig.store.randomBytes,
    listeners: [{ name: 'PLAINTEXT', protocol: 'PLAINTEXT', advertised: options.advertised ?? null }],
    dataApis: [produce],
    ...(options.features === undefined ? {} : { features: options.features }),
    log: options.log ?? silentLogger,
  });
  const connection = { ...dialled, local: options.local ?? dialled.local };
  let correlationId = 0;
  return {
    ...rig,
    desk,
    async ask(api, version, request) {
      const id = ++correlationId;
      const reply = await desk.handleFrame(frameOf(api, version, id, request), connection);
      if (reply === null) throw new Error(`${api.name} closed the connection`);
      const reader = Reader.over(reply);
      if (reader.int32() !== reply.length - 4) throw new Error('the length prefix is wrong');
      decodeResponseHeader(api, version, id, reader);
      const response = decodeResponse(api, version, reader);
      if (reader.remaining !== 0) throw new Error('bytes are left behind the response');
      return response;
    },
  };
}

/** For desks whose partitions hold nothing: these requests are about the catalog. */
export function portToNowhere(): PartitionPort {
  return new PartitionPort({
    lanes: [],
    slab: new Slab(plainMemory(4096)),
    board: Board.create(64),
    watcher: 0,
    disk: new NodeDisk(),
  });
}

/** A request without its length prefix. */
export function frameOf<Input>(api: Api<unknown, Input>, version: number, id: number, request: Input): Uint8Array {
  const writer = new Writer(1 << 20);
  encodeRequestFrame(api, version, id, 'a-client', request, writer);
  return writer.written().slice(4);
}

export function topicWish(
  name: string,
  more: object = {},
): {
  name: string;
  numPartitions: number;
  replicationFactor: number;
  assignments: { partitionIndex: number; brokerIds: number[] }[];
  configs: { name: string; value: string | null }[];
} {
  return { name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [], ...more };
}

/** Lets what was begun in the background come to its end. */
export async function settled(rig: Rig): Promise<void> {
  while (rig.controller.pendingChanges > 0) await Promise.resolve();
  for (let round = 0; round < 20; round++) await Promise.resolve();
}
