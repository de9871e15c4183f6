/**
 * Responses on their way out. Every connection has a queue of parts, in response order: bytes in outbox memory, or
 * regions of files under a lease. Small responses of one turn lie behind one another in one block and leave with one
 * send; partial sends go on where they stopped; what a connection held goes back when it dies.
 *
 *   connection: partHead → part → part ← partTail        writeBlock: [ parts that reference it … | writeAt … writeEnd )
 *
 * A block is referenced once by its connection while it is being written, and once by each part in it.
 */
import { assert } from '../base/assert.ts';
import type { Slab } from '../zerocopy/slab.ts';
import { CONNECTION_OPEN, type Connection } from './connection.ts';
import { PartPool } from './part-pool.ts';
import type { Transport } from './transport.ts';
import type { WorkerLanes } from './worker-lanes.ts';

const WRITE_BLOCK_BYTES = 4096;
const NONE = -1;

export class Outbox {
  readonly slab: Slab;
  readonly parts: PartPool;
  /** Bytes that ever joined a connection's stream: differences tell how long a response is. */
  bytesQueued = 0;
  /** Something is to be done when a send of this turn has left: the next part, a held request, a closing. */
  awaitsSent = false;
  private readonly transport: Transport;
  private readonly lanes: WorkerLanes;

  constructor(slab: Slab, transport: Transport, lanes: WorkerLanes, partsMax: number) {
    this.slab = slab;
    this.transport = transport;
    this.lanes = lanes;
    this.parts = new PartPool(partsMax);
  }

  get bytes(): Uint8Array {
    return this.slab.memory.bytes;
  }

  get view(): DataView {
    return this.slab.memory.view;
  }

  /** Room for `bytes` contiguous bytes of a response; -1 when memory is short. Nothing is kept until `commit`. */
  open(connection: Connection, bytes: number): number {
    assert(bytes > 0, 'a response has bytes');
    if (connection.writeBlock !== NONE) {
      if (connection.writeEnd - connection.writeAt >= bytes) return connection.writeAt;
      this.closeWriting(connection);
    }
    const block = this.slab.allocate(Math.max(bytes, WRITE_BLOCK_BYTES));
    if (block === NONE) return NONE;
    connection.writeBlock = block;
    connection.writeAt = block;
    connection.writeEnd = block + this.slab.blockBytes(block);
    return block;
  }

  /** True when the parts that one response may need are there. */
  hasParts(count: number): boolean {
    return this.parts.freeCount >= count;
  }

  /** The bytes [writeAt, writeAt + length) of the open block are the next of the connection's stream. */
  commit(connection: Connection, length: number): void {
    assert(connection.writeBlock !== NONE, 'commit follows open');
    assert(length > 0 && connection.writeAt + length <= connection.writeEnd, 'a response stays within what was opened');
    const at = connection.writeAt;
    connection.writeAt = at + length;
    connection.outboxBytes += length;
    this.bytesQueued += length;
    const parts = this.parts;
    const tail = connection.partTail;
    if (tail !== NONE && parts.endsAt(tail, connection.writeBlock, at)) {
      parts.extend(tail, length);
      return;
    }
    this.slab.retain(connection.writeBlock);
    this.append(connection, parts.takeBytes(connection.writeBlock, at, length));
  }

  region(
    connection: Connection,
    fd: number,
    position: number,
    length: number,
    worker: number,
    lease: number,
    slot: number,
  ): void {
    assert(length > 0 && lease >= 0, 'a region has bytes and a lease');
    this.bytesQueued += length;
    this.append(connection, this.parts.takeRegion(fd, position, length, worker, lease, slot));
  }

  /** A reply that was collected aside (control) joins the stream. Returns its length. */
  appendChain(connection: Connection, head: number, tail: number): number {
    let bytes = 0;
    for (let part = head; part !== NONE; part = this.parts.nextOf(part)) bytes += this.parts.lengthOf(part);
    connection.outboxBytes += bytes;
    this.bytesQueued += bytes;
    if (connection.partTail === NONE) connection.partHead = head;
    else this.parts.link(connection.partTail, head);
    connection.partTail = tail;
    return bytes;
  }

  /** One part of a reply that is collected aside: copies the bytes. Returns the part, or -1 when memory is short. */
  copyAside(source: Uint8Array, at: number, length: number): number {
    if (this.parts.freeCount === 0) return NONE;
    const block = this.slab.allocate(length);
    if (block === NONE) return NONE;
    const bytes = this.bytes;
    // Replies are a few hundred bytes: a loop is cheaper than the view that `set` would need.
    if (length <= 256) for (let index = 0; index < length; index++) bytes[block + index] = source[at + index]!;
    else bytes.set(source.subarray(at, at + length), block);
    return this.parts.takeBytes(block, block, length);
  }

  /** Hands the oldest part to the transport unless a send is under way. */
  flush(connection: Connection, nowMs: number): void {
    const part = connection.partHead;
    if (part === NONE) return;
    const parts = this.parts;
    const hasMore = parts.nextOf(part) !== NONE;
    const length = parts.lengthOf(part);
    const isEnding = connection.hasEnded || connection.state !== CONNECTION_OPEN;
    if (hasMore || isEnding || connection.isHeld) this.awaitsSent = true;
    if (connection.isSending) {
      if (length > connection.sendingBytes) this.awaitsSent = true;
      return;
    }
    connection.isSending = true;
    connection.sendingBytes = length;
    connection.sendSinceMs = nowMs;
    if (parts.isRegion(part)) {
      this.transport.sendRegion(connection.socket, parts.fdOf(part), parts.positionOf(part), length, hasMore);
    } else {
      this.transport.send(connection.socket, this.slab.memory, parts.positionOf(part), length, hasMore);
    }
  }

  /** `count` bytes of the oldest part left. */
  sent(connection: Connection, count: number): void {
    assert(connection.isSending, 'a send completes once');
    connection.isSending = false;
    const part = connection.partHead;
    assert(part !== NONE && count <= this.parts.lengthOf(part), 'no more is sent than was asked');
    if (!this.parts.isRegion(part)) connection.outboxBytes -= count;
    if (!this.parts.advance(part, count)) return;
    connection.partHead = this.parts.nextOf(part);
    if (connection.partHead === NONE) connection.partTail = NONE;
    this.giveBack(part);
    if (connection.partHead === NONE) this.closeWriting(connection);
  }

  /** The connection is gone and no send is under way. */
  dropAll(connection: Connection): void {
    assert(connection.state !== CONNECTION_OPEN, 'only a dying connection drops its responses');
    this.dropChain(connection.partHead);
    connection.partHead = NONE;
    connection.partTail = NONE;
    connection.outboxBytes = 0;
    connection.isSending = false;
    this.closeWriting(connection);
  }

  dropChain(head: number): void {
    let part = head;
    while (part !== NONE) {
      const next = this.parts.nextOf(part);
      this.giveBack(part);
      part = next;
    }
  }

  private append(connection: Connection, part: number): void {
    if (connection.partTail === NONE) connection.partHead = part;
    else this.parts.link(connection.partTail, part);
    connection.partTail = part;
  }

  private closeWriting(connection: Connection): void {
    if (connection.writeBlock === NONE) return;
    this.slab.release(connection.writeBlock);
    connection.writeBlock = NONE;
    connection.writeAt = 0;
    connection.writeEnd = 0;
  }

  private giveBack(part: number): void {
    const parts = this.parts;
    if (parts.isRegion(part)) this.lanes.release(parts.workerOf(part), parts.leaseOf(part), parts.slotOf(part));
    else this.slab.release(parts.blockOf(part));
    parts.give(part);
  }
}
