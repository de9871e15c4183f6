/** A front's thread: builds transport, memory and role from what main handed over, and turns it until told to end. */
import { once } from 'node:events';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { createDataTable } from '../apis/data-table.ts';
import { must } from '../base/assert.ts';
import { sharedMonotonicMs, systemClock } from '../base/clock.ts';
import { Fault, isFault } from '../base/fault.ts';
import { createLogger, type Logger } from '../base/logger.ts';
import { RateLimitedLog } from '../base/rate-limited-log.ts';
import { isSasl } from '../config/listeners.ts';
import { AuditLog } from '../security/audit-log.ts';
import { FrontAuthorizer } from '../security/front-authorizer.ts';
import { createDisk } from '../workers/create-disk.ts';
import { frontEnd } from '../workers/lane.ts';
import { PartitionRole } from '../workers/partition-role.ts';
import { Bells } from '../workers/shared-parts.ts';
import { nativeIf } from '../workers/thread-native.ts';
import { Board } from '../zerocopy/board.ts';
import { ByteRing } from '../zerocopy/byte-ring.ts';
import { BELL_ASLEEP_KERNEL, BELL_ASLEEP_LOOP } from '../zerocopy/layout.ts';
import { memoryOf, type Native } from '../zerocopy/native.ts';
import { Slab } from '../zerocopy/slab.ts';
import { ThreadPlace } from '../zerocopy/thread-place.ts';
import { ControlLane } from './control-lane.ts';
import { createTransport } from './create-transport.ts';
import { Front, RETRY_MS } from './front.ts';
import { FrontTallies } from './front-tallies.ts';
import {
  FRONT_CLOSED,
  FRONT_DOORS,
  FRONT_ORDER,
  type FrontReady,
  type FrontThreadData,
  isJoin,
  type ListenPlace,
  NO_FD,
  ORDER_ABANDON,
  ORDER_RUN,
} from './front-thread.ts';
import { KernelTransport } from './kernel-transport.ts';
import { MessagePost } from './message-post.ts';
import type { PortSharing } from './node-listening.ts';
import type { TlsGate } from './node-tls-gate.ts';
import { NodeTransport } from './node-transport.ts';
import { SeatClaims } from './seat-claims.ts';
import { ThreadSeat } from './thread-seat.ts';
import type { Transport } from './transport.ts';

/** Requests under way may finish so long after the end was asked for. */
const LAST_TURNS_MS = 300;
/** Connections over the limit are accepted and closed; they need numbers for that moment. */
const SPARE_SOCKETS = 64;
const SLEEP_MS_MAX = 10_000;
/** A line for each cause of failed handshakes in so long. */
const LOG_PERIOD_MS = 10_000;

interface Parts {
  readonly front: Front;
  readonly transport: Transport;
  /** Of the listeners with TLS. */
  readonly gates: ReadonlyMap<string, TlsGate>;
  readonly bells: Bells;
  readonly port: MessagePort;
  readonly orders: Int32Array;
  readonly lodger: PartitionRole | null;
  /** Null: the thread runs where the scheduler puts it. */
  readonly seat: ThreadSeat | null;
}

async function build(data: FrontThreadData, port: MessagePort): Promise<Parts> {
  const { shared } = data;
  const native = nativeIf(shared.usesNative);
  const bells = new Bells(shared, native, { main: () => port.postMessage(0), fronts: [] });
  const transport = createTransport({
    path: data.io,
    native,
    eventFd: shared.frontEvents[data.index] ?? -1,
    socketsMax: data.limits.connectionsPerFrontMax + SPARE_SOCKETS,
    sendBufferBytes: data.sendBufferBytes,
    regionBufferBytes: data.regionBufferBytes,
  });
  const logger = createLogger({ level: data.logLevel, format: data.logFormat, thread: `front-${data.index}` });
  const gates = await gatesOf(data, logger);
  const slab = new Slab(memoryOf(new Uint8Array(must(shared.slabs[data.index], 'a front has a slab')), native));
  const outboxSlab = new Slab(memoryOf(new Uint8Array(new SharedArrayBuffer(data.outboxBytes)), native));
  const lodger = data.lodger === null ? null : new PartitionRole(data.lodger.worker, data.lodger.line);
  const controlEnd = frontEnd(data.control, bells.main());
  const front = new Front({
    index: data.index,
    transport,
    listeners: data.group.listeners,
    renewTls: gates.size === 0 ? null : ({ listener, terms }) => gates.get(listener)?.renew(terms),
    commons: data.commons,
    moving:
      transport instanceof KernelTransport
        ? { mover: transport, bells: data.commons.handOver.map((_, front) => bells.front(front)) }
        : null,
    slab,
    outboxSlab,
    lanes: data.lanes.map((lane, worker) => frontEnd(lane, bells.worker(worker))),
    control: new ControlLane(controlEnd, new ByteRing(data.arena), new MessagePost(data.mailPort), transport),
    board: new Board(shared.board),
    disk: createDisk(native),
    dataApis: createDataTable(),
    controlVersions: data.controlVersions,
    flexibleSince: data.flexibleSince,
    throttleSince: data.throttleSince,
    limits: data.limits,
    access: new FrontAuthorizer(new AuditLog(logger, systemClock, null)),
    logger,
    nowMs: systemClock.nowMs(),
    busyClock: () => performance.now(),
    tallies: talliesOf(data),
    lodger,
  });
  return {
    front,
    transport,
    gates,
    bells,
    port,
    orders: new Int32Array(data.orders),
    lodger,
    seat: seatOf(data, transport, native),
  };
}

/**
 * Where a worker lives in the front's thread, that is: elsewhere the worker has to be woken for every request, on a
 * processor of its own.
 */
function seatOf(data: FrontThreadData, transport: Transport, native: Native | null): ThreadSeat | null {
  if (!data.followsPackets || data.lodger === null || native === null) return null;
  if (!(transport instanceof KernelTransport)) return null;
  const place = ThreadPlace.open(native);
  if (place === null) return null;
  return new ThreadSeat(place, transport, new SeatClaims(data.commons.seats, data.index), systemClock.nowMs());
}

/** By the listener's name. What TLS needs is loaded only where there is some. */
async function gatesOf({ group }: FrontThreadData, logger: Logger): Promise<ReadonlyMap<string, TlsGate>> {
  const log = new RateLimitedLog(logger, systemClock, LOG_PERIOD_MS);
  const gates = new Map<string, TlsGate>();
  if (group.listeners.every(({ tls }) => tls === null)) return gates;
  const { TlsGate } = await import('./node-tls-gate.ts');
  const { certificateNaming } = await import('../security/certificate-naming.ts');
  for (const { name, protocol, tls } of group.listeners) {
    if (tls === null) continue;
    const naming = isSasl(protocol) ? null : certificateNaming;
    gates.set(name, new TlsGate({ listener: name, terms: tls, naming, log }));
  }
  return gates;
}

function talliesOf({ shared, index }: FrontThreadData): FrontTallies | null {
  const memory = shared.tallies?.fronts[index];
  return memory === undefined ? null : new FrontTallies(memory, sharedMonotonicMs);
}

/**
 * In the kernel's hands while idle: the thread never returns to Node's event loop. What a turn prepared is submitted by the
 * call that sleeps, so that a lone request costs no call that only looks.
 */
function loopInKernel(parts: Parts, index: number): void {
  const { front, transport, orders } = parts;
  const bell = parts.bells.front(index);
  let hasSlept = false;
  while (Atomics.load(orders, FRONT_ORDER) === ORDER_RUN) {
    const nowMs = systemClock.nowMs();
    if (hasSlept && parts.seat !== null) followPackets(parts.seat, parts, nowMs);
    front.work(nowMs);
    bell.prepareSleep(BELL_ASLEEP_KERNEL);
    const maySleep = front.isIdle && Atomics.load(orders, FRONT_ORDER) === ORDER_RUN;
    const waitMs = maySleep ? sleepMs(front, nowMs) : 0;
    if (waitMs === 0) bell.cancelSleep();
    // Where something waits for room the wait is short; then what has left makes some.
    transport.poll(waitMs, waitMs > RETRY_MS && front.mayKeepSends);
    bell.cancelSleep();
    hasSlept = waitMs > 0;
  }
  parts.seat?.end();
  lastTurns(parts);
  parts.port.postMessage(FRONT_CLOSED);
  parts.lodger?.runAlone(() => true);
}

/** Before the turn, which takes the completions away. */
function followPackets(seat: ThreadSeat, { front, transport }: Parts, nowMs: number): void {
  const { moves, processor } = seat;
  seat.woken(nowMs, transport.completions);
  if (seat.moves !== moves || seat.processor !== processor) front.tallies?.seated(seat.processor, seat.moves);
}

/** On plain Node sockets: a turn per wake-up, so that the event loop can bring bytes. */
function loopInNode(parts: Parts, index: number, transport: NodeTransport, wakePorts: readonly MessagePort[]): void {
  const { front, orders } = parts;
  const bell = parts.bells.front(index);
  let timer: NodeJS.Timeout | null = null;
  let isDone = false;
  const run = (): void => {
    if (isDone) return;
    bell.cancelSleep();
    if (timer !== null) clearTimeout(timer);
    let nowMs = systemClock.nowMs();
    for (;;) {
      while (front.turn(nowMs)) nowMs = systemClock.nowMs();
      bell.prepareSleep(BELL_ASLEEP_LOOP);
      if (front.isIdle) break;
      bell.cancelSleep();
    }
    if (Atomics.load(orders, FRONT_ORDER) === ORDER_RUN) {
      timer = setTimeout(run, sleepMs(front, nowMs));
      return;
    }
    isDone = true;
    lastTurns(parts);
    for (const wakePort of wakePorts) wakePort.close();
    must(parentPort, 'a front runs in a thread').close();
  };
  transport.onActivity = run;
  for (const wakePort of wakePorts) wakePort.on('message', run);
  must(parentPort, 'a front runs in a thread').on('message', run);
  run();
}

function sleepMs(front: Front, nowMs: number): number {
  return Math.min(SLEEP_MS_MAX, Math.max(0, Math.ceil(front.nextWakeMs() - nowMs)));
}

/** No new connections; what is under way may finish, within bounds and unless it is to end at once. */
function lastTurns(parts: Parts): void {
  const { front, transport, orders } = parts;
  transport.setAccepting(false);
  const startedMs = systemClock.nowMs();
  let nowMs = startedMs;
  while (nowMs - startedMs < LAST_TURNS_MS && Atomics.load(orders, FRONT_ORDER) !== ORDER_ABANDON && front.isBusy) {
    if (!front.turn(nowMs)) transport.poll(1);
    nowMs = systemClock.nowMs();
  }
  transport.destroy();
}

/** Until main has opened the data folder, with the help of the lodger: who connects meanwhile waits in the kernel's queue. */
function waitForDoors({ orders, lodger }: Parts): void {
  const isClosed = (): boolean =>
    Atomics.load(orders, FRONT_DOORS) === 0 && Atomics.load(orders, FRONT_ORDER) === ORDER_RUN;
  lodger?.runAlone(isClosed);
  while (isClosed()) Atomics.wait(orders, FRONT_DOORS, 0, SLEEP_MS_MAX);
}

/** On the kernel's paths the first front listens for all; on plain Node every front of a group listens on the same ports. */
async function listen(data: FrontThreadData, port: MessagePort, parts: Parts): Promise<FrontReady> {
  const { transport, gates } = parts;
  const { group, backlog, index } = data;
  const isFirst = index === group.first;
  const places: ListenPlace[] = [];
  if (!(transport instanceof NodeTransport)) {
    if (!isFirst) return { kind: 'ready', places: null };
    for (const { wish } of group.listeners) places.push({ address: transport.listen(wish, backlog), fd: NO_FD });
    return { kind: 'ready', places };
  }
  if (!isFirst) {
    const [message] = await once(port, 'message');
    if (!isJoin(message)) throw new Fault('PB_THREAD', 'a front was not told where the others listen');
    for (const [number, { address, fd }] of message.places.entries()) {
      const porch = gates.get(group.listeners[number]?.name ?? '') ?? null;
      await transport.prepare(address, backlog, { kind: 'beside', fd }, porch);
    }
    return { kind: 'ready', places: null };
  }
  const sharing: PortSharing = { kind: group.count > 1 ? 'first' : 'alone' };
  for (const [number, { wish, name }] of group.listeners.entries()) {
    const address = await transport.prepare(wish, backlog, sharing, gates.get(name) ?? null);
    places.push({ address, fd: transport.listenerFd(number) });
  }
  return { kind: 'ready', places };
}

async function main(): Promise<void> {
  const data: FrontThreadData = workerData;
  const port = must(parentPort, 'a front runs in a thread');
  try {
    const parts = await build(data, port);
    const { transport } = parts;
    port.postMessage(await listen(data, port, parts));
    waitForDoors(parts);
    transport.setAccepting(true);
    if (transport instanceof NodeTransport) loopInNode(parts, data.index, transport, data.wakePorts);
    else loopInKernel(parts, data.index);
  } catch (error) {
    if (!isFault(error)) throw error;
    port.postMessage({ kind: 'trouble', code: error.code, message: error.message });
  }
}

await main();
