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

  it('advertises what is built in exactly the versions of Kafka 4.3, Produce from version 0 on', async () => {
    const { ask } = await makeDesk();
    for (const version of [0, 1, 2, 3, 4]) {
      const { apiKeys } = await ask(apiVersions, version, version < 3 ? {} : named);
      const ranges = new Map(
        apiKeys.map(({ apiKey, minVersion, maxVersion }) => [apiKey, `${minVersion}-${maxVersion}`]),
      );
      for (const [key, range] of ranges) expect([key, range]).toEqual([key, kafkaRanges[key]]);
      for (const key of [0, 3, 10, 18, 19, 20, 22, 32, 37, 44, 60, 75]) expect(ranges.has(key)).toBe(true);
      // Clients would begin to push metrics.
      expect(ranges.has(71) || ranges.has(72)).toBe(false);
    }
  });
});

/** What one node of Apache Kafka 4.3.1 answers. */
const kafkaRanges: { readonly [key: number]: string } = {
  0: '0-13',
  1: '4-18',
  2: '1-11',
  3: '0-13',
  8: '2-10',
  9: '1-10',
  10: '0-6',
  11: '0-9',
  12: '0-4',
  13: '0-5',
  14: '0-5',
  15: '0-6',
  16: '0-5',
  17: '0-1',
  18: '0-4',
  19: '2-7',
  20: '1-6',
  21: '0-2',
  22: '0-5',
  23: '2-4',
  24: '0-5',
  25: '0-4',
  26: '0-5',
  27: '1-2',
  28: '0-5',
  29: '1-3',
  30: '1-3',
  31: '1-3',
  32: '1-4',
  33: '0-2',
  34: '1-2',
  35: '1-5',
  36: '0-2',
  37: '0-3',
  38: '1-3',
  39: '1-2',
  40: '1-2',
  41: '1-3',
  42: '0-2',
  43: '0-2',
  44: '0-1',
  45: '0-1',
  46: '0-0',
  47: '0-0',
  48: '0-1',
  49: '0-1',
  50: '0-0',
  51: '0-0',
  55: '0-2',
  57: '0-2',
  60: '0-2',
  61: '0-0',
  65: '0-0',
  66: '0-2',
  68: '0-1',
  69: '0-1',
  74: '0-1',
  75: '0-0',
  76: '1-1',
  77: '1-1',
  78: '1-2',
  79: '1-2',
  83: '0-0',
  84: '0-0',
  85: '0-1',
  86: '0-0',
  87: '0-1',
  90: '0-1',
  91: '0-0',
  92: '0-0',
};
