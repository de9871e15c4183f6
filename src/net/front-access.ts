/**
 * What the data APIs ask about a client's rights. The rules are none of the front's business: whoever builds it hands in a
 * body that knows them (`security/front-authorizer`), and main's word about them passes through here.
 *
 * While nobody decides, `isOn` is false, and that is all that is looked at.
 */
import type { Connection } from './connection.ts';
import type { AccessImage } from './front-post.ts';
import type { Topic } from './route-table.ts';

export interface FrontAccess {
  readonly isOn: boolean;
  take(image: AccessImage): void;
  /** The right is there; otherwise the audit log hears of it. Allocates nothing for a topic that was asked for before. */
  mayTopic(connection: Connection, operation: number, topic: Topic, api: string): boolean;
  /** As `mayTopic`, for a name that no topic has. */
  mayName(connection: Connection, operation: number, name: string, api: string): boolean;
  mayTransactionalId(connection: Connection, operation: number, id: string, api: string): boolean;
  /** To the cluster; `isQuiet`: there is another way to be allowed. */
  mayCluster(connection: Connection, operation: number, api: string, isQuiet: boolean): boolean;
  /** Denials that had no line of their own are told, so that none is lost. Called a few times a second. */
  tell(nowMs: number): void;
}

/** Nobody decides: for fronts without rules. */
export const openAccess: FrontAccess = {
  isOn: false,
  take: () => {},
  mayTopic: () => true,
  mayName: () => true,
  mayTransactionalId: () => true,
  mayCluster: () => true,
  tell: () => {},
};
