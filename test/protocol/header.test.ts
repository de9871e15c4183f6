import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hasFlexibleResponseHeader, isFlexible } from '../../src/protocol/api.ts';
import {
  decodeResponseHeader,
  encodeRequestHeader,
  encodeResponseHeader,
  RequestHeader,
  writeResponseHeader,
} from '../../src/protocol/header.ts';
import { Reader } from '../../src/protocol/reader.ts';
import { Registry } from '../../src/protocol/registry.ts';
import { metadata } from '../../src/protocol/schemas/03-metadata.ts';
import { apiVersions } from '../../src/protocol/schemas/18-api-versions.ts';
import { Writer } from '../../src/protocol/writer.ts';
import { parameters, seed } from './arbitrary.ts';
import { everyApi } from './schemas.ts';

const registry = new Registry(everyApi);

function parsed(bytes: Uint8Array): RequestHeader | null {
  const header = new RequestHeader(registry.flexibleSince);
  return header.parse(bytes, new DataView(bytes.buffer, bytes.byteOffset), 0, bytes.length) ? header : null;
}

describe(`headers (PB_SEED=${seed})`, () => {
  it('are parsed in place as they were written', () => {
    const request = fc.record({
      api: fc.constantFrom(...everyApi),
      pick: fc.nat(),
      correlationId: fc.integer(),
      clientId: fc.option(fc.string({ maxLength: 60 }), { nil: null }),
      bodyBytes: fc.nat({ max: 9 }),
    });
    fc.assert(
      fc.property(request, ({ api, pick, correlationId, clientId, bodyBytes }) => {
        const version = api.versions[0] + (pick % (api.versions[1] - api.versions[0] + 1));
        const writer = new Writer(1 << 12);
        encodeRequestHeader(api, version, correlationId, clientId, writer);
        const bodyAt = writer.at;
        writer.raw(new Uint8Array(bodyBytes));
        const bytes = Uint8Array.from(writer.written());
        const header = parsed(bytes);
        expect(header).toMatchObject({ apiKey: api.key, apiVersion: version, correlationId, bodyAt });
        expect(header?.isFlexible()).toBe(isFlexible(api, version));
        const { clientIdAt, clientIdLength } = header ?? { clientIdAt: 0, clientIdLength: 0 };
        const seen =
          clientIdLength < 0 ? null : Buffer.from(bytes).toString('utf8', clientIdAt, clientIdAt + clientIdLength);
        expect(seen).toBe(clientId);
        for (let end = 0; end < bodyAt; end++) expect(parsed(bytes.subarray(0, end))).toBeNull();
      }),
      parameters(200),
    );
  });

  it('never look outside of their bytes, whatever these say', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.constantFrom(...everyApi), (tail, api) => {
        const bytes = Uint8Array.from([0, api.key, 0, api.versions[1], 0, 0, 0, 1, ...tail]);
        const header = parsed(bytes);
        if (header === null) return;
        expect(header.bodyAt).toBeLessThanOrEqual(bytes.length);
        expect(header.clientIdAt + Math.max(0, header.clientIdLength)).toBeLessThanOrEqual(header.bodyAt);
      }),
      parameters(500),
    );
  });

  it('step over tagged fields', () => {
    const bytes = Uint8Array.from([0, 3, 0, 12, 0, 0, 0, 7, 0xff, 0xff, 2, 5, 2, 9, 9, 0x80, 1, 0, 0xaa]);
    expect(parsed(bytes)?.bodyAt).toBe(bytes.length - 1);
  });

  it('are refused when a tagged field leaves the frame', () => {
    const bytes = Uint8Array.from([0, 3, 0, 12, 0, 0, 0, 7, 0xff, 0xff, 1, 5, 3, 9, 9, 9]);
    expect(parsed(bytes)?.bodyAt).toBe(bytes.length);
    expect(parsed(bytes.subarray(0, bytes.length - 1))).toBeNull();
  });

  it('of an unknown API are read as far as they are alike', () => {
    const bytes = Uint8Array.from([0, 99, 0, 50, 0, 0, 0, 7, 0, 1, 0x61]);
    expect(parsed(bytes)).toMatchObject({ apiKey: 99, apiVersion: 50, correlationId: 7, clientIdLength: 1 });
    expect(parsed(Uint8Array.from([0xff, 0xff, 0, 50, 0, 0, 0, 7, 0, 1, 0x61]))?.apiKey).toBe(-1);
  });

  it('of an ApiVersions answer never have tagged fields', () => {
    expect(hasFlexibleResponseHeader(apiVersions, 4)).toBe(false);
    expect(hasFlexibleResponseHeader(metadata, 9)).toBe(true);
    const writer = new Writer(100);
    encodeResponseHeader(apiVersions, 4, 5, writer);
    expect([...writer.written()]).toEqual([0, 0, 0, 5]);
  });

  it('are written alike in place and through a writer', () => {
    for (const version of [8, 9]) {
      const writer = new Writer(100);
      encodeResponseHeader(metadata, version, -2, writer);
      const memory = new Uint8Array(10);
      const end = writeResponseHeader(new DataView(memory.buffer), 3, -2, version >= 9);
      expect([...memory.subarray(3, end)]).toEqual([...writer.written()]);
      expect(() => decodeResponseHeader(metadata, version, 7, Reader.over(writer.written()))).toThrow(
        'expected one for 7',
      );
    }
  });
});
