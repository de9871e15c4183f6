/** Topics as groups see them, answered from the catalog of the moment. */
import type { Controller } from '../cluster/controller.ts';
import type { TopicView } from './topic-view.ts';

export class CatalogTopics implements TopicView {
  private readonly controller: Pick<Controller, 'catalog'>;
  private changeCount = 0;

  constructor(controller: Pick<Controller, 'catalog'>) {
    this.controller = controller;
  }

  /** Counts changes since the start. */
  get version(): number {
    return this.changeCount;
  }

  changed(): void {
    this.changeCount++;
  }

  names(): Iterable<string> {
    return this.controller.catalog.topicsByName.keys();
  }

  idOf(name: string): string | null {
    return this.controller.catalog.topicsByName.get(name)?.id ?? null;
  }

  nameOf(topicId: string): string | null {
    return this.controller.catalog.topicsById.get(topicId)?.name ?? null;
  }

  partitionCountOf(topicId: string): number {
    return this.controller.catalog.topicsById.get(topicId)?.leaderEpochs.length ?? 0;
  }
}
