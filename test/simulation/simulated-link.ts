/**
 * A connection of a simulated client: requests as promises, several under way, answers in their order. Whatever ends it
 * (the broker, the client, the process, the power) ends all that waits on it with `LinkBroken`.
 */
import type { Api } from '../../src/protocol/api.ts';
import { decodeResponse } from '../../src/protocol/compile.ts';
import { decodeResponseHeader } from '../../src/protocol/header.ts';
import { Reader } from '../../src/protocol/reader.ts';
import type { FakeClient } from '../support/fake-client.ts';
import { requestBytes } from '../support/simulated-client.ts';
import { demand } from './violation.ts';

export class LinkBroken extends Error {
  override readonly name = 'LinkBroken';
}

interface Awaited {
  readonly take: (frame: Uint8Array) => void;
  readonly fail: (error: Error) => void;
}

export class SimulatedLink {
  readonly number: number;
  readonly socket: FakeClient;
  isBroken = false;
  private received = new Uint8Array(0);
  private readonly awaited: Awaited[] = [];
  private nextCorrelation = 1;

  constructor(number: number, socket: FakeClient) {
    this.number = number;
    this.socket = socket;
  }

  get pendingCount(): number {
    return this.awaited.length;
  }

  ask<Input, Output>(api: Api<unknown, Input, Output>, version: number, request: Input): Promise<Output> {
    if (this.isBroken) return Promise.reject(new LinkBroken());
    const id = this.nextCorrelation++;
    return new Promise((resolve, reject) => {
      this.awaited.push({
        take: (frame) => {
          const reader = Reader.over(frame);
          decodeResponseHeader(api, version, id, reader);
          const response = decodeResponse(api, version, reader);
          demand(reader.remaining === 0, `${reader.remaining} bytes stand behind an answer to ${api.name}`);
          resolve(response);
        },
        fail: reject,
      });
      this.socket.write(requestBytes(api, version, id, request));
    });
  }

  /** A request that is not answered. */
  tell<Input>(api: Api<unknown, Input>, version: number, request: Input): void {
    if (this.isBroken) throw new LinkBroken();
    this.socket.write(requestBytes(api, version, this.nextCorrelation++, request));
  }

  /** Takes in what has arrived. */
  pump(): void {
    if (this.isBroken) return;
    const more = this.socket.take();
    if (more.length > 0) this.takeFrames(more);
    if (this.socket.isClosedByBroker) this.break();
  }

  break(): void {
    if (this.isBroken) return;
    this.isBroken = true;
    if (!this.socket.isClosedByBroker) this.socket.reset();
    for (const { fail } of this.awaited.splice(0)) fail(new LinkBroken());
  }

  private takeFrames(more: Uint8Array): void {
    const all = new Uint8Array(this.received.length + more.length);
    all.set(this.received);
    all.set(more, this.received.length);
    const view = new DataView(all.buffer);
    let at = 0;
    while (at + 4 <= all.length && at + 4 + view.getInt32(at) <= all.length) {
      const length = view.getInt32(at);
      const waiting = this.awaited.shift();
      demand(waiting !== undefined, 'an answer came that nobody waits for');
      waiting.take(all.slice(at + 4, at + 4 + length));
      at += 4 + length;
    }
    this.received = all.subarray(at);
  }
}
