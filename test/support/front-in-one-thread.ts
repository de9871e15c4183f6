/**
 * One front of the broker in one thread, with main's end of its control lane: the real ones, over a fake network. Made by
 * `broker-in-one-thread`, which gives them their turns.
 */
import { MessageChannel } from 'node:worker_threads';
import { expect } from 'vitest';
import type { ControlPlane } from '../../src/apis/control-plane.ts';
import { createDataTable } from '../../src/apis/data-table.ts';
import { factsOf } from '../../src/apis/define.ts';
import { must } from '../../src/base/assert.ts';
import type { Logger } from '../../src/base/logger.ts';
import type { BrokerConfig } from '../../src/config/broker-config.ts';
import { LISTENERS_MAX, listenersOf } from '../../src/config/listeners.ts';
import type { ConnectionLedger } from '../../src/net/connection-ledger.ts';
import { ControlLane } from '../../src/net/control-lane.ts';
import { ControlPort } from '../../src/net/control-port.ts';
import { Front } from '../../src/net/front.ts';
import { type FrontCommons, ledgerOf } from '../../src/net/front-commons.ts';
import type { RegionReader } from '../../src/net/front-face.ts';
import { type ListenerFacts, listenerFacts } from '../../src/net/front-listener.ts';
import type { FrontTallies } from '../../src/net/front-tallies.ts';
import { FRONT_LIMITS, type FrontLimits } from '../../src/net/limits.ts';
import { MessagePost } from '../../src/net/message-post.ts';
import { AuditLog } from '../../src/security/audit-log.ts';
import { FrontAuthorizer } from '../../src/security/front-authorizer.ts';
import { createLaneMemory, frontEnd, type LaneEnd, workerEnd } from '../../src/workers/lane.ts';
import { Bell } from '../../src/zerocopy/bell.ts';
import type { Board } from '../../src/zerocopy/board.ts';
import { ByteRing } from '../../src/zerocopy/byte-ring.ts';
import { BELL_BYTES } from '../../src/zerocopy/layout.ts';
import type { Slab } from '../../src/zerocopy/slab.ts';
import type { FakeTransport } from './fake-transport.ts';

/** What there is of a front before workers are made. */
export interface FrontMemory {
  readonly transport: FakeTransport;
  readonly slab: Slab;
  readonly outboxSlab: Slab;
}

export interface FrontInOneThreadParts extends FrontMemory {
  readonly index: number;
  readonly commons: FrontCommons;
  /** One to each worker. */
  readonly lanes: readonly LaneEnd[];
  readonly plane: ControlPlane;
  readonly board: Board;
  readonly disk: RegionReader;
  readonly limits: Partial<FrontLimits>;
  readonly config: BrokerConfig;
  readonly logger: Logger;
  readonly nowMs: number;
  readonly busyClock: () => number;
  readonly onFailure: (error: unknown) => void;
  readonly tallies: FrontTallies | null;
}

const CONTROL_SLOTS = 64;
const ARENA_BYTES = 262_144;

export class FrontInOneThread {
  readonly transport: FakeTransport;
  readonly front: Front;
  readonly port: ControlPort;
  readonly mail = new MessageChannel();
  readonly ledger: ConnectionLedger;
  private readonly listeners: readonly ListenerFacts[];
  /** It gets no turns. */
  isStanding = false;
  private readonly slab: Slab;
  private readonly outboxSlab: Slab;

  constructor(parts: FrontInOneThreadParts) {
    const { transport, slab, outboxSlab, plane, commons } = parts;
    this.transport = transport;
    this.ledger = ledgerOf(commons, parts.index);
    this.listeners = listenersOf(parts.config.values).map((one, number) => listenerFacts(one, number, parts.config));
    this.slab = slab;
    this.outboxSlab = outboxSlab;
    const memory = createLaneMemory(CONTROL_SLOTS);
    const arena = new SharedArrayBuffer(ByteRing.bytesFor(ARENA_BYTES));
    this.port = new ControlPort({
      lane: workerEnd(memory, bell()),
      arena: new ByteRing(arena),
      slab: slab.memory.bytes,
      mail: new MessagePost(this.mail.port1),
      onRequest: (frame, facts) => plane.desk.handleFrame(frame, factsOf(facts)),
      onLogin: (frame, facts) => must(plane.logins, 'the plane was started').take(frame, facts),
      onVerify: (body, version, identity) => plane.verifier.verify(body, version, identity),
      onFailure: parts.onFailure,
      busyClock: parts.busyClock,
      onConnectionClosed: (connection) => plane.connectionClosed(connection),
    });
    const end = frontEnd(memory, bell());
    const { registry } = plane.desk;
    const controlVersions: (readonly [number, number] | undefined)[] = [];
    for (const { apiKey, minVersion, maxVersion } of registry.ranges)
      controlVersions[apiKey] = [minVersion, maxVersion];
    this.front = new Front({
      ...parts,
      moving: { mover: transport, bells: commons.handOver.map(() => bell()) },
      lodger: null,
      listeners: this.listeners,
      access: new FrontAuthorizer(new AuditLog(parts.logger, { nowMs: () => this.front.nowMs }, null)),
      renewTls: null,
      control: new ControlLane(end, new ByteRing(arena), new MessagePost(this.mail.port2), transport),
      dataApis: createDataTable(),
      controlVersions,
      flexibleSince: registry.flexibleSince,
      throttleSince: registry.throttleSince,
      limits: { ...FRONT_LIMITS, requestBytesMax: slab.bytesTotal / 2, exchangesMax: 4096, ...parts.limits },
    });
  }

  /** Of all fronts. */
  connectionsByListener(): ReadonlyMap<string, number> {
    return new Map(this.listeners.map(({ name, number }) => [name, this.ledger.countOfListener(number)]));
  }

  expectNothingHeld(): void {
    expect(this.slab.usedBytes, 'receive memory held').toBe(0);
    expect(this.outboxSlab.usedBytes, 'response memory held').toBe(0);
    expect(this.front.exchanges.usedCount, 'exchanges under way').toBe(0);
    expect(this.front.outbox.parts.usedCount, 'parts held').toBe(0);
    expect(this.front.parked.timerCount, 'timers armed').toBe(0);
  }
}

/** And limits on connections count those that there are. */
export function expectNothingHeldBy(fronts: readonly FrontInOneThread[]): void {
  for (const front of fronts) front.expectNothingHeld();
  const open = fronts.flatMap(({ front }) => front.connections.open);
  const ledger = must(fronts[0], 'a broker has a front').ledger;
  expect(ledger.total, 'connections counted').toBe(open.length);
  for (let number = 0; number < LISTENERS_MAX; number++) {
    const own = open.filter(({ listener }) => listener.number === number);
    expect(ledger.countOfListener(number), `connections of listener ${number} counted`).toBe(own.length);
  }
}

/** Nobody sleeps in one thread, so nobody is rung. */
function bell(): Bell {
  return new Bell(new SharedArrayBuffer(BELL_BYTES), 0, null, -1, null);
}
