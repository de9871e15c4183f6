/**
 * The admin that programs, tools, tests and benches use: one area for each kind of thing, and shortcuts for the commonest
 * wishes, which throw where an area tells outcomes. It holds no state but the view of the cluster it is given.
 */
import { errorCode } from '../protocol/errors.ts';
import { AclAdmin } from './admin/acls.ts';
import { AdminRequests, demand } from './admin/admin-requests.ts';
import { ClusterAdmin } from './admin/cluster.ts';
import { ConfigAdmin } from './admin/configs.ts';
import { GroupPositionAdmin } from './admin/group-positions.ts';
import { GroupAdmin } from './admin/groups.ts';
import { LogDirAdmin } from './admin/log-dirs.ts';
import { PartitionRecordAdmin } from './admin/partition-records.ts';
import { QuotaAdmin } from './admin/quotas.ts';
import { SharePositionAdmin } from './admin/share-positions.ts';
import { type NewTopic, TopicAdmin } from './admin/topics.ts';
import { TransactionAdmin } from './admin/transactions.ts';
import { UserAdmin } from './admin/users.ts';
import { errorCodeOf } from './answer-error.ts';
import { CoordinatorFinder } from './coordinator-finder.ts';
import type { ClusterView, TopicView } from './metadata.ts';

export interface AdminOptions {
  /** For each call, retries included. */
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 30_000;

export class Admin {
  readonly topics: TopicAdmin;
  readonly configs: ConfigAdmin;
  readonly groups: GroupAdmin;
  readonly groupPositions: GroupPositionAdmin;
  readonly sharePositions: SharePositionAdmin;
  readonly partitionRecords: PartitionRecordAdmin;
  readonly logDirs: LogDirAdmin;
  readonly transactions: TransactionAdmin;
  readonly quotas: QuotaAdmin;
  readonly acls: AclAdmin;
  readonly users: UserAdmin;
  readonly cluster: ClusterAdmin;
  readonly #view: ClusterView;

  constructor(
    view: ClusterView,
    options: AdminOptions = {},
    coordinators: CoordinatorFinder = new CoordinatorFinder(view),
  ) {
    const requests = new AdminRequests(view, coordinators, options.timeoutMs ?? TIMEOUT_MS);
    this.#view = view;
    this.topics = new TopicAdmin(requests);
    this.configs = new ConfigAdmin(requests);
    this.groups = new GroupAdmin(requests);
    this.groupPositions = new GroupPositionAdmin(requests);
    this.sharePositions = new SharePositionAdmin(requests);
    this.partitionRecords = new PartitionRecordAdmin(requests);
    this.logDirs = new LogDirAdmin(requests);
    this.transactions = new TransactionAdmin(requests);
    this.quotas = new QuotaAdmin(requests);
    this.acls = new AclAdmin(requests);
    this.users = new UserAdmin(requests);
    this.cluster = new ClusterAdmin(requests);
  }

  /** Makes a topic and waits until every partition of it has a leader. A topic that is there already is an error. */
  async createTopic(topic: NewTopic): Promise<TopicView> {
    demand(await this.topics.create([topic]));
    return this.#view.topic(topic.name);
  }

  /** Like `createTopic`, but content with a topic that is there. */
  async ensureTopic(topic: NewTopic): Promise<TopicView> {
    try {
      return await this.createTopic(topic);
    } catch (error) {
      if (errorCodeOf(error) === errorCode.TOPIC_ALREADY_EXISTS) return this.#view.topic(topic.name);
      throw error;
    }
  }

  async deleteTopic(name: string): Promise<void> {
    demand(await this.topics.delete([name]));
  }

  async close(): Promise<void> {
    await this.#view.close();
  }
}
