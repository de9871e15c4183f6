/**
 * A thread that runs one role. Spawned by the broker, which tells it everything through `workerData`; the thread's main
 * file builds the role and loops. A thread that dies takes the broker down with it: half a broker must never go on
 * serving, so `onDeath` is called once, with what is known of the cause.
 */
import { once } from 'node:events';
import { type Transferable, Worker } from 'node:worker_threads';
import { Fault } from '../base/fault.ts';

/** The first message of every role's thread: it is built and turns. */
export interface ThreadReady {
  readonly kind: 'ready';
}

export interface ThreadTrouble {
  readonly kind: 'trouble';
  readonly code: string;
  readonly message: string;
}

/** Roles allocate nothing on their hot path: a small nursery takes 3.5 MB off a resting broker (94.5 to 91 on Node 20). */
const YOUNG_MEBIBYTES = 3;

export class RoleThread {
  readonly name: string;
  private readonly worker: Worker;
  private readonly onDeath: (cause: Error) => void;
  private isEnding = false;
  private wasReady = false;

  constructor(
    name: string,
    url: URL,
    data: unknown,
    transfer: readonly Transferable[],
    onDeath: (cause: Error) => void,
  ) {
    this.name = name;
    this.onDeath = onDeath;
    this.worker = new Worker(url, {
      name,
      workerData: data,
      transferList: [...transfer],
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MEBIBYTES },
    });
    this.worker.on('error', (error) => this.died(error instanceof Error ? error : new Error(String(error))));
    this.worker.on('exit', (code) => this.died(new Fault('PB_THREAD', `the thread ${name} ended with code ${code}`)));
  }

  onMessage(handle: (message: unknown) => void): void {
    this.worker.on('message', handle);
  }

  post(message: unknown): void {
    this.worker.postMessage(message);
  }

  /** Waits for the thread's first word; a thread that could not build its role throws what it said. */
  async ready(waitMs: number): Promise<unknown> {
    const [message] = await once(this.worker, 'message', { signal: AbortSignal.timeout(waitMs) });
    if (isTrouble(message)) {
      this.isEnding = true;
      throw new Fault('PB_THREAD', message.message, { cause: message.code });
    }
    this.wasReady = true;
    return message;
  }

  /** From here on its end is expected. */
  expectEnd(): void {
    this.isEnding = true;
  }

  async ended(waitMs: number): Promise<void> {
    this.isEnding = true;
    if (this.worker.threadId < 0) return;
    await once(this.worker, 'exit', { signal: AbortSignal.timeout(waitMs) });
  }

  async terminate(): Promise<void> {
    this.isEnding = true;
    await this.worker.terminate();
  }

  private died(cause: Error): void {
    if (this.isEnding) return;
    this.isEnding = true;
    const moment = this.wasReady ? 'while it served' : 'before it was ready';
    this.onDeath(new Fault('PB_THREAD', `the thread ${this.name} died ${moment}: ${cause.message}`, { cause }));
  }
}

function isTrouble(message: unknown): message is ThreadTrouble {
  return typeof message === 'object' && message !== null && 'kind' in message && message.kind === 'trouble';
}
