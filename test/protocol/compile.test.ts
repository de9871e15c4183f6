import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isFault } from '../../src/base/fault.ts';
import { type Api, defineApi } from '../../src/protocol/api.ts';
import { decodeRequest, decodeResponse, encodeRequest, encodeResponse } from '../../src/protocol/compile.ts';
import {
  array,
  boolean,
  bytes,
  type FieldShape,
  float64,
  int8,
  int32,
  int64,
  notIgnorable,
  nullable,
  records,
  since,
  string,
  struct,
  tagged,
  uint16,
  uint32,
  until,
  uuid,
  wideInt64,
  withDefault,
} from '../../src/protocol/fields.ts';
import { Reader } from '../../src/protocol/reader.ts';
import { metadata } from '../../src/protocol/schemas/03-metadata.ts';
import { apiVersions } from '../../src/protocol/schemas/18-api-versions.ts';
import { Writer } from '../../src/protocol/writer.ts';
import { interpretDecode, interpretEncode } from '../support/interpret.ts';
import { completed, everyMessage, parameters, seed, valuesOf } from './arbitrary.ts';
import { everyApi } from './schemas.ts';

/** Has every kind of field, every way of being absent, and tagged fields of every kind. */
const everything = defineApi({
  key: 127,
  name: 'Everything',
  versions: [0, 3],
  flexibleSince: 2,
  request: {
    tiny: int8(),
    unsigned: uint16(),
    wide: uint32(),
    fraction: float64(),
    widest: wideInt64(),
    newcomer: since(1, withDefault(int64(), -1)),
    veteran: until(1, string()),
    precious: since(2, notIgnorable(withDefault(boolean(), true))),
    mayBeNull: nullable(string(), 1),
    blob: bytes(),
    maybeBlob: nullable(bytes()),
    batches: records(),
    id: uuid(),
    grid: array(array(int32())),
    gaps: array(nullable(struct({ x: int32(), y: int32() }))),
    point: nullable(struct({ x: int32(), label: since(3, nullable(string())) })),
    tags: array(
      struct({
        name: string(),
        weight: since(2, tagged(1, withDefault(float64(), 0.5))),
        note: since(2, tagged(0, nullable(string()))),
      }),
    ),
    late: since(3, tagged(2, array(struct({ host: string(), port: withDefault(int32(), -1) })))),
    long: since(2, tagged(0, bytes())),
    hash: since(2, tagged(3, withDefault(wideInt64(), 0n))),
    spot: since(2, tagged(5, struct({ x: withDefault(int32(), -1), y: withDefault(int32(), -1) }))),
    perhaps: since(2, tagged(130, withDefault(nullable(struct({ id: uuid() })), null))),
    seldom: since(2, tagged(131, withDefault(nullable(struct({ count: int32() })), { count: 0 }))),
  },
  response: {},
});

const messages = everyMessage([...everyApi, everything]);

function compiledEncode(api: Api, message: FieldShape, version: number, value: unknown): Uint8Array {
  const writer = new Writer(1 << 20, 16);
  if (message === api.request) encodeRequest(api, version, value, writer);
  else encodeResponse(api, version, value, writer);
  return Uint8Array.from(writer.written());
}

function compiledDecode(api: Api, message: FieldShape, version: number, reader: Reader): unknown {
  return message === api.request ? decodeRequest(api, version, reader) : decodeResponse(api, version, reader);
}

/** A decoded value, or the fault; anything else that is thrown goes on to fail the test. */
function outcome(work: () => unknown): unknown {
  try {
    return plain(work());
  } catch (error) {
    if (!isFault(error)) throw error;
    expect(error.code).toBe('PB_PROTOCOL');
    return 'fault';
  }
}

/** Buffers and Uint8Arrays compare as the same bytes. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Uint8Array.from(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, plain(one)]));
}

describe(`compiled codecs (PB_SEED=${seed})`, () => {
  it.each(messages)(
    '$title: writes the same bytes as the interpreter and reads them back',
    ({ api, message, version }) => {
      fc.assert(
        fc.property(valuesOf(message, version, false), (value) => {
          const encoded = compiledEncode(api, message, version, value);
          const oracle = new Writer(1 << 20);
          interpretEncode(api, message, version, value, oracle);
          expect(encoded).toEqual(Uint8Array.from(oracle.written()));

          const reader = Reader.over(encoded);
          const decoded = compiledDecode(api, message, version, reader);
          expect(reader.remaining).toBe(0);
          expect(plain(decoded)).toEqual(plain(completed(message, version, value)));
          expect(plain(interpretDecode(api, message, version, Reader.over(encoded)))).toEqual(plain(decoded));
        }),
        parameters(40),
      );
    },
  );

  it.each(messages)(
    '$title: damaged bytes give a fault or a value, as with the interpreter',
    ({ api, message, version }) => {
      const damaged = fc
        .tuple(
          valuesOf(message, version, true),
          fc.nat(),
          fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 3 }),
        )
        .map(([value, cut, pokes]) => {
          const encoded = compiledEncode(api, message, version, value);
          for (const [at, byte] of pokes) if (encoded.length > 0) encoded[at % encoded.length] = byte;
          return encoded.subarray(0, cut % 3 === 0 ? cut % (encoded.length + 1) : encoded.length);
        });
      const hostile = fc.oneof(damaged, fc.uint8Array({ maxLength: 100 }), fc.constant(new Uint8Array(64).fill(0xff)));
      fc.assert(
        fc.property(hostile, (encoded) => {
          const compiled = outcome(() => compiledDecode(api, message, version, Reader.over(encoded)));
          expect(compiled).toEqual(outcome(() => interpretDecode(api, message, version, Reader.over(encoded))));
        }),
        parameters(60),
      );
    },
  );

  it('never read outside of their stretch', () => {
    const writer = new Writer(1 << 16);
    encodeRequest(metadata, 1, { topics: [{ name: 'orders' }] }, writer);
    const bytes = Uint8Array.from(writer.written());
    const view = new DataView(bytes.buffer);
    for (let end = 0; end < bytes.length; end++) {
      expect(outcome(() => decodeRequest(metadata, 1, new Reader(bytes, view, 0, end)))).toBe('fault');
    }
  });

  it('refuse a count that the frame cannot hold before making room for it', () => {
    const lie = Uint8Array.from([0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0]);
    expect(() => decodeRequest(metadata, 1, Reader.over(lie))).toThrow('counts more than its frame can hold');
  });

  it('read from memory that threads share', () => {
    const writer = new Writer(1 << 16);
    encodeRequest(metadata, 12, { topics: [{ name: 'größe-東京' }] }, writer);
    const bytes = new Uint8Array(new SharedArrayBuffer(100));
    bytes.set(writer.written(), 7);
    const reader = new Reader(bytes, new DataView(bytes.buffer), 7, 7 + writer.at);
    expect(decodeRequest(metadata, 12, reader).topics?.[0]?.name).toBe('größe-東京');
  });

  it('refuse to drop what the version cannot carry when the field says so', () => {
    const writer = new Writer(1 << 16);
    expect(() => encodeRequest(metadata, 3, { topics: null, allowAutoTopicCreation: false }, writer)).toThrow(
      'version 3 cannot carry the field allowAutoTopicCreation',
    );
    expect(() => encodeRequest(metadata, 4, { topics: null, allowAutoTopicCreation: false }, writer)).not.toThrow();
  });

  it('refuse null where the version has no null, and versions outside of the range', () => {
    const writer = new Writer(1 << 16);
    expect(() => encodeRequest(metadata, 0, { topics: null }, writer)).toThrow('topics must not be null');
    expect(() => encodeRequest(metadata, 14, { topics: null }, writer)).toThrow('0 to 13');
  });

  it('give every version of a message the same hidden shape', () => {
    const keysOf = (version: number): string[] => {
      const writer = new Writer(1 << 16);
      encodeRequest(metadata, version, { topics: [{ name: 'a' }] }, writer);
      return Object.keys(decodeRequest(metadata, version, Reader.over(writer.written())));
    };
    for (let version = 1; version <= 13; version++) expect(keysOf(version)).toEqual(keysOf(0));
  });

  it('skip tagged fields they do not know', () => {
    // topics null, auto creation, two operations flags, then two unknown tags of 3 and 0 bytes
    const bytes = Uint8Array.from([0, 1, 0, 2, 50, 3, 9, 9, 9, 51, 0]);
    const reader = Reader.over(bytes);
    expect(decodeRequest(metadata, 12, reader).topics).toBeNull();
    expect(reader.remaining).toBe(0);
  });

  it('refuse a tagged field that is not as long as it says', () => {
    // no error, no keys, no throttle, one tagged field: the features' epoch with a size of 8 and of 9 bytes
    const answer = (size: number): Reader =>
      Reader.over(Uint8Array.from([0, 0, 1, 0, 0, 0, 0, 1, 1, size, 0, 0, 0, 0, 0, 0, 0, 5, 0]));
    expect(decodeResponse(apiVersions, 3, answer(8)).finalizedFeaturesEpoch).toBe(5);
    expect(() => decodeResponse(apiVersions, 3, answer(9))).toThrow('the size it states');
  });

  it('take a value without the fields that have a stated default, and no other value', () => {
    const writer = new Writer(1 << 10);
    encodeResponse(apiVersions, 3, { errorCode: 35, apiKeys: [] }, writer);
    // @ts-expect-error an answer without its error code does not compile, and does not encode either
    expect(() => encodeResponse(apiVersions, 3, { apiKeys: [] }, new Writer(64))).toThrow('int16');
    expect([...writer.written()]).toEqual([0, 35, 1, 0, 0, 0, 0, 0]);
  });
});
