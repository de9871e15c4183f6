/** Who wants to know of every change of settings or quotas. Owned by the controller. */
import type { BrokerConfig } from '../config/broker-config.ts';
import type { Catalog } from './catalog.ts';

export type SettingsObserver = (catalog: Catalog, config: BrokerConfig) => void;

/** What is wrong with new settings of the broker that only others can tell; `changed`: the keys set. Null: nothing. */
export type SettingsCheck = (next: BrokerConfig, changed: readonly string[]) => string | null;

export class SettingsObservers {
  private readonly observers = new Set<SettingsObserver>();

  /** The observer is told at once how things are; the returned function ends it. */
  add(observer: SettingsObserver, catalog: Catalog, config: BrokerConfig): () => void {
    this.observers.add(observer);
    observer(catalog, config);
    return () => {
      this.observers.delete(observer);
    };
  }

  tell(catalog: Catalog, config: BrokerConfig): void {
    for (const observer of this.observers) observer(catalog, config);
  }
}
