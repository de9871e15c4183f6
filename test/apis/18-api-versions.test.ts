import { describe, expect, it } from 'vitest';
import { Reader } from '../../src/protocol/reader.ts';
import { apiVersions } from '../../src/protocol/schemas/18-api-versions.ts';
import { dialled, makeDesk } from './desk-client.ts';

const named = { clientSoftwareName: 'librdkafka', clientSoftwareVersion: '2.15.0' };

describe('ApiVersions', () => {
  it('1: answers a version it does not know with a version 0 body, error 35 and its own range', async () => {
    const { desk } = await makeDesk();
    const frame = Uint8Array.from([0, 18, 0, 99, 0, 0, 0, 7, 255, 255, 0, 1, 1]);
    const reply = await desk.handleFrame(frame, dialled);
    const reader = Reader.over(reply ?? new Uint8Array(0));
    expect(reader.int32()).toBe(16);
    expect(reader.int32()).toBe(7);
    expect([reader.int16(), reader.int32(), reader.int16(), reader.int16(), reader.int16()]).toEqual([35, 1, 18, 0, 4]);
    expect(reader.remaining).toBe(0);
  });

  it('2: refuses an illegal name or version of the client software with INVALID_REQUEST', async () => {
    const { ask } = await makeDesk();
    for (const bad of ['', '-x', 'x y', 'x.', 'ü']) {
      expect((await ask(apiVersions, 3, { ...named, clientSoftwareName: bad })).errorCode).toBe(42);
      expect((await ask(apiVersions, 4, { ...named, clientSoftwareVersion: bad })).errorCode).toBe(42);
    }
    expect((await ask(apiVersions, 3, named)).errorCode).toBe(0);
    expect((await ask(apiVersions, 2, {})).errorCode).toBe(0);
  });

  it('3: leaves features with a minimum of 0 out up to version 3, and shows the ones in force', async () => {
    const features = [
      { name: 'group.version', minVersion: 0, maxVersion: 1, level: 1 },
      { name: 'metadata.version', minVersion: 7, maxVersion: 20, level: null },
    ];
    const { ask } = await makeDesk({ features });
    expect((await ask(apiVersions, 3, named)).supportedFeatures.map(({ name }) => name)).toEqual(['metadata.version']);
    const answer = await ask(apiVersions, 4, named);
    expect(answer.supportedFeatures.map(({ name }) => name)).toEqual(['group.version', 'metadata.version']);
    expect(answer.finalizedFeatures).toEqual([{ name: 'group.version', maxVersionLevel: 1, minVersionLevel: 1 }]);
  });

  it('advertises what is built, Produce from version 0 on, and FindCoordinator', async () => {
    const { ask } = await makeDesk();
    for (const version of [0, 1, 2, 3, 4]) {
      const { apiKeys } = await ask(apiVersions, version, version < 3 ? {} : named);
      const ranges = Object.fromEntries(
        apiKeys.map(({ apiKey, minVersion, maxVersion }) => [apiKey, [minVersion, maxVersion]]),
      );
      expect(ranges).toEqual({
        0: [0, 13],
        3: [0, 13],
        10: [0, 6],
        18: [0, 4],
        19: [2, 7],
        20: [1, 6],
        22: [0, 5],
        32: [1, 4],
        37: [0, 3],
        60: [0, 2],
        75: [0, 0],
      });
    }
  });
});
