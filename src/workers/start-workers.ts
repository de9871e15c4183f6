/**
 * Spawns the partition workers and their disk aide, with the memory they share, and ends them again. The lanes to the
 * fronts, and main's own, are made here as well, because a worker must know both ends' memory before it starts.
 */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { LogFormat, LogLevel } from '../base/logger.ts';
import { NodeDisk } from '../storage/node-disk.ts';
import { Board } from '../zerocopy/board.ts';
import { BOARD_ROW_BYTES } from '../zerocopy/layout.ts';
import { memoryOf, type Native } from '../zerocopy/native.ts';
import { Slab } from '../zerocopy/slab.ts';
import type { BackgroundPool } from './background-pool.ts';
import type { BrokerSizes } from './broker-sizes.ts';
import type { PartitionReport, WorkerReply } from './commands.ts';
import type { FileRemoval } from './file-removal.ts';
import type { HousekeepingSettings } from './housekeeping.ts';
import { createLaneMemory, frontEnd, type LaneMemory } from './lane.ts';
import { MailSender } from './mailbox.ts';
import { MainBell } from './main-bell.ts';
import { PartitionPort } from './partition-port.ts';
import { RoleThread } from './role-thread.ts';
import { AIDE, Bells, bellBytes, FLUSHER, NO_WAKERS, type SharedParts, type TallyParts } from './shared-parts.ts';
import type { DiskAideThreadData, LodgerData, PartitionThreadData } from './thread-data.ts';
import { type RecodeRequest, WorkerPost } from './worker-post.ts';

export interface StartWorkersParts {
  readonly io: { readonly native: Native | null; readonly usesNative: boolean; readonly sleepsInKernel: boolean };
  readonly sizes: BrokerSizes;
  readonly fronts: number;
  /** Those among the first so many that sleep in the kernel, if any do; the others sleep in their event loop. */
  readonly plainFronts: number;
  readonly background: BackgroundPool;
  readonly housekeeping: HousekeepingSettings;
  readonly removal: FileRemoval;
  /** Null: nobody wants metrics. */
  readonly tallies: TallyParts | null;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
  readonly onDeath: (cause: Error) => void;
}

/** What a front's thread is given, and what moves with it. */
export interface Lodger {
  readonly data: LodgerData;
  readonly transfer: readonly MessagePort[];
}

const READY_WAIT_MS = 20_000;
const STOP_WAIT_MS = 20_000;
const AIDE_NAMES = ['disk-aide', 'flusher'];
const AIDES = AIDE_NAMES.length;
/** What the control plane has under way at once; more waits in main's memory. */
const MAIN_LANE_SLOTS = 1024;
/** For batches of coordinators on their way; untouched parts cost nothing. */
const MAIN_SLAB_BYTES = 16_777_216;

export class StartedWorkers {
  readonly shared: SharedParts;
  readonly bells: Bells;
  /** Whoever reads on main what other threads put into rings adds itself here. */
  readonly mainBell: MainBell;
  /** Main's own way to the data of partitions. */
  readonly port: PartitionPort;
  /** By front, then by worker. */
  readonly lanes: readonly (readonly LaneMemory[])[];
  /** By front: where its thread is woken, one port a worker; empty for fronts that sleep in the kernel. */
  readonly wakePorts: readonly MessagePort[][];
  readonly posts: readonly WorkerPost[];
  /** By front: the worker that its thread is to run as well. */
  readonly lodgers: readonly Lodger[];
  private readonly threads: readonly RoleThread[];
  private readonly aides: readonly RoleThread[];
  private readonly aideEnd: SharedArrayBuffer;
  private readonly abandoned: SharedArrayBuffer;

  constructor(parts: {
    shared: SharedParts;
    bells: Bells;
    mainBell: MainBell;
    port: PartitionPort;
    lanes: readonly (readonly LaneMemory[])[];
    wakePorts: readonly MessagePort[][];
    posts: readonly WorkerPost[];
    lodgers: readonly Lodger[];
    threads: readonly RoleThread[];
    aides: readonly RoleThread[];
    aideEnd: SharedArrayBuffer;
    abandoned: SharedArrayBuffer;
  }) {
    this.shared = parts.shared;
    this.bells = parts.bells;
    this.mainBell = parts.mainBell;
    this.port = parts.port;
    this.lanes = parts.lanes;
    this.wakePorts = parts.wakePorts;
    this.posts = parts.posts;
    this.lodgers = parts.lodgers;
    this.threads = parts.threads;
    this.aides = parts.aides;
    this.aideEnd = parts.aideEnd;
    this.abandoned = parts.abandoned;
  }

  async ready(): Promise<void> {
    await Promise.all([...this.threads, ...this.aides].map((thread) => thread.ready(READY_WAIT_MS)));
  }

  /** Closes all logs; the rows tell how each of them ended. */
  async stop(): Promise<PartitionReport[]> {
    for (const thread of [...this.threads, ...this.aides]) thread.expectEnd();
    const rows = await Promise.all(this.posts.map((post) => post.stop(STOP_WAIT_MS)));
    this.endAides();
    await Promise.all([...this.threads, ...this.aides].map((thread) => thread.ended(STOP_WAIT_MS)));
    return rows.flat();
  }

  /**
   * Nothing is written down any more; the threads leave as soon as they can. Node cannot end a thread that sleeps in
   * the kernel, not even by exiting, so this comes before either.
   */
  abandon(): void {
    for (const thread of [...this.threads, ...this.aides]) thread.expectEnd();
    Atomics.store(new Int32Array(this.abandoned), 0, 1);
    for (const { index } of this.posts) this.bells.worker(index).ring();
    this.endAides();
  }

  async terminate(): Promise<void> {
    this.abandon();
    await Promise.all([...this.threads, ...this.aides].map((thread) => thread.terminate()));
  }

  private endAides(): void {
    Atomics.store(new Int32Array(this.aideEnd), 0, 1);
    for (let index = 0; index < AIDES; index++) this.bells.aide(index).ring();
  }
}

export function startWorkers(parts: StartWorkersParts): StartedWorkers {
  const { sizes, fronts, io } = parts;
  const shared = sharedParts(parts);
  const bells = new Bells(shared, io.native, NO_WAKERS);
  const lanes = times(fronts, () => times(sizes.workers, () => createLaneMemory(sizes.laneSlots)));
  const mainLanes = times(sizes.workers, () => createLaneMemory(MAIN_LANE_SLOTS));
  const port = portOf(shared, bells, mainLanes);
  const mainBell = new MainBell(bells.main(), [() => port.drain()]);
  const aideLanes = times(AIDES, () => times(sizes.workers, () => createLaneMemory(sizes.aideSlots)));
  const wakePorts: MessagePort[][] = times(fronts, () => []);
  const posts: WorkerPost[] = [];
  const threads: RoleThread[] = [];
  const lodgers: Lodger[] = [];
  const abandoned = new SharedArrayBuffer(4);
  for (let index = 0; index < sizes.workers; index++) {
    const mail = new MessageChannel();
    const mailCounter = new SharedArrayBuffer(4);
    const frontPorts = times(fronts, (front) => (sleepsInKernel(parts, front) ? null : wakeChannel(wakePorts, front)));
    const data: PartitionThreadData = {
      index,
      shared,
      lanes: [...lanes, mainLanes].map((ofRole) => laneAt(ofRole, index)),
      aide: laneAt(aideLanes[AIDE] ?? [], index),
      flusher: laneAt(aideLanes[FLUSHER] ?? [], index),
      mailPort: mail.port2,
      mailCounter,
      frontPorts,
      abandoned,
      filesOpenMax: sizes.filesOpenMaxPerWorker,
      housekeeping: parts.housekeeping,
      logLevel: parts.logLevel,
      logFormat: parts.logFormat,
    };
    mail.port1.unref();
    const post = new WorkerPost(index, new MailSender(mail.port1, mailCounter, bells.worker(index)));
    serve(post, parts);
    posts.push(post);
    const hear = hearing(post, mainBell);
    const transfer = [mail.port2, ...frontPorts.filter((port) => port !== null)];
    if (index < shared.workersInFronts) lodgers.push(lodgerOf(data, transfer, hear));
    else threads.push(startThread(data, transfer, hear, parts.onDeath));
  }
  const aideEnd = new SharedArrayBuffer(4);
  const aides = aideLanes.map((lanes, index) => startAide({ index, shared, lanes, end: aideEnd }, parts.onDeath));
  return new StartedWorkers({
    shared,
    bells,
    mainBell,
    port,
    lanes,
    wakePorts,
    posts,
    lodgers,
    threads,
    aides,
    aideEnd,
    abandoned,
  });
}

function sleepsInKernel({ io, plainFronts }: StartWorkersParts, front: number): boolean {
  return io.sleepsInKernel && front < plainFronts;
}

/** What a worker says to main: a ring, or a reply. */
function hearing(post: WorkerPost, mainBell: MainBell): (message: unknown) => void {
  return (message) => {
    if (message === 0) mainBell.answer();
    else post.receive(message as WorkerReply);
  };
}

/** To be run by the thread of a front. */
function lodgerOf(
  worker: PartitionThreadData,
  transfer: readonly MessagePort[],
  hear: (message: unknown) => void,
): Lodger {
  const line = new MessageChannel();
  line.port1.on('message', hear).unref();
  return { data: { worker, line: line.port2 }, transfer: [line.port2, ...transfer] };
}

function startThread(
  data: PartitionThreadData,
  transfer: readonly MessagePort[],
  hear: (message: unknown) => void,
  onDeath: (cause: Error) => void,
): RoleThread {
  const thread = new RoleThread(`worker-${data.index}`, threadUrl('partition'), data, transfer, onDeath);
  thread.onMessage(hear);
  return thread;
}

function startAide(data: DiskAideThreadData, onDeath: (cause: Error) => void): RoleThread {
  return new RoleThread(AIDE_NAMES[data.index] ?? 'aide', threadUrl('disk-aide'), data, [], onDeath);
}

function sharedParts(parts: StartWorkersParts): SharedParts {
  const { sizes, fronts, io } = parts;
  const { native } = io;
  return {
    fronts,
    workers: sizes.workers,
    // All or none: partitions are placed evenly, so their workers should have the same to do.
    workersInFronts: io.sleepsInKernel && sizes.workers <= parts.plainFronts ? sizes.workers : 0,
    aides: AIDES,
    bells: new SharedArrayBuffer(bellBytes(fronts, sizes.workers, AIDES)),
    board: new SharedArrayBuffer(sizes.slotsMax * BOARD_ROW_BYTES),
    slabs: [...times(fronts, () => new SharedArrayBuffer(sizes.slabBytes)), new SharedArrayBuffer(MAIN_SLAB_BYTES)],
    frontEvents: times(fronts, (front) =>
      native !== null && sleepsInKernel(parts, front) ? native.eventfdOpen() : -1,
    ),
    usesNative: io.usesNative,
    tallies: parts.tallies,
  };
}

function portOf(shared: SharedParts, bells: Bells, lanes: readonly LaneMemory[]): PartitionPort {
  const slab = shared.slabs[shared.fronts];
  if (slab === undefined) throw new RangeError('main has a slab');
  return new PartitionPort({
    lanes: lanes.map((lane, worker) => frontEnd(lane, bells.worker(worker))),
    slab: new Slab(memoryOf(new Uint8Array(slab), null)),
    board: new Board(shared.board),
    watcher: shared.fronts,
    disk: new NodeDisk(),
  });
}

/** What a worker asks main for. */
function serve(post: WorkerPost, parts: StartWorkersParts): void {
  post.onRecode = (request) => recodeFor(parts.background, post, request);
  post.onRemoveFiles = (paths) => parts.removal.remove(paths);
}

function recodeFor(background: BackgroundPool, post: WorkerPost, request: RecodeRequest): void {
  background.recode(request.batch, request.codec, request.level).then(
    (bytes) => post.recoded(request.ticket, bytes),
    () => post.recoded(request.ticket, null),
  );
}

function wakeChannel(wakePorts: MessagePort[][], front: number): MessagePort {
  const channel = new MessageChannel();
  wakePorts[front]?.push(channel.port2);
  return channel.port1;
}

function laneAt(lanes: readonly LaneMemory[], index: number): LaneMemory {
  const lane = lanes[index];
  if (lane === undefined) throw new RangeError('every role has a lane to every worker');
  return lane;
}

function threadUrl(name: string): URL {
  return new URL(`./${name}.main${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url);
}

function times<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}
