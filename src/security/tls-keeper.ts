/**
 * Keeps the terms of all listeners with TLS up to date, on main: reads them at the start, looks at their files every few
 * seconds, reads them again when one has changed or somebody asks, and tells the fronts. What is broken is logged and
 * changes nothing: the listener goes on with what it has.
 */
import { X509Certificate } from 'node:crypto';
import { statSync } from 'node:fs';
import { isFault } from '../base/fault.ts';
import type { Logger } from '../base/logger.ts';
import type { BrokerConfig } from '../config/broker-config.ts';
import { isTls, type Listener } from '../config/listeners.ts';
import { scopedKeyOf } from '../config/scoped-settings.ts';
import { tlsBrokerSettings } from '../config/tls-settings.ts';
import type { TlsTerms } from '../net/tls-terms.ts';
import { filesOf, readTlsTerms } from './tls-material.ts';

export interface TlsKeeperParts {
  readonly listeners: readonly Listener[];
  readonly config: BrokerConfig;
  readonly logger: Logger;
  readonly nowMs: () => number;
}

type Renew = (listener: string, terms: TlsTerms) => void;

const DAY_MS = 86_400_000;
const EXPIRY_NOTICE_DAYS = 30;

export class TlsKeeper {
  private readonly parts: TlsKeeperParts;
  private readonly listeners: readonly Listener[];
  private readonly kept = new Map<string, { terms: TlsTerms; files: string; text: string }>();
  private config: BrokerConfig;
  private renew: Renew | null = null;
  private timer: NodeJS.Timeout | null = null;

  /** Throws Fault PB_BAD_SETTING: a broker does not start with half of its listeners. */
  constructor(parts: TlsKeeperParts) {
    this.parts = parts;
    this.config = parts.config;
    this.listeners = parts.listeners.filter(({ protocol }) => isTls(protocol));
    for (const listener of this.listeners) {
      const files = stampsOf(filesOf(this.config, listener));
      const terms = readTlsTerms(this.config, listener);
      this.kept.set(listener.name, { terms, files, text: JSON.stringify(terms) });
    }
  }

  get terms(): ReadonlyMap<string, TlsTerms> {
    return new Map([...this.kept].map(([name, { terms }]) => [name, terms]));
  }

  /** Sentences about certificates that will not be good for long. */
  notices(): readonly string[] {
    const sentences: string[] = [];
    for (const [name, { terms }] of this.kept) {
      const sentence = this.expiryOf(name, terms);
      if (sentence !== null) sentences.push(sentence);
    }
    return sentences;
  }

  /** A sentence when one of the listeners could not work with these settings; `changed`: the keys that were set. */
  problemOf(next: BrokerConfig, changed: readonly string[]): string | null {
    for (const listener of this.listeners) {
      const isMeant = changed.some((key) => {
        const scoped = scopedKeyOf(key);
        return scoped?.listener === listener.name.toLowerCase() && Object.hasOwn(tlsBrokerSettings, scoped.key);
      });
      if (!isMeant && !isOtherwise(this.config, next, listener)) continue;
      try {
        readTlsTerms(next, listener);
      } catch (error) {
        if (!isFault(error)) throw error;
        return error.message;
      }
    }
    return null;
  }

  /** `config` may hold more than the broker started with: what clients have set since. */
  start(renew: Renew, config: BrokerConfig): void {
    if (this.listeners.length === 0) return;
    this.renew = renew;
    this.useConfig(config);
    const everyMs = this.parts.config.values['perfbroker.tls.reload.interval.ms'];
    this.timer = setInterval(() => this.look(), everyMs);
    this.timer.unref();
  }

  stop(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.renew = null;
  }

  /** Settings may have changed. */
  useConfig(config: BrokerConfig): void {
    if (config === this.config) return;
    this.config = config;
    this.reload('its settings have changed');
  }

  reload(why: string): void {
    for (const listener of this.listeners) this.readAgain(listener, why);
  }

  private look(): void {
    for (const listener of this.listeners) {
      const kept = this.kept.get(listener.name);
      if (kept !== undefined && stampsOf(filesOf(this.config, listener)) !== kept.files) {
        this.readAgain(listener, 'its file has changed');
      }
    }
  }

  private readAgain(listener: Listener, why: string): void {
    const { logger } = this.parts;
    const kept = this.kept.get(listener.name);
    if (kept === undefined || this.renew === null) return;
    // Before it is read: what changes meanwhile is seen as a change the next time.
    kept.files = stampsOf(filesOf(this.config, listener));
    try {
      const terms = readTlsTerms(this.config, listener);
      const text = JSON.stringify(terms);
      if (text === kept.text) return;
      kept.terms = terms;
      kept.text = text;
      this.renew(listener.name, terms);
      logger.info(`listener ${listener.name}: new connections get the certificate as it is now (${why})`);
      const expiry = this.expiryOf(listener.name, terms);
      if (expiry !== null) logger.warn(expiry);
    } catch (error) {
      if (!isFault(error)) throw error;
      logger.error(`${error.message}; the certificate before goes on (${why})`);
    }
  }

  private expiryOf(name: string, { identity }: TlsTerms): string | null {
    if (identity.kind !== 'pem') return null;
    const validTo = Date.parse(new X509Certificate(identity.chain).validTo);
    const days = Math.floor((validTo - this.parts.nowMs()) / DAY_MS);
    if (days >= EXPIRY_NOTICE_DAYS) return null;
    const until = new Date(validTo).toISOString();
    if (days < 0) return `listener ${name}: its certificate expired on ${until}; renew it`;
    return `listener ${name}: its certificate expires in ${days} days, on ${until}; renew it in time`;
  }
}

/** Something about TLS differs for the listener. */
function isOtherwise(one: BrokerConfig, other: BrokerConfig, { name }: Listener): boolean {
  const text = (config: BrokerConfig) =>
    JSON.stringify(Object.keys(tlsBrokerSettings).map((key) => config.valueFor(name, '', key)));
  return text(one) !== text(other);
}

/** Changes when a file is written, replaced, or comes and goes. */
function stampsOf(paths: readonly string[]): string {
  return paths.map(stampOf).join('\n');
}

function stampOf(path: string): string {
  try {
    const { mtimeMs, size, ino } = statSync(path);
    return `${path} ${mtimeMs} ${size} ${ino}`;
  } catch {
    return `${path} is not there`;
  }
}
