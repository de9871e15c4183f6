/**
 * Whole frames: length prefix, header and body, as the control plane and the client send them. The front cuts frames by
 * itself and hands their inside to `decodeRequest`.
 */
import type { Api } from './api.ts';
import { encodeRequest, encodeResponse } from './compile.ts';
import { encodeRequestHeader, encodeResponseHeader } from './header.ts';
import type { Writer } from './writer.ts';

/** Appends one frame to the writer. */
export function encodeRequestFrame<I>(
  api: Api<unknown, I>,
  version: number,
  correlationId: number,
  clientId: string | null,
  value: I,
  writer: Writer,
): void {
  const lengthAt = writer.beginLength();
  encodeRequestHeader(api, version, correlationId, clientId, writer);
  encodeRequest(api, version, value, writer);
  writer.endLength(lengthAt);
}

/** Appends one frame to the writer. */
export function encodeResponseFrame<I>(
  api: Api<unknown, unknown, unknown, I>,
  version: number,
  correlationId: number,
  value: I,
  writer: Writer,
): void {
  const lengthAt = writer.beginLength();
  encodeResponseHeader(api, version, correlationId, writer);
  encodeResponse(api, version, value, writer);
  writer.endLength(lengthAt);
}
