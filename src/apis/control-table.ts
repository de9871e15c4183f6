/**
 * The control plane's APIs, and the desk where their requests arrive: header read, key and version checked, body decoded,
 * handler called, answer encoded. Called by main for every frame that the fronts send over; answers in any order (the
 * front keeps the order of a connection).
 *
 * A frame that no answer fits (unknown key, refused version, broken body) closes the connection, as Kafka does: there is
 * no layout in which the client could read an error. ApiVersions is the exception, see `18-api-versions.ts`.
 */
import { AutoCreation } from '../admin/auto-creation.ts';
import { isFault } from '../base/fault.ts';
import type { Logger } from '../base/logger.ts';
import type { Controller } from '../cluster/controller.ts';
import type { Address } from '../config/addresses.ts';
import { API_VERSIONS_KEY, type Api, supports } from '../protocol/api.ts';
import { REQUEST_HEADER_BYTES_MIN, RequestHeader } from '../protocol/header.ts';
import { Reader } from '../protocol/reader.ts';
import { Registry } from '../protocol/registry.ts';
import { metadataHandler } from './03-metadata.ts';
import { findCoordinatorHandler } from './10-find-coordinator.ts';
import { answerUnsupportedVersion, apiVersionsHandler } from './18-api-versions.ts';
import { createTopicsHandler } from './19-create-topics.ts';
import { deleteTopicsHandler } from './20-delete-topics.ts';
import { initProducerIdHandler } from './22-init-producer-id.ts';
import { describeConfigsHandler } from './32-describe-configs.ts';
import { createPartitionsHandler } from './37-create-partitions.ts';
import { describeClusterHandler } from './60-describe-cluster.ts';
import { describeTopicPartitionsHandler } from './75-describe-topic-partitions.ts';
import type { ConnectionFacts, ControlContext, ControlHandler, ControlServices, FeatureRange } from './define.ts';

export const controlHandlers: readonly ControlHandler[] = [
  metadataHandler,
  findCoordinatorHandler,
  apiVersionsHandler,
  createTopicsHandler,
  deleteTopicsHandler,
  initProducerIdHandler,
  describeConfigsHandler,
  createPartitionsHandler,
  describeClusterHandler,
  describeTopicPartitionsHandler,
];

export interface ControlDeskParts {
  readonly controller: Controller;
  /** Told to clients instead of the address they dialled, or null. */
  readonly advertised: Address | null;
  /** APIs that the fronts answer themselves: part of ApiVersions, never seen here. */
  readonly dataApis: readonly Api[];
  readonly features?: readonly FeatureRange[];
  readonly log: Logger;
  readonly nowMs: () => number;
}

export class ControlDesk {
  /** All APIs of this broker, for ApiVersions and for the fronts' dispatchers. */
  readonly registry: Registry;
  private readonly parts: ControlDeskParts;
  private readonly services: ControlServices;
  private readonly handlers = new Map<number, ControlHandler>();
  private readonly header: RequestHeader;

  constructor(parts: ControlDeskParts) {
    this.parts = parts;
    for (const handler of controlHandlers) this.handlers.set(handler.api.key, handler);
    this.registry = new Registry([...controlHandlers.map((handler) => handler.api), ...parts.dataApis]);
    this.header = new RequestHeader(this.registry.flexibleSince);
    this.services = {
      controller: parts.controller,
      autoCreation: new AutoCreation(parts.controller, (message) => parts.log.warn(message)),
      ranges: this.registry.ranges,
      features: parts.features ?? [],
      advertised: parts.advertised,
    };
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
      return this.close(connection, 'its header names no request of this broker');
    if (!supports(handler.api, header.apiVersion)) {
      if (header.apiKey === API_VERSIONS_KEY) return answerUnsupportedVersion(header.correlationId, handler.api);
      return this.close(connection, `${handler.api.name} version ${header.apiVersion} is not supported`);
    }
    if (!isWhole) return this.close(connection, `the header of its ${handler.api.name} request is broken`);
    const context = this.contextOf(bytes, connection);
    try {
      return await handler.answer(new Reader(bytes, view, header.bodyAt, bytes.length), context);
    } catch (error) {
      if (!isFault(error)) throw error;
      return this.close(connection, `${handler.api.name}: ${error.message}`);
    }
  }

  /** Reads the parsed header at once: the next frame overwrites it. */
  private contextOf(bytes: Uint8Array, connection: ConnectionFacts): ControlContext {
    const { clientIdAt, clientIdLength, apiVersion, correlationId } = this.header;
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const clientId = clientIdLength < 0 ? null : text.toString('utf8', clientIdAt, clientIdAt + clientIdLength);
    return { connection, clientId, apiVersion, correlationId, nowMs: this.parts.nowMs(), services: this.services };
  }

  private close(connection: ConnectionFacts, why: string): null {
    this.parts.log.info(`the connection from ${connection.peer} is closed: ${why}`);
    return null;
  }
}
