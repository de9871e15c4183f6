/**
 * The body of a page on its way to one client: text gathered into chunks, each sent when the one before has left. Whoever
 * writes a page asks `isFull` now and then and waits for `room`; so a page of any length takes one chunk of memory, main
 * serves others between two chunks, and who does not read is let go after a while.
 */
import type { Writable } from 'node:stream';

const CHUNK_CHARACTERS = 32_768;
/** For a whole page, however it trickles. */
const PAGE_WAIT_MS = 30_000;

/** The client went away, or read too slowly: nothing is left to be done for it. */
export class ClientGone extends Error {
  override readonly name = 'ClientGone';
}

export class PageBody {
  private readonly response: Writable;
  private readonly isDiscarded: boolean;
  private readonly deadline: NodeJS.Timeout;
  private text = '';

  /** `isDiscarded`: the answer to HEAD, which has no body. */
  constructor(response: Writable, isDiscarded: boolean) {
    this.response = response;
    this.isDiscarded = isDiscarded;
    this.deadline = setTimeout(() => response.destroy(), PAGE_WAIT_MS);
  }

  add(text: string): void {
    this.text += text;
  }

  get isFull(): boolean {
    return this.text.length >= CHUNK_CHARACTERS;
  }

  /** Sends what is there and resolves when more may come. Rejects with ClientGone. */
  async room(): Promise<void> {
    const chunk = this.take();
    if (chunk !== '' && !this.response.write(chunk)) await drained(this.response);
    // Others first: a page of many partitions is long.
    await new Promise<void>((resolve) => setImmediate(resolve));
    if (this.response.destroyed) throw new ClientGone();
  }

  end(): void {
    clearTimeout(this.deadline);
    this.response.end(this.take());
  }

  /** Half a page must not pass for a whole one. */
  abort(): void {
    clearTimeout(this.deadline);
    this.response.destroy();
  }

  private take(): string {
    const chunk = this.isDiscarded ? '' : this.text;
    this.text = '';
    return chunk;
  }
}

function drained(response: Writable): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (): void => {
      response.off('close', gone);
      resolve();
    };
    const gone = (): void => {
      response.off('drain', done);
      reject(new ClientGone());
    };
    response.once('drain', done);
    response.once('close', gone);
    if (response.destroyed) gone();
  });
}
