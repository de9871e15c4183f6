/**
 * Pairs the catalog's topics with the places of their partitions, numbers every change and tells the subscribers. Owned
 * by the controller.
 */
import { must } from '../base/assert.ts';
import { type CatalogTopic, isInternalTopic } from './catalog.ts';
import type { HostedPartition } from './partition-host.ts';
import type { Place } from './placement.ts';
import type { RouteTopic, RouteUpdate } from './route-image.ts';
import { topicIdBytes } from './topic-id.ts';

export type RouteListener = (update: RouteUpdate) => void;

export class RouteBook {
  private readonly nodeId: number;
  private readonly topics = new Map<string, RouteTopic>();
  private readonly listeners = new Set<RouteListener>();
  private version = 0;

  constructor(nodeId: number) {
    this.nodeId = nodeId;
  }

  get image(): RouteUpdate {
    return { kind: 'image', version: this.version, nodeId: this.nodeId, topics: [...this.topics.values()] };
  }

  /** The listener gets the image at once and every later change; the returned function ends it. */
  subscribe(listener: RouteListener): () => void {
    this.listeners.add(listener);
    listener(this.image);
    return () => {
      this.listeners.delete(listener);
    };
  }

  topic(id: string): RouteTopic | null {
    return this.topics.get(id) ?? null;
  }

  /** The topic is new, or has more places than before. */
  put(topic: CatalogTopic, places: readonly Place[]): void {
    const partitions = places.map(({ slot, worker }, partition) => {
      const leaderEpoch = must(topic.leaderEpochs[partition], 'every placed partition has a leader epoch');
      return { slot, worker, leaderEpoch };
    });
    const isInternal = isInternalTopic(topic.name);
    const route = { name: topic.name, id: topicIdBytes(topic.id), partitions, isInternal };
    this.topics.set(topic.id, route);
    this.tell({ kind: 'topic', version: ++this.version, topic: route });
  }

  remove(id: string): void {
    const route = this.topics.get(id);
    if (route === undefined) return;
    this.topics.delete(id);
    this.tell({ kind: 'topic-gone', version: ++this.version, name: route.name, id: route.id });
  }

  /** The topic's partitions as the host knows them. */
  hosted(topic: CatalogTopic): HostedPartition[] {
    return hostedAt(topic, this.topics.get(topic.id)?.partitions ?? []);
  }

  private tell(update: RouteUpdate): void {
    for (const listener of this.listeners) listener(update);
  }
}

export function hostedAt({ name, id }: CatalogTopic, places: readonly Place[]): HostedPartition[] {
  return places.map(({ slot, worker }, partition) => ({ slot, worker, topic: name, topicId: id, partition }));
}
