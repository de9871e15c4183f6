/**
 * Spawns a front's thread and holds main's end of it: the control port, through which its control requests arrive, and
 * its end. Called by the broker, which passes the desk in that answers requests.
 */
import { MessageChannel } from 'node:worker_threads';
import { Fault } from '../base/fault.ts';
import type { LogFormat, Logger, LogLevel } from '../base/logger.ts';
import { addressOverridesOf } from '../config/address-overrides.ts';
import type { BrokerConfig } from '../config/broker-config.ts';
import type { BrokerValues } from '../config/broker-settings.ts';
import type { VersionRange } from '../protocol/registry.ts';
import type { BrokerSizes } from '../workers/broker-sizes.ts';
import { createLaneMemory, workerEnd } from '../workers/lane.ts';
import type { MainBell } from '../workers/main-bell.ts';
import { RoleThread } from '../workers/role-thread.ts';
import { Bells } from '../workers/shared-parts.ts';
import type { StartedWorkers } from '../workers/start-workers.ts';
import { ByteRing } from '../zerocopy/byte-ring.ts';
import type { ChosenIo } from './choose-io-path.ts';
import type { ConnectionFacts } from './control-lane.ts';
import { ControlPort, type LoginReply, type ProduceVerdict } from './control-port.ts';
import type { IoPath } from './create-transport.ts';
import type { FrontCommons } from './front-commons.ts';
import {
  FRONT_DOORS,
  FRONT_ORDER,
  FRONT_ORDERS_BYTES,
  type FrontGroup,
  type FrontJoin,
  type FrontReady,
  type FrontThreadData,
  isClosed,
  isReady,
  type ListenPlace,
  ORDER_ABANDON,
  ORDER_FINISH,
} from './front-thread.ts';
import type { Identity } from './identity.ts';
import { FRONT_LIMITS, type FrontLimits } from './limits.ts';
import { MessagePost } from './message-post.ts';

/** What answers control requests; the desk of `apis/` fits. */
export interface RequestDesk {
  readonly ranges: readonly VersionRange[];
  readonly flexibleSince: Int16Array;
  readonly throttleSince: Int16Array;
  /** The frame without its length prefix; the answer with it, null closes the connection. */
  answer(frame: Uint8Array, connection: ConnectionFacts): Promise<Uint8Array | null>;
  /** The same for whatever a client sends that has to log in. */
  login(frame: Uint8Array, connection: ConnectionFacts): Promise<LoginReply>;
  /** Whether a Produce may write into its transaction; `body` is read before the first wait. */
  verify(body: Uint8Array, version: number, identity: Identity): Promise<ProduceVerdict>;
  /** It will ask nothing more. */
  connectionClosed(connection: number): void;
  /** Tells how many bytes of answers to this front wait for room: whoever makes large ones asks before. */
  useBacklog(backlogBytes: () => number): void;
}

export interface StartFrontParts {
  readonly index: number;
  readonly config: BrokerConfig;
  readonly io: ChosenIo;
  /** Of this front. */
  readonly path: IoPath;
  readonly sizes: BrokerSizes;
  readonly workers: StartedWorkers;
  readonly commons: FrontCommons;
  readonly desk: RequestDesk;
  readonly group: FrontGroup;
  readonly logger: Logger;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
  readonly onDeath: (cause: Error) => void;
}

/** A front of many gets at least so many exchanges. */
const EXCHANGES_MIN = 4096;
const READY_WAIT_MS = 20_000;
const STOP_WAIT_MS = 5000;
/** Replies that found the lane full are tried again so soon; nobody announces room in it. */
const RETRY_MS = 2;
/** Unless somebody chose a send buffer: what lies in it of a file is the file's page, not a copy. */
const REGION_BUFFER_BYTES = 256 * 1024;

export class StartedFront {
  readonly port: ControlPort;
  private readonly thread: RoleThread;
  private readonly bells: Bells;
  private readonly mainBell: MainBell;
  private readonly index: number;
  private readonly orders: Int32Array;
  private readonly closed: Promise<void>;
  private retry: NodeJS.Timeout | null = null;

  constructor(parts: {
    thread: RoleThread;
    port: ControlPort;
    bells: Bells;
    mainBell: MainBell;
    index: number;
    orders: SharedArrayBuffer;
  }) {
    const { thread, mainBell } = parts;
    this.thread = thread;
    this.port = parts.port;
    this.bells = parts.bells;
    this.mainBell = mainBell;
    this.index = parts.index;
    this.orders = new Int32Array(parts.orders);
    mainBell.add(() => this.drain());
    this.closed = new Promise((resolve) => {
      thread.onMessage((message) => {
        if (message === 0) mainBell.answer();
        else if (isClosed(message)) resolve();
      });
    });
  }

  /** The port is taken from here on; connections wait until `openDoors`. */
  async ready(): Promise<FrontReady> {
    const message = await this.thread.ready(READY_WAIT_MS);
    if (!isReady(message)) throw new Fault('PB_THREAD', 'a front did not say where it listens');
    this.mainBell.answer();
    return message;
  }

  /** It waits for this before it is ready, if it is not the first of its group and runs on plain Node. */
  join(places: readonly ListenPlace[]): void {
    this.thread.post({ kind: 'join', places } satisfies FrontJoin);
  }

  /** The catalog is whole and its routes are posted: clients may come. */
  openDoors(): void {
    Atomics.store(this.orders, FRONT_DOORS, 1);
    Atomics.notify(this.orders, FRONT_DOORS);
    // Where a worker lives in its thread, that is what waits, and by the bell they share.
    this.bells.front(this.index).ring();
  }

  /** Connections are closed when this resolves; the thread may go on for the sake of the worker that lives in it. */
  async stop(): Promise<void> {
    this.order(ORDER_FINISH);
    await Promise.race([this.closed, this.thread.ended(STOP_WAIT_MS)]);
    if (this.retry !== null) clearTimeout(this.retry);
  }

  /** To be awaited when the workers have stopped as well. */
  ended(): Promise<void> {
    return this.thread.ended(STOP_WAIT_MS);
  }

  /** Nothing is answered any more; must come before the process exits, see `StartedWorkers.abandon`. */
  abandon(): void {
    this.order(ORDER_ABANDON);
  }

  terminate(): Promise<void> {
    this.abandon();
    return this.thread.terminate();
  }

  private order(order: number): void {
    this.thread.expectEnd();
    Atomics.store(this.orders, FRONT_ORDER, order);
    this.openDoors();
  }

  private drain(): void {
    this.port.drain();
    if (this.port.hasMore) setImmediate(() => this.drain());
    if (this.port.waitingCount > 0 && this.retry === null) {
      this.retry = setTimeout(() => {
        this.retry = null;
        this.drain();
      }, RETRY_MS);
    }
  }
}

export function startFront(parts: StartFrontParts): StartedFront {
  const { index, io, sizes, workers, desk } = parts;
  const control = createLaneMemory(sizes.controlSlots);
  const arena = new SharedArrayBuffer(ByteRing.bytesFor(sizes.arenaBytes));
  const mail = new MessageChannel();
  const orders = new SharedArrayBuffer(FRONT_ORDERS_BYTES);
  const wakePorts = workers.wakePorts[index] ?? [];
  const lodger = workers.lodgers[index] ?? null;
  const data: FrontThreadData = {
    index,
    shared: workers.shared,
    lodger: lodger?.data ?? null,
    commons: parts.commons,
    lanes: workers.lanes[index] ?? [],
    control,
    arena,
    outboxBytes: sizes.outboxBytes,
    mailPort: mail.port2,
    wakePorts,
    orders,
    io: parts.path,
    group: parts.group,
    backlog: parts.config.values['socket.listen.backlog.size'],
    sendBufferBytes: Math.max(0, parts.config.values['socket.send.buffer.bytes']),
    regionBufferBytes: parts.config.entry('socket.send.buffer.bytes').source === 'default' ? REGION_BUFFER_BYTES : 0,
    limits: limitsOf(parts.config.values, sizes),
    followsPackets: parts.config.values['perfbroker.follow.packets'],
    controlVersions: controlVersions(desk.ranges),
    flexibleSince: desk.flexibleSince,
    throttleSince: desk.throttleSince,
    logLevel: parts.logLevel,
    logFormat: parts.logFormat,
  };
  const url = new URL(`./front.main${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url);
  const transfer = [mail.port2, ...wakePorts, ...(lodger?.transfer ?? [])];
  const thread = new RoleThread(`front-${index}`, url, data, transfer, parts.onDeath);
  const wakers = { main: null, fronts: [] as (() => void)[] };
  wakers.fronts[index] = () => thread.post(0);
  const bells = new Bells(workers.shared, io.native, wakers);
  const slab = workers.shared.slabs[index];
  if (slab === undefined) throw new RangeError('every front has a slab');
  const port = new ControlPort({
    lane: workerEnd(control, bells.front(index)),
    arena: new ByteRing(arena),
    slab: new Uint8Array(slab),
    mail: new MessagePost(mail.port1),
    onRequest: (frame, connection) => desk.answer(frame, connection),
    onLogin: (frame, connection) => desk.login(frame, connection),
    onVerify: (body, version, identity) => desk.verify(body, version, identity),
    busyClock: () => performance.now(),
    onConnectionClosed: (connection) => desk.connectionClosed(connection),
    onFailure: (error) =>
      parts.logger.error(
        `a request failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
      ),
  });
  desk.useBacklog(() => port.waitingBytes);
  return new StartedFront({ thread, port, bells, mainBell: workers.mainBell, index, orders });
}

function limitsOf(values: BrokerValues, sizes: BrokerSizes): FrontLimits {
  const idleMs = values['connections.max.idle.ms'];
  return {
    ...FRONT_LIMITS,
    requestBytesMax: Math.min(values['socket.request.max.bytes'], sizes.slabBytes / 2),
    connectionsMax: Math.min(values['max.connections'], FRONT_LIMITS.connectionsMax * sizes.fronts),
    connectionsRoom: sizes.connectionsRoom,
    connectionsPerAddressMax: values['max.connections.per.ip'],
    addressOverrides: addressOverridesOf(values['max.connections.per.ip.overrides']),
    creationRateMax: values['max.connection.creation.rate'],
    exchangesMax: Math.max(EXCHANGES_MIN, Math.floor(FRONT_LIMITS.exchangesMax / sizes.fronts)),
    idleMs: idleMs < 0 ? Number.MAX_SAFE_INTEGER : idleMs,
    fetchSessionsMax: Math.ceil(values['max.incremental.fetch.session.cache.slots'] / sizes.fronts),
    fetchBytesMax: values['fetch.max.bytes'],
  };
}

function controlVersions(ranges: readonly VersionRange[]): (readonly [number, number] | undefined)[] {
  const table: (readonly [number, number] | undefined)[] = [];
  for (const { apiKey, minVersion, maxVersion } of ranges) table[apiKey] = [minVersion, maxVersion];
  return table;
}
