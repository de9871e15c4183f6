import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { ClientGone, PageBody } from '../../src/http/page-body.ts';

/** A client that takes chunks only when it is told to. */
class SlowClient extends Writable {
  readonly taken: string[] = [];
  private release: (() => void) | null = null;

  constructor() {
    super({ decodeStrings: false, highWaterMark: 1024 });
  }

  override _write(chunk: string, _encoding: BufferEncoding, done: () => void): void {
    this.release = () => {
      this.taken.push(chunk);
      done();
    };
  }

  take(): void {
    const { release } = this;
    this.release = null;
    release?.();
  }
}

describe('the body of a page', () => {
  it('gives its writer no room before the client has taken the chunk', async () => {
    const client = new SlowClient();
    const body = new PageBody(client, false);
    body.add('x'.repeat(40_000));
    expect(body.isFull).toBe(true);
    let hasRoom = false;
    const room = body.room().then(() => {
      hasRoom = true;
    });
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(hasRoom).toBe(false);
    client.take();
    await room;
    expect(client.taken.map((chunk) => chunk.length)).toEqual([40_000]);
    body.end();
  });

  it('tells its writer when the client has gone while it waited, and afterwards', async () => {
    const client = new SlowClient();
    const body = new PageBody(client, false);
    body.add('x'.repeat(40_000));
    const room = body.room();
    client.destroy();
    await expect(room).rejects.toThrow(ClientGone);
    await expect(body.room()).rejects.toThrow(ClientGone);
    body.abort();
  });

  it('is not sent in answer to HEAD', async () => {
    const client = new SlowClient();
    const body = new PageBody(client, true);
    body.add('text');
    await body.room();
    body.end();
    expect(client.writableLength).toBe(0);
  });
});
