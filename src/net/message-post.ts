/**
 * A MessagePort as both ends of a control lane use it: posted on one side, taken without an event loop on the other. What
 * arrives is announced in the lane, so nobody listens for events here.
 */
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';

export class MessagePost {
  private readonly port: MessagePort;

  constructor(port: MessagePort) {
    this.port = port;
    // A port that is only polled must not keep the process alive.
    port.unref();
  }

  post(message: unknown): void {
    this.port.postMessage(message);
  }

  /** The oldest message, or null. */
  take(): unknown {
    return receiveMessageOnPort(this.port)?.message ?? null;
  }
}
