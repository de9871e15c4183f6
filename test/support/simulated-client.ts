/**
 * A Kafka client of the broker in one thread: writes requests through the schemas, reads the answers through them, and
 * holds the broker to the order of answers. What it is told is what is on the wire.
 */
import { must } from '../../src/base/assert.ts';
import type { Api } from '../../src/protocol/api.ts';
import { decodeResponse } from '../../src/protocol/compile.ts';
import { encodeRequestFrame } from '../../src/protocol/frame.ts';
import { decodeResponseHeader } from '../../src/protocol/header.ts';
import { Reader } from '../../src/protocol/reader.ts';
import { Writer } from '../../src/protocol/writer.ts';
import type { BrokerInOneThread } from './broker-in-one-thread.ts';
import type { FakeClient } from './fake-client.ts';

const FRAME_BYTES_MAX = 64 << 20;

export class SimulatedClient {
  readonly socket: FakeClient;
  readonly broker: BrokerInOneThread;
  private received = new Uint8Array(0);
  private nextCorrelation = 1;
  /** Of requests whose answers have not been read. */
  private readonly awaited: number[] = [];

  constructor(broker: BrokerInOneThread, socket: FakeClient) {
    this.broker = broker;
    this.socket = socket;
  }

  get isClosed(): boolean {
    return this.socket.isClosedByBroker;
  }

  /** Writes a request and does not wait. `isAnswered` is false for a produce with acks=0. */
  send<Input>(api: Api<unknown, Input>, version: number, request: Input, isAnswered = true): void {
    const id = this.nextCorrelation++;
    if (isAnswered) this.awaited.push(id);
    this.socket.write(requestBytes(api, version, id, request));
  }

  /** The answer to the oldest request that has one. Everything that was sent before has been worked on as far as it can. */
  receive<Output>(api: Api<unknown, unknown, Output>, version: number): Output {
    const frame = must(this.takeFrame(), `an answer to ${api.name} has arrived`);
    const reader = Reader.over(frame);
    const id = must(this.awaited.shift(), 'an answer belongs to a request');
    decodeResponseHeader(api, version, id, reader);
    const response = decodeResponse(api, version, reader);
    if (reader.remaining !== 0) throw new Error(`${reader.remaining} bytes stand behind the ${api.name} response`);
    return response;
  }

  async ask<Input, Output>(api: Api<unknown, Input, Output>, version: number, request: Input): Promise<Output> {
    this.send(api, version, request);
    await this.broker.settle();
    return this.receive(api, version);
  }

  /** The oldest unread frame without its length prefix, or null. */
  takeFrame(): Uint8Array | null {
    this.pull();
    if (this.received.length < 4) return null;
    const length = new DataView(this.received.buffer, this.received.byteOffset).getInt32(0);
    if (this.received.length < 4 + length) return null;
    const frame = this.received.slice(4, 4 + length);
    this.received = this.received.slice(4 + length);
    return frame;
  }

  /** Whole frames that have arrived and not been taken; takes them. */
  countFrames(): number {
    let count = 0;
    while (this.takeFrame() !== null) count += 1;
    return count;
  }

  get hasAnswer(): boolean {
    this.pull();
    return this.received.length > 0;
  }

  private pull(): void {
    const more = this.socket.take();
    if (more.length === 0) return;
    const joined = new Uint8Array(this.received.length + more.length);
    joined.set(this.received);
    joined.set(more, this.received.length);
    this.received = joined;
  }
}

/** A whole frame, with its length prefix. */
export function requestBytes<Input>(api: Api<unknown, Input>, version: number, id: number, request: Input): Uint8Array {
  const writer = new Writer(FRAME_BYTES_MAX);
  encodeRequestFrame(api, version, id, 'simulated', request, writer);
  return new Uint8Array(writer.written());
}
