import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { controlHandlers } from '../../src/apis/control-table.ts';
import { Bug } from '../../src/base/assert.ts';
import { silentLogger } from '../../src/base/logger.ts';
import { REQUEST_ELEMENTS_MAX } from '../../src/protocol/reader.ts';
import { createTopics } from '../../src/protocol/schemas/19-create-topics.ts';
import { initProducerId } from '../../src/protocol/schemas/22-init-producer-id.ts';
import { dialled, frameOf, makeDesk, topicWish } from './desk-client.ts';

describe('the control desk', () => {
  it('4: closes the connection on an unknown key, a version it does not have, and a broken header', async () => {
    const { desk } = await makeDesk();
    const closes = async (bytes: number[]) =>
      expect(await desk.handleFrame(Uint8Array.from(bytes), dialled)).toBeNull();
    await closes([0, 99, 0, 0, 0, 0, 0, 1, 255, 255]);
    await closes([255, 255, 0, 0, 0, 0, 0, 1, 255, 255]);
    await closes([0, 3, 0, 14, 0, 0, 0, 1, 255, 255, 0]);
    await closes([0, 3, 0, 1]);
    await closes([]);
    await closes([0, 3, 0, 1, 0, 0, 0, 1, 0, 50, 1]);
    await closes([0, 3, 0, 1, 0, 0, 0, 1, 255, 255]);
  });

  it('says once what many connections are closed for', async () => {
    const lines: string[] = [];
    const { desk } = await makeDesk({ log: { ...silentLogger, info: (line) => lines.push(line) } });
    for (let version = 20; version < 40; version++) {
      await desk.handleFrame(Uint8Array.from([0, 3, 0, version, 0, 0, 0, 1, 255, 255]), dialled);
    }
    expect(lines).toEqual([expect.stringContaining('Metadata version 20 is not supported')]);
  });

  it('4: takes a null client id', async () => {
    const { desk } = await makeDesk();
    const frame = Uint8Array.from([0, 3, 0, 1, 0, 0, 0, 1, 255, 255, 255, 255, 255, 255]);
    expect(await desk.handleFrame(frame, dialled)).not.toBeNull();
  });

  it('does not take the header of the frame before for that of a frame that is too short', async () => {
    const { desk, controller } = await makeDesk();
    await desk.handleFrame(frameOf(initProducerId, 4, 1, { transactionalId: null, transactionTimeoutMs: 1 }), dialled);
    expect(await desk.handleFrame(new Uint8Array(9), dialled)).toBeNull();
    expect(controller.catalog.nextProducerId).toBe(1000);
  });

  it('answers or closes, whatever bytes follow a good header', async () => {
    const { desk } = await makeDesk();
    const keys = controlHandlers.map(({ api }) => api);
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...keys),
        fc.nat({ max: 13 }),
        fc.uint8Array({ maxLength: 40 }),
        async (api, version, body) => {
          const frame = Uint8Array.from([0, api.key, 0, version, 0, 0, 0, 1, 255, 255, 0, ...body]);
          const reply = await desk.handleFrame(frame, dialled);
          expect(reply === null || reply.length >= 8).toBe(true);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('closes the connection on a request whose arrays have more elements than any may', async () => {
    const { desk } = await makeDesk();
    // DescribeGroups in version 5: empty names, a byte each. A hundred megabytes of them had no answer after a minute.
    const header = [0, 15, 0, 5, 0, 0, 0, 1, 255, 255, 0];
    const few = Uint8Array.from([...header, 3, 1, 1, 0, 0]);
    expect(await desk.handleFrame(few, dialled)).not.toBeNull();
    const many = REQUEST_ELEMENTS_MAX + 1;
    const count = [((many + 1) & 0x7f) | 0x80, (((many + 1) >> 7) & 0x7f) | 0x80, (many + 1) >> 14];
    const frame = Buffer.concat([Uint8Array.from([...header, ...count]), Buffer.alloc(many, 1), Buffer.alloc(2)]);
    expect(await desk.handleFrame(frame, dialled)).toBeNull();
  });

  it('answers a fault of the disk with an error code, and lets a bug through', async () => {
    const { ask, store, desk, host } = await makeDesk();
    store.isFailing = true;
    const answer = await ask(createTopics, 7, { topics: [topicWish('a')] });
    // Faults name paths, which are nobody's business but the operator's.
    const errorMessage = expect.stringMatching(/^the disk of the broker is full; /);
    expect(answer.topics).toMatchObject([{ name: 'a', errorCode: 56, errorMessage }]);
    store.isFailing = false;
    host.openPartitions = () => Promise.reject(new Bug('broken'));
    const frame = frameOf(createTopics, 7, 1, { topics: [topicWish('b')] });
    await expect(desk.handleFrame(frame, dialled)).rejects.toThrow('broken');
  });

  it('states for every API who may use it', () => {
    for (const handler of controlHandlers) expect(handler.access.length, handler.api.name).toBeGreaterThan(0);
  });
});
