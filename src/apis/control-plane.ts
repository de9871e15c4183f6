/**
 * The control plane put together: the coordinators, the services that handlers use, and the desk where requests arrive.
 * Built by the broker over real threads and by tests over hand-driven ones. It composes; it knows no request.
 */
import { AutoCreation } from '../admin/auto-creation.ts';
import { type FeatureRange, featuresOf } from '../admin/features.ts';
import { InternalTopics, OFFSETS_TOPIC } from '../admin/internal-topics.ts';
import type { DataFolder } from '../admin/log-dirs.ts';
import { MutationQuotas } from '../admin/mutation-quotas.ts';
import type { Alarms } from '../base/alarms.ts';
import type { Logger } from '../base/logger.ts';
import { RateLimitedLog } from '../base/rate-limited-log.ts';
import type { Controller } from '../cluster/controller.ts';
import { CoordinatorLog } from '../cluster/coordinator-log.ts';
import { isSasl, type Listener } from '../config/listeners.ts';
import { loginTermsOf } from '../config/logins.ts';
import { CatalogTopics } from '../groups/catalog-topics.ts';
import { createGroupServices, type GroupServices } from '../groups/group-services.ts';
import type { Api } from '../protocol/api.ts';
import type { Crc32c } from '../protocol/batch.ts';
import { Registry } from '../protocol/registry.ts';
import { AccessDesk, accessImageOf } from '../security/access-desk.ts';
import { AuditLog } from '../security/audit-log.ts';
import type { StrayTransactions } from '../transactions/stray-transactions.ts';
import type { PartitionPort } from '../workers/partition-port.ts';
import { AnswerErrors } from './answer-errors.ts';
import { consumerSettings } from './consumer-settings.ts';
import { ControlDesk, controlHandlers } from './control-table.ts';
import type { ControlServices } from './define.ts';
import type { LoginDesk } from './login-desk.ts';
import { composeLogins } from './login-plane.ts';
import { PageDoorman } from './page-doorman.ts';
import type { ProduceVerifier } from './produce-verifier.ts';
import { ShareServices } from './share-services.ts';
import { composeTransactions } from './transaction-plane.ts';

export interface ControlPlaneParts {
  readonly controller: Controller;
  /** The way to the data of partitions. */
  readonly port: PartitionPort;
  readonly crc32c: Crc32c;
  /** Clock and timers of the whole control plane. */
  readonly alarms: Alarms;
  readonly randomBytes: (count: number) => Uint8Array;
  readonly listeners: readonly Pick<Listener, 'name' | 'protocol' | 'advertised'>[];
  /** APIs that the fronts answer themselves: part of ApiVersions, never seen here. */
  readonly dataApis: readonly Api[];
  /** Left out: those whose APIs are there. */
  readonly features?: readonly FeatureRange[];
  readonly dataFolder: DataFolder;
  /** Whether answers with errors are counted. */
  readonly wantsMetrics: boolean;
  readonly log: Logger;
}

const LOG_PERIOD_MS = 10_000;
const NOBODY_MAY =
  'access rules are on, but there are none, and no super.users: nobody may do anything; name somebody in super.users';

export class ControlPlane {
  readonly desk: ControlDesk;
  readonly services: ControlServices;
  /** Where clients of listeners with SASL log in; null before the start. */
  logins: LoginDesk | null = null;
  /** Bytes of answers that wait for room on their way to clients; set by whoever carries them. */
  backlogBytes: () => number = () => 0;
  /** Asked by the fronts about Produce requests. */
  readonly verifier: ProduceVerifier;

  private readonly parts: ControlPlaneParts;
  private readonly strays: StrayTransactions;

  constructor(parts: ControlPlaneParts) {
    this.parts = parts;
    const { controller, log, alarms } = parts;
    const registry = new Registry([...controlHandlers.map((handler) => handler.api), ...parts.dataApis]);
    const internalTopics = new InternalTopics(controller);
    const topics = new CatalogTopics(controller);
    const shares: ShareServices = new ShareServices({
      ...parts,
      internalTopics,
      topics,
      coordinator: () => groups.coordinator,
      backlogBytes: () => this.backlogBytes(),
    });
    const groups = this.groupsOf(parts, internalTopics, topics, shares);
    const access = new AccessDesk(new AuditLog(log, alarms, (atMs, ring) => alarms.set(atMs, ring)));
    const transactions = composeTransactions({ ...parts, internalTopics, groups: groups.coordinator, access });
    this.verifier = transactions.verifier;
    this.strays = transactions.strays;
    controller.observeSettings(({ acls }, { values }) => access.take(accessImageOf(acls.values(), values)));
    // Clients try again, and again, what cannot be done now.
    const told = new RateLimitedLog(log, { nowMs: () => alarms.nowMs() }, LOG_PERIOD_MS);
    this.services = {
      controller,
      autoCreation: new AutoCreation(controller, (message) => told.say('auto-creation', 'warn', message)),
      internalTopics,
      groups,
      transactions: transactions.coordinator,
      transactionMarkers: transactions.markers,
      shares,
      access,
      ranges: registry.ranges,
      features: parts.features ?? featuresOf(registry.ranges),
      dataFolder: parts.dataFolder,
      answerErrors: parts.wantsMetrics ? new AnswerErrors() : null,
      complain: (api, message) => told.say(api, 'error', `${api}: ${message}`),
      mutationQuotas: new MutationQuotas(controller, () => alarms.nowMs()),
      listeners: new Map(parts.listeners.map((listener) => [listener.name, listener])),
    };
    this.desk = new ControlDesk({
      registry,
      services: this.services,
      log,
      nowMs: () => Math.floor(alarms.nowMs()),
    });
  }

  /** The catalog is open: coordinators read what they kept. Requests may come before this has resolved. */
  async start(): Promise<void> {
    if (this.services.access.isShutToAll) this.parts.log.warn(NOBODY_MAY);
    this.logins = await composeLogins({
      ...this.parts,
      desk: this.desk,
      listeners: this.saslListeners,
    });
    this.services.groups.coordinator.start();
    this.services.transactions.start();
    this.strays.start();
    this.services.shares.start();
  }

  /** For pages that others than this machine may ask for. */
  doorman(): PageDoorman {
    const { controller, access } = this.services;
    return new PageDoorman({
      controller,
      access,
      logins: this.saslListeners.map((name) => loginTermsOf(controller.config, name)),
    });
  }

  get loginCounts(): { readonly done: number; readonly failed: number } {
    return this.logins?.counts ?? { done: 0, failed: 0 };
  }

  private get saslListeners(): readonly string[] {
    return this.parts.listeners.filter(({ protocol }) => isSasl(protocol)).map(({ name }) => name);
  }

  /** A client is gone. */
  connectionClosed(connection: number): void {
    this.services.shares.sessions.closeConnection(connection);
    this.logins?.connectionClosed(connection);
  }

  /** The broker is about to stop: who waits for others (members of a group for each other) is sent away. */
  release(): void {
    this.services.shares.release();
    this.services.groups.coordinator.stop();
    this.services.transactions.stop();
    this.strays.stop();
  }

  /** No request comes any more; what coordinators are writing is written when this resolves. */
  async stop(): Promise<void> {
    await this.services.shares.stop();
  }

  private groupsOf(
    parts: ControlPlaneParts,
    internalTopics: InternalTopics,
    topics: CatalogTopics,
    shares: ShareServices,
  ): GroupServices {
    const { controller, alarms } = parts;
    const values = () => controller.config.values;
    return createGroupServices({
      alarms,
      log: parts.log,
      openLog: (partition, place) =>
        new CoordinatorLog({
          port: parts.port,
          place,
          name: `${OFFSETS_TOPIC}-${partition}`,
          crc32c: parts.crc32c,
          nowMs: () => Math.floor(alarms.nowMs()),
          warn: (message) => parts.log.error(message),
        }),
      ensureTopic: async () => {
        await internalTopics.ensure(OFFSETS_TOPIC);
      },
      subscribe: (listener) => controller.subscribe(listener),
      retentionMs: () => values()['offsets.retention.minutes'] * 60_000,
      upkeepEveryMs: () => values()['offsets.retention.check.interval.ms'],
      classicRules: () => ({
        sizeMax: values()['group.max.size'],
        initialDelayMs: values()['group.initial.rebalance.delay.ms'],
        sessionMinMs: values()['group.min.session.timeout.ms'],
        sessionMaxMs: values()['group.max.session.timeout.ms'],
      }),
      uniqueText: () => uuidText(parts.randomBytes(16)),
      offsetMetadataLengthMax: () => values()['offset.metadata.max.bytes'],
      topics,
      consumerSettingsOf: (groupId) => consumerSettings(controller, groupId),
      newMemberId: () => memberId(parts.randomBytes),
      moreProtocols: [shares.groups],
    });
  }
}

/** As Java writes a random UUID, with the bits that say that it is random. */
function uuidText(random: Uint8Array): string {
  const bytes = Buffer.from(random);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x40, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-');
}

/** As Kafka writes a random UUID; tools take a leading hyphen for an option, so there is none. */
function memberId(randomBytes: (count: number) => Uint8Array): string {
  let id = '-';
  while (id.startsWith('-')) id = Buffer.from(randomBytes(16)).toString('base64url');
  return id;
}
