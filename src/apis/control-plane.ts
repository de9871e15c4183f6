/**
 * The control plane put together: the coordinators, the services that handlers use, and the desk where requests arrive.
 * Built by the broker over real threads and by tests over hand-driven ones. It composes; it knows no request.
 */
import { AutoCreation } from '../admin/auto-creation.ts';
import { type FeatureRange, featuresOf } from '../admin/features.ts';
import { InternalTopics } from '../admin/internal-topics.ts';
import type { DataFolder } from '../admin/log-dirs.ts';
import type { Alarms } from '../base/alarms.ts';
import type { Logger } from '../base/logger.ts';
import type { Controller } from '../cluster/controller.ts';
import type { Address } from '../config/addresses.ts';
import type { Api } from '../protocol/api.ts';
import type { Crc32c } from '../protocol/batch.ts';
import { Registry } from '../protocol/registry.ts';
import type { PartitionPort } from '../workers/partition-port.ts';
import { ControlDesk, controlHandlers } from './control-table.ts';
import type { ControlServices } from './define.ts';

export interface ControlPlaneParts {
  readonly controller: Controller;
  /** The way to the data of partitions. */
  readonly port: PartitionPort;
  readonly crc32c: Crc32c;
  /** Clock and timers of the whole control plane. */
  readonly alarms: Alarms;
  readonly randomBytes: (count: number) => Uint8Array;
  /** Told to clients instead of the address they dialled, or null. */
  readonly advertised: Address | null;
  /** APIs that the fronts answer themselves: part of ApiVersions, never seen here. */
  readonly dataApis: readonly Api[];
  /** Left out: those whose APIs are there. */
  readonly features?: readonly FeatureRange[];
  readonly dataFolder: DataFolder;
  readonly log: Logger;
}

export class ControlPlane {
  readonly desk: ControlDesk;
  readonly services: ControlServices;

  constructor(parts: ControlPlaneParts) {
    const { controller, log, alarms } = parts;
    const registry = new Registry([...controlHandlers.map((handler) => handler.api), ...parts.dataApis]);
    this.services = {
      controller,
      autoCreation: new AutoCreation(controller, (message) => log.warn(message)),
      internalTopics: new InternalTopics(controller),
      ranges: registry.ranges,
      features: parts.features ?? featuresOf(registry.ranges),
      dataFolder: parts.dataFolder,
      advertised: parts.advertised,
    };
    this.desk = new ControlDesk({
      registry,
      services: this.services,
      log,
      nowMs: () => Math.floor(alarms.nowMs()),
    });
  }

  /** The catalog is open: coordinators read what they kept. Requests may come before this has resolved. */
  start(): Promise<void> {
    return Promise.resolve();
  }

  /** No request comes any more; what coordinators are writing is written when this resolves. */
  stop(): Promise<void> {
    return Promise.resolve();
  }
}
