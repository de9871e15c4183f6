/**
 * Two threads pass a number back and forth; who does not have it sleeps on a bell. Run by `bell-rally.test.ts`, or by hand:
 *
 *   node dist/test/threads/bell-rally.main.js --sleep futex|plain|uring|epoll [--rallies 1e5]
 *
 * Prints one line of JSON and exits with 1 when a wake-up was lost. Threads leave their kernels open on purpose, with
 * accepts under way: ending a thread must clean up after it. One is left to its end, the other is terminated.
 */
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { must } from '../../src/base/assert.ts';
import { Bell } from '../../src/zerocopy/bell.ts';
import { type Kernel, type KernelPath, openKernel } from '../../src/zerocopy/kernel.ts';
import { BELL_ASLEEP_FUTEX, BELL_ASLEEP_KERNEL, BELL_BYTES } from '../../src/zerocopy/layout.ts';
import { loadNative, type Native } from '../../src/zerocopy/native.ts';

type Sleep = 'futex' | 'plain' | KernelPath;

interface SideData {
  readonly sleep: Sleep;
  readonly side: number;
  readonly rallies: number;
  /** Word 0: how often the number was passed on. */
  readonly ball: SharedArrayBuffer;
  readonly bells: SharedArrayBuffer;
  /** Event descriptors of both sides; -1 without a kernel. */
  readonly events: readonly number[];
}

interface SideReport {
  readonly lost: number;
  readonly sleeps: number;
}

const WAIT_MS = 2000;

function usesKernel(sleep: Sleep): sleep is KernelPath {
  return sleep === 'uring' || sleep === 'epoll';
}

class Side {
  sleeps = 0;
  lost = 0;
  private readonly ball: Int32Array;
  private readonly own: Bell;
  private readonly other: Bell;
  private readonly data: SideData;
  private readonly kernel: Kernel | null;

  constructor(data: SideData) {
    const native = data.sleep === 'plain' ? null : must(loadNative().native, 'the native part is built');
    const otherSide = 1 - data.side;
    this.data = data;
    this.ball = new Int32Array(data.ball);
    this.own = new Bell(data.bells, data.side, native, data.events[data.side] ?? -1, null);
    this.other = new Bell(data.bells, otherSide, native, data.events[otherSide] ?? -1, null);
    this.kernel = this.openKernel(native);
  }

  play(): SideReport {
    const { side, rallies } = this.data;
    for (let turn = side; turn < rallies; turn += 2) {
      this.waitFor(turn);
      if (this.lost > 0) break;
      Atomics.store(this.ball, 0, turn + 1);
      this.other.ring();
    }
    return { lost: this.lost, sleeps: this.sleeps };
  }

  private waitFor(turn: number): void {
    while (Atomics.load(this.ball, 0) !== turn) {
      this.own.prepareSleep(this.kernel === null ? BELL_ASLEEP_FUTEX : BELL_ASLEEP_KERNEL);
      if (Atomics.load(this.ball, 0) === turn) {
        this.own.cancelSleep();
        return;
      }
      this.sleeps += 1;
      const startMs = performance.now();
      if (this.kernel === null) this.own.waitFutex(WAIT_MS);
      else this.kernel.turn(WAIT_MS);
      this.own.cancelSleep();
      if (performance.now() - startMs > WAIT_MS * 0.9) {
        this.lost += 1;
        return;
      }
    }
  }

  private openKernel(native: Native | null): Kernel | null {
    const { sleep, side, events } = this.data;
    if (!usesKernel(sleep) || native === null) return null;
    const kernel = openKernel(native, sleep, { socketsMax: 64, eventFd: events[side] ?? -1 });
    kernel.prepareAccept(kernel.listen('127.0.0.1', 0, 8, 0));
    kernel.turn(0);
    return kernel;
  }
}

function startSide(data: SideData): { worker: Worker; report: Promise<SideReport> } {
  const worker = new Worker(new URL(import.meta.url), { workerData: data });
  const report = new Promise<SideReport>((resolve, reject) => {
    worker.once('message', (message: SideReport) => resolve(message));
    worker.once('error', reject);
  });
  return { worker, report };
}

async function rally(sleep: Sleep, rallies: number): Promise<number> {
  const { native } = loadNative();
  const events = usesKernel(sleep) && native !== null ? [native.eventfdOpen(), native.eventfdOpen()] : [-1, -1];
  const shared = {
    sleep,
    rallies,
    events,
    ball: new SharedArrayBuffer(64),
    bells: new SharedArrayBuffer(BELL_BYTES * 2),
  };
  const startedMs = performance.now();
  const sides = [0, 1].map((side) => startSide({ ...shared, side }));
  const reports = await Promise.all(sides.map((side) => side.report));
  const elapsedMs = performance.now() - startedMs;
  await sides[0]?.worker.terminate();
  const lost = reports.reduce((sum, report) => sum + report.lost, 0);
  const sleeps = reports.reduce((sum, report) => sum + report.sleeps, 0);
  const microseconds = Number(((elapsedMs * 1000) / rallies).toFixed(1));
  console.log(JSON.stringify({ sleep, rallies, sleeps, lost, microseconds }));
  return lost;
}

if (isMainThread) {
  const { values } = parseArgs({ options: { sleep: { type: 'string' }, rallies: { type: 'string' } } });
  const kinds: readonly Sleep[] = ['futex', 'plain', 'uring', 'epoll'];
  const sleep = must(
    kinds.find((kind) => kind === (values.sleep ?? 'futex')),
    '--sleep is futex, plain, uring or epoll',
  );
  process.exitCode = (await rally(sleep, Number(values.rallies ?? '1e5'))) > 0 ? 1 : 0;
} else {
  const data: SideData = workerData;
  parentPort?.postMessage(new Side(data).play());
}
