/**
 * The control plane's APIs, and the desk where their requests arrive: header read, key and version checked, body decoded,
 * handler called, answer encoded. Called by main for every frame that the fronts send over; answers in any order (the
 * front keeps the order of a connection).
 *
 * A frame that no answer fits (unknown key, refused version, broken body) closes the connection, as Kafka does: there is
 * no layout in which the client could read an error. ApiVersions is the exception, see `18-api-versions.ts`.
 */
import type { Refusal } from '../admin/refusal.ts';
import { isFault } from '../base/fault.ts';
import type { Logger } from '../base/logger.ts';
import { RateLimitedLog } from '../base/rate-limited-log.ts';
import { API_VERSIONS_KEY, supports } from '../protocol/api.ts';
import { REQUEST_HEADER_BYTES_MIN, RequestHeader } from '../protocol/header.ts';
import { REQUEST_ELEMENTS_MAX, Reader } from '../protocol/reader.ts';
import type { Registry } from '../protocol/registry.ts';
import { metadataHandler } from './03-metadata.ts';
import { answerUnsupportedVersion, apiVersionsHandler } from './18-api-versions.ts';
import { describeClusterHandler } from './60-describe-cluster.ts';
import { describeTopicPartitionsHandler } from './75-describe-topic-partitions.ts';
import { adminHandlers } from './admin-table.ts';
import type { ConnectionFacts, ControlContext, ControlHandler, ControlServices } from './define.ts';
import { groupHandlers } from './group-table.ts';
import { loginHandlers } from './login-table.ts';
import { shareHandlers } from './share-table.ts';
import { transactionHandlers } from './transaction-table.ts';

export const controlHandlers: readonly ControlHandler[] = [
  metadataHandler,
  apiVersionsHandler,
  describeClusterHandler,
  describeTopicPartitionsHandler,
  ...adminHandlers,
  ...loginHandlers,
  ...groupHandlers,
  ...transactionHandlers,
  ...shareHandlers,
];

const LOG_PERIOD_MS = 10_000;

export interface ControlDeskParts {
  /** All APIs of this broker, also those that the fronts answer themselves. */
  readonly registry: Registry;
  readonly services: ControlServices;
  readonly log: Logger;
  readonly nowMs: () => number;
}

export class ControlDesk {
  /** For ApiVersions and for the fronts' dispatchers. */
  readonly registry: Registry;
  private readonly parts: ControlDeskParts;
  private readonly handlers = new Map<number, ControlHandler>();
  private readonly header: RequestHeader;
  private readonly log: RateLimitedLog;

  constructor(parts: ControlDeskParts) {
    this.parts = parts;
    this.log = new RateLimitedLog(parts.log, parts, LOG_PERIOD_MS);
    for (const handler of controlHandlers) this.handlers.set(handler.api.key, handler);
    this.registry = parts.registry;
    this.header = new RequestHeader(this.registry.flexibleSince);
  }

  /**
   * `bytes` is one frame without its length prefix; it must stay as it is until the promise resolves. The answer is a
   * frame with its length prefix; null asks to close the connection. Rejects only for bugs.
   */
  async handleFrame(bytes: Uint8Array, connection: ConnectionFacts): Promise<Uint8Array | null> {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const { header } = this;
    const isWhole = header.parse(bytes, view, 0, bytes.length);
    const handler = this.handlers.get(header.apiKey);
    if (bytes.length < REQUEST_HEADER_BYTES_MIN || handler === undefined)
      return this.close(connection, 'key', 'its header names no request of this broker');
    if (!supports(handler.api, header.apiVersion)) {
      if (header.apiKey === API_VERSIONS_KEY) return answerUnsupportedVersion(header.correlationId, handler.api);
      return this.close(connection, 'version', `${handler.api.name} version ${header.apiVersion} is not supported`);
    }
    if (!isWhole) return this.close(connection, 'header', `the header of its ${handler.api.name} request is broken`);
    const context = this.contextOf(bytes, connection, handler);
    try {
      return await handler.answer(readerOf(bytes, view, header.bodyAt), context);
    } catch (error) {
      if (!isFault(error)) throw error;
      return this.close(connection, handler.api.name, `${handler.api.name}: ${error.message}`);
    }
  }

  /** The answer to a frame that has no place where it came, with the code in it; null: there is no layout for one. */
  refuseFrame(bytes: Uint8Array, connection: ConnectionFacts, refusal: Refusal): Uint8Array | null {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const { header } = this;
    const isWhole = header.parse(bytes, view, 0, bytes.length);
    const handler = this.handlers.get(header.apiKey);
    if (!isWhole || handler === undefined || !supports(handler.api, header.apiVersion)) return null;
    const context = this.contextOf(bytes, connection, handler);
    return handler.refusal(readerOf(bytes, view, header.bodyAt), refusal, context);
  }

  /** Reads the parsed header at once: the next frame overwrites it. */
  private contextOf(bytes: Uint8Array, connection: ConnectionFacts, handler: ControlHandler): ControlContext {
    const { clientIdAt, clientIdLength, apiVersion, correlationId } = this.header;
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const clientId = clientIdLength < 0 ? null : text.toString('utf8', clientIdAt, clientIdAt + clientIdLength);
    const { services } = this.parts;
    return {
      connection,
      clientId,
      apiVersion,
      correlationId,
      nowMs: this.parts.nowMs(),
      permit: services.access.permitOf(connection.identity, handler.api.name, handler.declared),
      services,
    };
  }

  private close(connection: ConnectionFacts, cause: string, why: string): null {
    this.log.say(`closed-${cause}`, 'info', `the connection from ${connection.peer} is closed: ${why}`);
    return null;
  }
}

function readerOf(frame: Uint8Array, view: DataView, bodyAt: number): Reader {
  return new Reader(frame, view, bodyAt, frame.length, REQUEST_ELEMENTS_MAX);
}
