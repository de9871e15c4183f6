/**
 * A server that echoes, driven at random from a seed: receives of any size, waits for bytes, cancels, sends that take a
 * part, closings in the middle. Whatever the order, every client that was not cut off gets exactly its own bytes back.
 */
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { constants } from 'node:os';
import { describe, expect, it } from 'vitest';
import {
  DONE_ACCEPT,
  DONE_CLOSE,
  DONE_READABLE,
  DONE_RECEIVE,
  DONE_SEND,
  type Transport,
} from '../../src/net/transport.ts';
import type { KernelPath } from '../../src/zerocopy/kernel.ts';
import type { Memory } from '../../src/zerocopy/memory.ts';
import { Prng } from '../support/prng.ts';
import { type Done, KernelRig, pathsHere, Received } from './kernel-rig.ts';

const { ECANCELED } = constants.errno;
const ROOM_BYTES = 16_384;
const CLIENTS = 12;

/** One socket of the server: what it received and has not sent back yet lies in [from, to) of its memory. */
class Echo {
  from = 0;
  to = 0;
  isReceiving = false;
  isSending = false;
  hasEnded = false;
  isClosing = false;
  readonly socket: number;
  private readonly memory: Memory;
  private readonly transport: Transport;
  private readonly random: Prng;

  constructor(socket: number, memory: Memory, transport: Transport, random: Prng) {
    this.socket = socket;
    this.memory = memory;
    this.transport = transport;
    this.random = random;
  }

  act(): void {
    if (this.isClosing) return;
    if (!this.isSending && this.from < this.to) {
      this.isSending = true;
      const length = 1 + this.random.nextInt(this.to - this.from);
      this.transport.send(this.socket, this.memory, this.from, length, this.random.nextInt(4) === 0);
    }
    if (!this.isSending && this.from === this.to && !this.isReceiving && !this.hasEnded) {
      this.from = 0;
      this.to = 0;
      this.isReceiving = true;
      if (this.random.nextInt(3) === 0) this.transport.awaitReadable(this.socket);
      else this.transport.receive(this.socket, this.memory, 0, 1 + this.random.nextInt(ROOM_BYTES));
      if (this.random.nextInt(6) === 0) this.transport.cancelReceive(this.socket);
    } else if (this.isReceiving && this.random.nextInt(8) === 0) {
      this.transport.cancelReceive(this.socket);
    }
    if (this.hasEnded && !this.isSending && this.from === this.to && !this.isReceiving) this.close();
  }

  close(): void {
    this.isClosing = true;
    this.transport.close(this.socket);
  }

  take(done: Done): void {
    if (done.kind === DONE_RECEIVE || done.kind === DONE_READABLE) {
      expect(this.isReceiving).toBe(true);
      this.isReceiving = false;
      if (done.kind === DONE_RECEIVE && done.result > 0) this.to = done.result;
      if (done.kind === DONE_RECEIVE && done.result === 0) this.hasEnded = true;
      if (done.result < 0 && done.result !== -ECANCELED) this.hasEnded = true;
    }
    if (done.kind === DONE_SEND) {
      expect(this.isSending).toBe(true);
      this.isSending = false;
      this.from = done.result > 0 ? this.from + done.result : this.to;
      if (done.result < 0) this.hasEnded = true;
    }
  }
}

/** A client that sends its bytes in pieces, ends, and remembers what came back. */
interface Talker {
  readonly client: Socket;
  readonly received: Received;
  readonly bytes: Buffer;
  written: number;
  isCutOff: boolean;
}

async function run(path: KernelPath, seed: number): Promise<void> {
  const random = new Prng(seed);
  const rig = new KernelRig(path);
  const echoes = new Map<number, Echo>();
  const talkers: Talker[] = [];
  try {
    for (let index = 0; index < CLIENTS; index++) {
      const { client, socket } = await rig.connect();
      const bytes = randomBytes(1 + random.nextInt(200_000));
      talkers.push({ client, received: new Received(client), bytes, written: 0, isCutOff: false });
      echoes.set(socket, new Echo(socket, rig.memory(ROOM_BYTES), rig.transport, random));
    }
    await rig.turnsUntil(() => {
      for (const done of rig.takeSeen()) {
        expect(done.kind).not.toBe(DONE_ACCEPT);
        if (done.kind === DONE_CLOSE) echoes.delete(done.socket);
        else echoes.get(done.socket)?.take(done);
      }
      for (const talker of talkers) talk(talker, random);
      for (const echo of echoes.values()) echo.act();
      return echoes.size === 0;
    });
    await rig.turnsUntil(() => talkers.every((talker) => talker.isCutOff || talker.received.hasEnded));
    for (const talker of talkers) {
      const back = talker.received.bytes();
      expect(talker.bytes.subarray(0, back.length).equals(back)).toBe(true);
      if (!talker.isCutOff) expect(back.length).toBe(talker.bytes.length);
    }
  } finally {
    rig.end();
  }
}

function talk(talker: Talker, random: Prng): void {
  const { client, bytes } = talker;
  if (talker.isCutOff || talker.written === bytes.length) return;
  if (random.nextInt(400) === 0) {
    talker.isCutOff = true;
    client.resetAndDestroy();
    return;
  }
  const length = Math.min(1 + random.nextInt(20_000), bytes.length - talker.written);
  client.write(bytes.subarray(talker.written, talker.written + length));
  talker.written += length;
  if (talker.written === bytes.length) client.end();
}

describe.each(pathsHere())('an echo over %s', (path) => {
  it('gives every client its own bytes back, whatever the order', async () => {
    const first = Number(process.env['PB_SEED'] ?? Date.now() % 1_000_000);
    for (let seed = first; seed < first + 8; seed++) {
      try {
        await run(path, seed);
      } catch (error) {
        throw new Error(`seed ${seed} (set PB_SEED to repeat it)`, { cause: error });
      }
    }
  });
});
