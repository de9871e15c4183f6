/**
 * The few bytes in front of every message. The front parses request headers in place with one reused RequestHeader; the
 * control plane and the client write and read headers through the codecs' Writer and Reader. Which messages have tagged
 * fields in their header comes from the definitions of the APIs, not from this file.
 */
import { type Api, hasFlexibleResponseHeader, isFlexible } from './api.ts';
import { protocolFault, type Reader } from './reader.ts';
import type { Writer } from './writer.ts';

/** A frame starts with its length, which does not count itself. */
export const LENGTH_PREFIX_BYTES = 4;
/** Key, version, correlation id, length of the client id. */
export const REQUEST_HEADER_BYTES_MIN = 10;
export const CORRELATION_ID_BYTES = 4;
/** Clients send none in a header; more than this is nonsense, not a new feature. */
const HEADER_TAGS_MAX = 64;

export class RequestHeader {
  apiKey = 0;
  apiVersion = 0;
  correlationId = 0;
  clientIdAt = 0;
  /** -1: the client did not give an id. */
  clientIdLength = -1;
  bodyAt = 0;
  /** By API key: the first flexible version. */
  readonly #flexibleSince: Int16Array;

  constructor(flexibleSince: Int16Array) {
    this.#flexibleSince = flexibleSince;
  }

  /** `at` is the first byte behind the length prefix. False: no header fits these bytes, the connection is to be closed. */
  parse(bytes: Uint8Array, view: DataView, at: number, end: number): boolean {
    if (end > bytes.length || end - at < REQUEST_HEADER_BYTES_MIN) return false;
    this.apiKey = view.getInt16(at);
    this.apiVersion = view.getInt16(at + 2);
    this.correlationId = view.getInt32(at + 4);
    this.clientIdLength = view.getInt16(at + 8);
    this.clientIdAt = at + REQUEST_HEADER_BYTES_MIN;
    if (this.clientIdLength < -1) return false;
    this.bodyAt = this.clientIdAt + Math.max(0, this.clientIdLength);
    if (this.bodyAt > end) return false;
    if (!this.isFlexible()) return true;
    this.bodyAt = skipTags(bytes, this.bodyAt, end);
    return this.bodyAt >= 0;
  }

  /** Unknown keys count as not flexible: nobody reads their bodies. */
  isFlexible(): boolean {
    if (this.apiKey < 0 || this.apiKey >= this.#flexibleSince.length) return false;
    return this.apiVersion >= (this.#flexibleSince[this.apiKey] ?? 0);
  }
}

/** Returns where the tagged fields end, -1 when they are broken. */
function skipTags(bytes: Uint8Array, start: number, end: number): number {
  if (start >= end) return -1;
  const count = bytes[start] ?? 0;
  if (count === 0) return start + 1;
  return count > HEADER_TAGS_MAX ? -1 : skipTagsSlow(bytes, start + 1, end, count);
}

function skipTagsSlow(bytes: Uint8Array, start: number, end: number, count: number): number {
  let at = start;
  for (let tag = 0; tag < count; tag++) {
    let size = 0;
    // Two variable-length numbers: the tag, which does not matter, and the size.
    for (let part = 0; part < 2; part++) {
      size = 0;
      for (let shift = 0; ; shift += 7) {
        if (at >= end || shift > 28) return -1;
        const byte = bytes[at++] ?? 0;
        size += (byte & 0x7f) * 2 ** shift;
        if (byte < 0x80) break;
      }
    }
    if (size > end - at) return -1;
    at += size;
  }
  return at;
}

/** Writes correlation id and, where the version has them, empty tagged fields. Returns where the body starts. */
export function writeResponseHeader(view: DataView, at: number, correlationId: number, hasTags: boolean): number {
  view.setInt32(at, correlationId);
  if (!hasTags) return at + CORRELATION_ID_BYTES;
  view.setUint8(at + CORRELATION_ID_BYTES, 0);
  return at + CORRELATION_ID_BYTES + 1;
}

export function encodeRequestHeader(
  api: Api,
  version: number,
  correlationId: number,
  clientId: string | null,
  writer: Writer,
): void {
  writer.int16(api.key);
  writer.int16(version);
  writer.int32(correlationId);
  writer.string(clientId, false);
  if (isFlexible(api, version)) writer.unsignedVarint(0);
}

export function encodeResponseHeader(api: Api, version: number, correlationId: number, writer: Writer): void {
  writer.int32(correlationId);
  if (hasFlexibleResponseHeader(api, version)) writer.unsignedVarint(0);
}

/** Reads the header of a response and refuses one that answers another request. */
export function decodeResponseHeader(api: Api, version: number, correlationId: number, reader: Reader): void {
  const answered = reader.int32();
  if (answered !== correlationId) {
    throw protocolFault(`${api.name}: the answer is for request ${answered}, expected one for ${correlationId}`);
  }
  if (hasFlexibleResponseHeader(api, version)) reader.skipTags();
}
