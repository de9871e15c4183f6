/**
 * The audit log: a line for a denial, a line for an administrative change. Denials can be provoked as often as somebody
 * likes, and so can requests of which nothing is done: of denials that have principal, host, operation and type of resource
 * in common, and of such requests that have principal, host and API in common, one line comes in a period; the others are
 * counted, and their number is told when the period is over (`tell`).
 *
 * A line holds names only: no settings' values, nothing that a request carries.
 */
import type { Clock } from '../base/clock.ts';
import type { LogFields, Logger } from '../base/logger.ts';
import type { Identity } from '../net/identity.ts';
import { operationName, resourceTypeName } from '../protocol/acl.ts';

const DENIAL_PERIOD_MS = 1000;
/** Kinds of denial that are counted apart in a period; further ones share a count. */
const KINDS_MAX = 1000;
/** Names come from clients. */
const NAME_LENGTH_MAX = 256;

export interface AuditedAction {
  readonly identity: Identity;
  /** Name of the API. */
  readonly api: string;
  readonly operation: number;
  readonly resourceType: number;
  readonly resourceName: string;
}

export interface AuditedChange {
  readonly identity: Identity;
  readonly api: string;
  readonly what: string;
}

interface Told {
  /** What the line about the others repeats. */
  readonly fields: LogFields;
  readonly untilMs: number;
  untoldCount: number;
}

type Later = (atMs: number, ring: () => void) => void;

export class AuditLog {
  private readonly logger: Logger;
  private readonly clock: Clock;
  private readonly told = new Map<string, Told>();
  private readonly later: Later | null;
  private othersCount = 0;
  private isTelling = false;

  /** `later`: how to be called again; null: whoever owns this calls `tell` every now and then. */
  constructor(logger: Logger, clock: Clock, later: Later | null) {
    this.logger = logger;
    this.clock = clock;
    this.later = later;
  }

  denied({ identity, api, operation, resourceType, resourceName }: AuditedAction): void {
    const nowMs = this.clock.nowMs();
    this.tell(nowMs);
    const { principal, host, listener } = identity;
    const fields = { outcome: 'denied', principal, host, operation: operationName(operation) };
    if (!this.isFirst(`${operation} ${resourceType} ${host} ${principal}`, fields, nowMs)) return;
    const resource = `${resourceTypeName(resourceType)}:${shown(resourceName)}`;
    this.logger.info('audit', { ...fields, resource, api, listener });
    this.comeBack(nowMs + DENIAL_PERIOD_MS);
  }

  /** Of its kind in this period; others are counted. */
  private isFirst(key: string, fields: LogFields, nowMs: number): boolean {
    const told = this.told.get(key);
    if (told !== undefined) told.untoldCount += 1;
    else if (this.told.size >= KINDS_MAX) this.othersCount += 1;
    else {
      this.told.set(key, { fields, untilMs: nowMs + DENIAL_PERIOD_MS, untoldCount: 0 });
      return true;
    }
    return false;
  }

  /** Of periods that are over: how many denials had no line. */
  tell(nowMs: number): void {
    if (this.told.size === 0) return;
    for (const [key, { fields, untilMs, untoldCount }] of this.told) {
      // In order of their ends.
      if (nowMs < untilMs) return;
      this.told.delete(key);
      if (untoldCount > 0) this.logger.info('audit', { ...fields, moreTimes: untoldCount });
    }
    if (this.othersCount === 0) return;
    this.logger.info('audit', { outcome: 'denied', moreTimes: this.othersCount });
    this.othersCount = 0;
  }

  private comeBack(atMs: number): void {
    if (this.later === null || this.isTelling) return;
    this.isTelling = true;
    this.later(atMs, () => {
      this.isTelling = false;
      this.tell(this.clock.nowMs());
      for (const { untilMs } of this.told.values()) {
        this.comeBack(untilMs);
        return;
      }
    });
  }

  /** `outcome`: "done", "checked" when it was only asked whether it would be, or "refused" when some of it was. */
  changed({ identity, api, what }: AuditedChange, outcome: string): void {
    const { principal, host, listener } = identity;
    this.logger.info('audit', { outcome, principal, host, api, of: shown(what), listener });
  }

  /** Nothing of it was done. */
  refused(change: AuditedChange): void {
    const nowMs = this.clock.nowMs();
    this.tell(nowMs);
    const { api, identity } = change;
    const { principal, host } = identity;
    const fields = { outcome: 'refused', principal, host, api };
    if (!this.isFirst(`${api} ${host} ${principal}`, fields, nowMs)) return;
    this.changed(change, 'refused');
    this.comeBack(nowMs + DENIAL_PERIOD_MS);
  }
}

/** Without what would break a line in two, or hide in it. */
function shown(name: string): string {
  const text = name.length > NAME_LENGTH_MAX ? `${name.slice(0, NAME_LENGTH_MAX)}…` : name;
  return JSON.stringify(text).slice(1, -1);
}
