/**
 * A whole front in one thread, driven by hand: fake transport, fake disk, workers that drain the other ends of the
 * lanes, and main's control port with handlers of the test. Time is a number that `step` moves.
 */

import { expect } from 'vitest';
import { must } from '../../src/base/assert.ts';
import type { Logger } from '../../src/base/logger.ts';
import { type ConnectionFacts, ControlLane } from '../../src/net/control-lane.ts';
import { ControlPort, type OnLogin, type OnVerify } from '../../src/net/control-port.ts';
import type { DataApi } from '../../src/net/data-api.ts';
import { Front, type Lodger } from '../../src/net/front.ts';
import { openAccess } from '../../src/net/front-access.ts';
import { type ListenerFacts, PLAINTEXT_FACTS } from '../../src/net/front-listener.ts';
import { FRONT_LIMITS, type FrontLimits } from '../../src/net/limits.ts';
import type { RouteTopic } from '../../src/net/route-table.ts';
import { createLaneMemory, frontEnd, type LaneEnd, workerEnd } from '../../src/workers/lane.ts';
import { Bell } from '../../src/zerocopy/bell.ts';
import { Board } from '../../src/zerocopy/board.ts';
import { ByteRing } from '../../src/zerocopy/byte-ring.ts';
import { BELL_BYTES } from '../../src/zerocopy/layout.ts';
import { Slab } from '../../src/zerocopy/slab.ts';
import type { FakeClient, FakeClientOptions } from '../support/fake-client.ts';
import { FakeDisk } from '../support/fake-disk.ts';
import { FakeTransport } from '../support/fake-transport.ts';
import { plainCommons } from '../support/plain-commons.ts';
import { plainMemory } from '../support/plain-memory.ts';
import { FakeWorker } from './fake-worker.ts';

export interface RigOptions {
  readonly limits?: Partial<FrontLimits>;
  readonly slabBytes?: number;
  readonly outboxBytes?: number;
  readonly laneSlots?: number;
  readonly controlSlots?: number;
  readonly arenaBytes?: number;
  readonly workers?: number;
  /** The one worker lives in the front's thread. */
  readonly lodges?: boolean;
  readonly shortSend?: number;
  readonly seed?: number;
  readonly apis?: (limits: FrontLimits) => (DataApi | undefined)[];
  readonly onRequest?: (frame: Uint8Array, connection: ConnectionFacts) => Promise<Uint8Array | null>;
  readonly onLogin?: OnLogin;
  readonly onVerify?: OnVerify;
  readonly listeners?: readonly ListenerFacts[];
}

const BOARD_SLOTS = 4096;

class MailQueue {
  private readonly to: unknown[];
  private readonly from: unknown[];

  constructor(to: unknown[], from: unknown[]) {
    this.to = to;
    this.from = from;
  }

  post(message: unknown): void {
    this.to.push(message);
  }

  take(): unknown {
    return this.from.shift() ?? null;
  }
}

export class FrontRig {
  nowMs = 1_000_000;
  readonly limits: FrontLimits;
  readonly disk = new FakeDisk();
  readonly transport: FakeTransport;
  readonly slab: Slab;
  readonly outboxSlab: Slab;
  readonly board = Board.create(BOARD_SLOTS);
  readonly workers: FakeWorker[] = [];
  readonly control: ControlPort;
  readonly front: Front;
  readonly lines: string[] = [];
  readonly failures: unknown[] = [];
  /** Workers and main stand still while false. */
  isServing = true;
  private routeVersion = 0;
  private nextSlot = 0;
  private readonly lodger: Lodger | null = null;

  constructor(options: RigOptions = {}) {
    this.limits = { ...FRONT_LIMITS, exchangesMax: 4096, ...options.limits };
    this.transport = new FakeTransport({ disk: this.disk, seed: options.seed ?? 1, shortSend: options.shortSend ?? 0 });
    this.transport.listen({ host: '127.0.0.1', port: 9092 }, 50);
    this.slab = new Slab(plainMemory(options.slabBytes ?? 1 << 22));
    this.outboxSlab = new Slab(plainMemory(options.outboxBytes ?? 1 << 22));
    const frontBell = bell();
    const lanes: LaneEnd[] = [];
    for (let index = 0; index < (options.workers ?? 2); index++) {
      const memory = createLaneMemory(options.laneSlots ?? 256);
      lanes.push(frontEnd(memory, bell()));
      this.workers.push(new FakeWorker(index, workerEnd(memory, frontBell), this.slab.memory, this.board, this.disk));
    }
    const [only] = this.workers;
    if (options.lodges === true) this.lodger = lodgerOf(must(only, 'somebody lodges'));
    const controlMemory = createLaneMemory(options.controlSlots ?? 64);
    const arena = new SharedArrayBuffer(ByteRing.bytesFor(options.arenaBytes ?? 65_536));
    const toMain: unknown[] = [];
    const toFront: unknown[] = [];
    this.control = new ControlPort({
      lane: workerEnd(controlMemory, frontBell),
      arena: new ByteRing(arena),
      slab: this.slab.memory.bytes,
      mail: new MailQueue(toFront, toMain),
      onRequest: options.onRequest ?? (() => Promise.resolve(null)),
      onLogin: options.onLogin ?? (() => Promise.resolve({ answer: null, closes: true, login: null })),
      onVerify: options.onVerify ?? (() => Promise.resolve({ error: 0, refusals: [] })),
      onFailure: (error) => this.failures.push(error),
      busyClock: () => 0,
    });
    const lane = new ControlLane(
      frontEnd(controlMemory, bell()),
      new ByteRing(arena),
      new MailQueue(toMain, toFront),
      this.transport,
    );
    const flexibleSince = new Int16Array(128).fill(0x7fff);
    flexibleSince[0] = 9;
    flexibleSince[1] = 12;
    flexibleSince[2] = 6;
    flexibleSince[18] = 3;
    flexibleSince[23] = 4;
    const controlVersions: (readonly [number, number] | undefined)[] = [];
    controlVersions[3] = [0, 13];
    controlVersions[18] = [0, 4];
    controlVersions[78] = [1, 2];
    this.front = new Front({
      access: openAccess,
      tallies: null,
      lodger: this.lodger,
      index: 0,
      transport: this.transport,
      listeners: options.listeners ?? [PLAINTEXT_FACTS],
      renewTls: null,
      commons: plainCommons(1),
      moving: null,
      slab: this.slab,
      outboxSlab: this.outboxSlab,
      lanes,
      control: lane,
      board: this.board,
      disk: this.disk,
      dataApis: options.apis?.(this.limits) ?? [],
      controlVersions,
      flexibleSince,
      limits: this.limits,
      logger: this.logger(),
      nowMs: this.nowMs,
      busyClock: () => 0,
      throttleSince: new Int16Array(128).fill(0x7fff),
    });
    this.post({ kind: 'image', version: this.takeVersion(), topics: [] });
  }

  /** A topic with its partitions spread over the workers. */
  addTopic(name: string, partitions: number): RouteTopic {
    const id = new Uint8Array(16);
    new TextEncoder().encodeInto(name.padEnd(16, '\0').slice(0, 16), id);
    id[15] = 0x42;
    const route: RouteTopic = {
      name,
      id,
      partitions: Array.from({ length: partitions }, (_, index) => {
        const slot = this.nextSlot++;
        const worker = index % this.workers.length;
        this.worker(worker).open(slot);
        return { slot, worker, leaderEpoch: 0 };
      }),
    };
    this.post({ kind: 'topic', version: this.takeVersion(), topic: route });
    this.settle();
    return route;
  }

  removeTopic(route: RouteTopic): void {
    this.post({ kind: 'topic-gone', version: this.takeVersion(), name: route.name, id: route.id });
    this.settle();
  }

  worker(index: number): FakeWorker {
    return must(this.workers[index], 'the rig has this worker');
  }

  workerOf(route: RouteTopic, partition: number): FakeWorker {
    return this.worker(must(route.partitions[partition], 'the topic has this partition').worker);
  }

  slotOf(route: RouteTopic, partition: number): number {
    return must(route.partitions[partition], 'the topic has this partition').slot;
  }

  connect(options: FakeClientOptions = {}): FakeClient {
    const client = this.transport.connect(options);
    this.settle();
    return client;
  }

  post(message: unknown): void {
    this.control.post(message);
  }

  /** One turn of everyone. */
  step(forwardMs = 0): boolean {
    this.nowMs += forwardMs;
    let didWork = this.front.turn(this.nowMs);
    if (this.isServing) {
      if (this.lodger === null) for (const worker of this.workers) if (worker.turn()) didWork = true;
      this.control.drain();
    }
    return didWork;
  }

  /** Turns until nothing moves any more. */
  settle(turnsMax = 20_000): void {
    let quiet = 0;
    for (let turn = 0; turn < turnsMax; turn++) {
      quiet = this.step() ? 0 : quiet + 1;
      if (quiet === 3) return;
    }
    throw new Error('the front does not come to rest');
  }

  /** Lets promises of control handlers run, then settles. */
  async settleAsync(): Promise<void> {
    for (let round = 0; round < 10; round++) {
      this.settle();
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.settle();
  }

  /** Time passes in steps, so that timers fire in order. */
  pass(totalMs: number, stepMs = 50): void {
    for (let passed = 0; passed < totalMs; passed += stepMs) {
      this.step(stepMs);
      this.settle();
    }
  }

  /** Nothing is held: no span, no response byte, no exchange, no watch, no lease. */
  expectNothingHeld(): void {
    for (const worker of this.workers) expect(worker.leaseCount, 'leases held').toBe(0);
    expect(this.slab.usedBytes, 'receive memory held').toBe(0);
    expect(this.outboxSlab.usedBytes, 'response memory held').toBe(0);
    expect(this.front.exchanges.usedCount, 'exchanges under way').toBe(0);
    expect(this.front.outbox.parts.usedCount, 'parts held').toBe(0);
    expect(this.front.parked.watchCount, 'watches held').toBe(0);
    expect(this.front.parked.timerCount, 'timers armed').toBe(0);
  }

  private takeVersion(): number {
    this.routeVersion += 1;
    return this.routeVersion;
  }

  private logger(): Logger {
    const say = (message: string) => {
      this.lines.push(message);
    };
    return { debug: say, info: say, warn: say, error: say };
  }
}

function lodgerOf(worker: FakeWorker): Lodger {
  return { turn: () => worker.turn(), isIdle: true, sleepMs: () => 1000 };
}

function bell(): Bell {
  return new Bell(new SharedArrayBuffer(BELL_BYTES), 0, null, -1, null);
}
