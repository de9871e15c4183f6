/**
 * The generator of `bench:tls`: connections with TLS, on each of them so many ready-made requests on their way; whenever an
 * answer is whole the next request goes out. One thread of Node; the same for every broker.
 */
import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import type { Api } from '../../src/protocol/api.ts';
import { decodeResponse } from '../../src/protocol/compile.ts';
import { decodeResponseHeader } from '../../src/protocol/header.ts';
import { Reader } from '../../src/protocol/reader.ts';

export interface PumpPlan {
  readonly port: number;
  /** The authority that signed the broker's certificate. */
  readonly authority: string;
  readonly connections: number;
  readonly inFlight: number;
  readonly frames: readonly Buffer[];
  readonly warmSeconds: number;
  readonly seconds: number;
  /** Throws when the first answer of a connection is not what it should be. */
  readonly check: (answer: Uint8Array) => void;
}

export interface PumpResult {
  readonly answers: number;
  readonly answerBytes: number;
  readonly seconds: number;
  /** What the broker chose: version and suite. */
  readonly chosen: string;
}

const PREFIX_BYTES = 4;
const READ_BYTES = 65_536;

class Pipe {
  answers = 0;
  answerBytes = 0;
  failure: Error | null = null;
  private readonly socket: TLSSocket;
  private readonly plan: PumpPlan;
  private next: number;
  private head: Buffer = Buffer.alloc(0);
  /** Of the answer that is coming in. */
  private leftBytes = 0;
  private first: Buffer[] | null = [];

  /** Answers are read into one buffer over and over: the generator is to cost as little as it can. */
  constructor(plan: PumpPlan, next: number) {
    this.plan = plan;
    this.next = next;
    const callback = (count: number, buffer: Uint8Array): boolean => {
      this.arrived(Buffer.from(buffer.buffer, buffer.byteOffset, count));
      return true;
    };
    const onread = { buffer: Buffer.allocUnsafeSlow(READ_BYTES), callback };
    const options = { host: '127.0.0.1', port: plan.port, ca: plan.authority, onread };
    const socket = connect(options);
    this.socket = socket;
    socket.on('error', (error) => this.fail(error));
    socket.on('close', () => this.fail(new Error('the broker closed a connection')));
  }

  async begin(): Promise<void> {
    await once(this.socket, 'secureConnect');
    for (let index = 0; index < this.plan.inFlight; index++) this.send();
  }

  get chosen(): string {
    return `${this.socket.getProtocol()} ${this.socket.getCipher().name}`;
  }

  /** What comes from here on is expected to end. */
  stop(): void {
    this.socket.removeAllListeners('close');
    this.socket.destroy();
  }

  private send(): void {
    const { frames } = this.plan;
    this.socket.write(frames[this.next % frames.length]!);
    this.next += 1;
  }

  private arrived(chunk: Buffer): void {
    this.answerBytes += chunk.length;
    let rest = this.head.length === 0 ? chunk : Buffer.concat([this.head, chunk]);
    this.head = Buffer.alloc(0);
    while (rest.length > 0) {
      if (this.leftBytes === 0) {
        if (rest.length < PREFIX_BYTES) {
          this.head = Buffer.from(rest);
          return;
        }
        this.leftBytes = rest.readUInt32BE(0);
        rest = rest.subarray(PREFIX_BYTES);
      }
      const piece = rest.subarray(0, this.leftBytes);
      this.first?.push(Buffer.from(piece));
      this.leftBytes -= piece.length;
      rest = rest.subarray(piece.length);
      if (this.leftBytes === 0) this.answered();
    }
  }

  private answered(): void {
    this.answers += 1;
    if (this.first !== null) {
      try {
        this.plan.check(Buffer.concat(this.first));
      } catch (error) {
        this.fail(error instanceof Error ? error : new Error(String(error)));
      }
      this.first = null;
    }
    this.send();
  }

  private fail(error: Error): void {
    this.failure ??= error;
  }
}

export async function pump(plan: PumpPlan, onMeasuring: () => void): Promise<PumpResult> {
  const pipes: Pipe[] = [];
  for (let index = 0; index < plan.connections; index++) {
    const pipe = new Pipe(plan, index);
    pipes.push(pipe);
    await pipe.begin();
  }
  await wait(plan.warmSeconds);
  const before = sums(pipes);
  const beganMs = performance.now();
  onMeasuring();
  await wait(plan.seconds);
  const after = sums(pipes);
  const seconds = (performance.now() - beganMs) / 1000;
  const chosen = [...new Set(pipes.map((pipe) => pipe.chosen))].join(', ');
  const failure = pipes.find((pipe) => pipe.failure !== null)?.failure ?? null;
  for (const pipe of pipes) pipe.stop();
  if (failure !== null) throw failure;
  const [answers, answerBytes] = [after.answers - before.answers, after.answerBytes - before.answerBytes];
  return { answers, answerBytes, seconds, chosen };
}

/** The answer of the API in that version, of the first request that went out; its correlation id is the frame's. */
export function decoded<D>(api: Api<unknown, unknown, D>, version: number, answer: Uint8Array): D {
  const view = new DataView(answer.buffer, answer.byteOffset, answer.byteLength);
  const reader = new Reader(answer, view, 0, answer.length);
  decodeResponseHeader(api, version, view.getInt32(0), reader);
  return decodeResponse(api, version, reader);
}

function sums(pipes: readonly Pipe[]): { readonly answers: number; readonly answerBytes: number } {
  let [answers, answerBytes] = [0, 0];
  for (const pipe of pipes) {
    answers += pipe.answers;
    answerBytes += pipe.answerBytes;
  }
  return { answers, answerBytes };
}

function wait(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}
