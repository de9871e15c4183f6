/**
 * The entry of `perfbroker/client`: `createClient` gives producers, consumers and admins for a cluster, each with
 * connections of its own, all closed by one `close`. It works with any broker that speaks the protocol. Our command line
 * stands on it; programs import it from the package.
 */
import { Admin, type AdminOptions } from './admin.ts';
import type { ConsumerOptions } from './consuming/consumer-options.ts';
import { RecordConsumer } from './consuming/record-consumer.ts';
import { CoordinatorFinder } from './coordinator-finder.ts';
import { type Address, addressesOf, type Dial } from './dial.ts';
import { dialTls, type TlsOptions } from './dial-tls.ts';
import { ClusterView } from './metadata.ts';
import type { ProducerOptions } from './producing/producer-options.ts';
import { RecordProducer } from './producing/record-producer.ts';
import type { SaslOptions } from './sasl.ts';

export { Fault, type FaultCode, isFault } from '../base/fault.ts';
export type { RecordHeader } from '../protocol/records.ts';
export type { AclOutcome, AclRemoval } from './admin/acls.ts';
export { demand, type Outcome } from './admin/admin-requests.ts';
export type { BrokerApis, DescribedCluster, DescribedQuorum } from './admin/cluster.ts';
export type { ConfigChange, ConfigEntry, ConfigResource, DescribedConfigs } from './admin/configs.ts';
export type { GroupPosition } from './admin/group-positions.ts';
export type { DescribedGroup, DescribedMember, GroupType, ListedGroup } from './admin/groups.ts';
export type { LogDir } from './admin/log-dirs.ts';
export type { ActiveProducer, DeletedRecords } from './admin/partition-records.ts';
export { TO_THE_END } from './admin/partition-records.ts';
export type { DescribedQuota, QuotaChange, QuotaEntity, QuotaFilter } from './admin/quotas.ts';
export type { SharePosition } from './admin/share-positions.ts';
export type { CreatedTopic, DescribedTopic, NewTopic } from './admin/topics.ts';
export type { DescribedTransaction, ListedTransaction, TransactionFilters } from './admin/transactions.ts';
export type { NewScramUser, ScramUser } from './admin/users.ts';
export type { Admin, AdminOptions } from './admin.ts';
export { AnswerError, errorCodeOf, mayRetry } from './answer-error.ts';
export { type ClientSecurity, clientSecurityOf } from './client-properties.ts';
export type { AssignorName, ConsumerOptions, RebalanceListener } from './consuming/consumer-options.ts';
export type { ConsumedBatch, PollOptions, RecordConsumer } from './consuming/record-consumer.ts';
export type { Subscription } from './consuming/subscription.ts';
export type { Address, Dial } from './dial.ts';
export type { TlsOptions } from './dial-tls.ts';
export type { CommittedOffset, GroupIdentity, OffsetToCommit } from './group-offsets.ts';
export type { BrokerView, PartitionView, TopicView } from './metadata.ts';
export type { FoundOffset, OffsetTime, OffsetWish } from './offset-lookup.ts';
export type { PartitionChoice, PartitionFunction } from './producing/partitioner.ts';
export type { ProducerOptions } from './producing/producer-options.ts';
export type { RecordProducer } from './producing/record-producer.ts';
export type { ConsumedRecord, HeadersInput, ProducerRecord, RecordReceipt, TopicPartition } from './record.ts';
export type { SaslOptions } from './sasl.ts';

export interface ClientOptions {
  /** Some brokers of the cluster, as `host:port,host:port` or a list; the others are learned from them. */
  readonly brokers: string | readonly (string | Address)[];
  /** What brokers call this client in their logs, quotas and group members. */
  readonly clientId?: string;
  readonly connectTimeoutMs?: number;
  /** For requests that have no time limit of their own. */
  readonly requestTimeoutMs?: number;
  /** Opens connections another way than by plain TCP. */
  readonly dial?: Dial;
  /** Connections are encrypted; true: with the certificates that Node trusts. */
  readonly tls?: TlsOptions | true;
  /** Who the client is. */
  readonly sasl?: SaslOptions;
}

export function createClient(options: ClientOptions): Client {
  return new Client(options);
}

const CLIENT_ID = 'perfbroker-client';

interface Closable {
  close(): Promise<void>;
}

export class Client {
  readonly #options: ClientOptions;
  readonly #brokers: readonly Address[];
  readonly #open = new Set<Closable>();

  constructor(options: ClientOptions) {
    const { brokers } = options;
    this.#options = options;
    this.#brokers =
      typeof brokers === 'string'
        ? addressesOf(brokers)
        : brokers.flatMap((one) => (typeof one === 'string' ? addressesOf(one) : [one]));
  }

  producer(options: ProducerOptions = {}): RecordProducer {
    const view = this.#view({ allowAutoTopicCreation: options.allowAutoTopicCreation ?? true });
    return this.#keep(new RecordProducer(view, new CoordinatorFinder(view), options), view);
  }

  consumer(options: ConsumerOptions = {}): RecordConsumer {
    const view = this.#view({ allowAutoTopicCreation: options.allowAutoTopicCreation ?? true });
    return this.#keep(new RecordConsumer(view, new CoordinatorFinder(view), options), view);
  }

  admin(options: AdminOptions = {}): Admin {
    const view = this.#view({ allowAutoTopicCreation: false });
    return this.#keep(new Admin(view, options), view);
  }

  /** Closes whatever it gave out and is not closed yet: producers send what they hold, consumers leave their groups. */
  async close(): Promise<void> {
    const open = [...this.#open];
    this.#open.clear();
    const closed = await Promise.allSettled(open.map((one) => one.close()));
    for (const result of closed) if (result.status === 'rejected') throw result.reason;
  }

  #view(options: { readonly allowAutoTopicCreation: boolean }): ClusterView {
    const { clientId, connectTimeoutMs, requestTimeoutMs, sasl } = this.#options;
    const dial = dialOf(this.#options);
    return new ClusterView({
      brokers: this.#brokers,
      clientId: clientId ?? CLIENT_ID,
      ...(connectTimeoutMs === undefined ? {} : { connectTimeoutMs }),
      ...(requestTimeoutMs === undefined ? {} : { requestTimeoutMs }),
      ...(dial === undefined ? {} : { dial }),
      ...(sasl === undefined ? {} : { sasl }),
      ...options,
    });
  }

  /** Remembers what is to be closed with the client, and nothing that was closed before. */
  #keep<T extends Closable>(one: T, view: ClusterView): T {
    this.#open.add(one);
    view.whenClosed(() => this.#open.delete(one));
    return one;
  }
}

function dialOf({ dial, tls }: ClientOptions): Dial | undefined {
  return dial ?? (tls === undefined ? undefined : dialTls(tls === true ? {} : tls));
}
