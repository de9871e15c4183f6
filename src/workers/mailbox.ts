/**
 * Messages to a role whose thread never returns to its event loop: objects through a MessagePort, taken with
 * `receiveMessageOnPort`, announced by a counter in shared memory and the role's bell. For the rare and the large
 * (open a partition, a route image); what is frequent goes through a lane.
 */
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import type { Bell } from '../zerocopy/bell.ts';

export class MailSender {
  private readonly port: MessagePort;
  private readonly counter: Int32Array;
  private readonly bell: Bell;

  constructor(port: MessagePort, counter: SharedArrayBuffer, bell: Bell) {
    this.port = port;
    this.counter = new Int32Array(counter);
    this.bell = bell;
  }

  post(message: unknown): void {
    this.port.postMessage(message);
    Atomics.add(this.counter, 0, 1);
    this.bell.ring();
  }
}

export class Mailbox {
  private readonly port: MessagePort;
  private readonly counter: Int32Array;
  private seen = 0;

  constructor(port: MessagePort, counter: SharedArrayBuffer) {
    this.port = port;
    this.counter = new Int32Array(counter);
  }

  get hasMail(): boolean {
    return Atomics.load(this.counter, 0) !== this.seen;
  }

  /** The next message, or null. Costs one atomic load while there is none. */
  take(): unknown {
    if (!this.hasMail) return null;
    const envelope = receiveMessageOnPort(this.port);
    if (envelope === undefined) return null;
    this.seen = (this.seen + 1) | 0;
    return envelope.message;
  }
}
