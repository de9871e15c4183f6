/**
 * The controller: the only one who changes the catalog. Every change takes the same way, one after the other:
 *
 *   plan on the latest catalog → records to the store (durable) → new catalog → partitions opened or closed by their
 *   workers → route update to the subscribers
 *
 * What a client may ask for, and with which words it is refused, is decided above (`admin/`); the plan functions passed
 * in here run inside the serial section, so that nothing can change between a check and its effect. Called by `admin/`,
 * `apis/` and `broker.ts`; knows no request and no thread.
 */
import { assert, must } from '../base/assert.ts';
import { Fault, isFault } from '../base/fault.ts';
import type { BrokerConfig } from '../config/broker-config.ts';
import { topicValues } from '../config/topic-config.ts';
import type { ProducerFacts } from '../storage/producer-entry.ts';
import { type LeftoverFolder, planAdoption } from './adoption.ts';
import { Catalog, type CatalogTopic } from './catalog.ts';
import type { CatalogRecord } from './catalog-records.ts';
import type { MetadataStore } from './metadata-store.ts';
import type { HostedPartition, PartitionHost, PartitionToOpen } from './partition-host.ts';
import { type Place, Placement } from './placement.ts';
import { PRODUCER_ID_BLOCK, ProducerIds } from './producer-ids.ts';
import { hostedAt, RouteBook, type RouteListener } from './route-book.ts';
import { SerialSection } from './serial-section.ts';
import { type SettingsCheck, type SettingsObserver, SettingsObservers } from './settings-observers.ts';
import { type StartOptions, startRecords } from './start-records.ts';
import { newTopicId } from './topic-id.ts';

export interface ControllerParts {
  readonly store: MetadataStore;
  readonly host: PartitionHost;
  readonly config: BrokerConfig;
  readonly workers: number;
  readonly nowMs: () => number;
  readonly randomBytes: (count: number) => Uint8Array;
  /** Slots of the board; left out, as many as there can be. */
  readonly slotsMax?: number;
  /** Left out: everything that the tables of settings allow is good. */
  readonly settingsCheck?: SettingsCheck;
}

export interface StartReport {
  readonly notices: readonly string[];
  readonly adoptedTopics: readonly string[];
  readonly leftovers: readonly LeftoverFolder[];
  /** Sentences about partitions that did not open. */
  readonly problems: readonly string[];
}

export interface TopicPlan {
  readonly name: string;
  readonly partitionCount: number;
  readonly configs: { readonly [key: string]: string };
}

export interface TopicOutcome {
  readonly name: string;
  /** Null when the topic could not be made. */
  readonly topic: CatalogTopic | null;
  readonly fault: Fault | null;
}

interface MadeTopic {
  readonly name: string;
  readonly topic: CatalogTopic;
  readonly places: readonly Place[];
}

export interface PartitionsPlan {
  readonly topicId: string;
  readonly addCount: number;
}

export class Controller {
  private readonly parts: ControllerParts;
  private readonly section = new SerialSection();
  private readonly placement: Placement;
  private readonly routes: RouteBook;
  private readonly producerIds = new ProducerIds();
  private current = Catalog.empty;
  private currentConfig: BrokerConfig;
  private isStarted = false;
  private recordsWritten = 0;
  /** In force, though the store could not take them; they go before whatever is written next. */
  private owed: CatalogRecord[] = [];
  private readonly observers = new SettingsObservers();

  constructor(parts: ControllerParts) {
    this.parts = parts;
    this.placement = new Placement(parts.workers, parts.slotsMax);
    this.routes = new RouteBook(parts.config.values['node.id']);
    this.currentConfig = parts.config;
  }

  get catalog(): Catalog {
    return this.current;
  }

  /** The broker's settings with those a client has set. */
  get config(): BrokerConfig {
    return this.currentConfig;
  }

  get settingsCheck(): SettingsCheck {
    return this.parts.settingsCheck ?? (() => null);
  }

  /** Whether a topic's settings let compaction leave gaps in its logs. */
  isCompacted(topic: string): boolean {
    return (this.current.topicsByName.get(topic)?.configs['cleanup.policy'] ?? '').includes('compact');
  }

  /** Records of the metadata file, counted from the start as if it had just been compacted. */
  get recordCount(): number {
    return this.recordsWritten;
  }

  /** For what changes nothing in the catalog. */
  get host(): PartitionHost {
    return this.parts.host;
  }

  /** Changes that wait or run. */
  get pendingChanges(): number {
    return this.section.depth;
  }

  /** How many more partitions this broker can take. */
  get roomForPartitions(): number {
    return this.placement.room(this.parts.nowMs());
  }

  /** Where a partition runs; null when there is none. */
  placeOf(topic: string, partition: number): Place | null {
    const id = this.current.topicsByName.get(topic)?.id;
    return id === undefined ? null : (this.routes.topic(id)?.partitions[partition] ?? null);
  }

  /** By partition; empty when there is no such topic. */
  placesOf(topicId: string): readonly Place[] {
    return this.routes.topic(topicId)?.partitions ?? [];
  }

  /** Null: there is no such partition, it is not open, or its log takes nothing now. */
  async describeProducers(topic: string, partition: number): Promise<readonly ProducerFacts[] | null> {
    const place = this.placeOf(topic, partition);
    return place === null ? null : await this.parts.host.describeProducers(place);
  }

  subscribe(listener: RouteListener): () => void {
    return this.routes.subscribe(listener);
  }

  start(options: StartOptions): Promise<StartReport> {
    return this.section.run(async () => {
      assert(!this.isStarted, 'the controller is started once');
      const opened = await this.parts.store.open();
      this.current = Catalog.empty.with(opened.records);
      const adoption = planAdoption(this.current, options.found, this.parts.randomBytes);
      // Their names must be free before somebody makes such a topic again, and their ids are forgotten when they are gone.
      const deleted = new Set(adoption.leftovers.flatMap(({ folder, isDeleted }) => (isDeleted ? folder : [])));
      await this.parts.host.removeFolders([...deleted]);
      const found = options.found.filter((folder) => !deleted.has(folder));
      const starting = startRecords(this.current, { ...options, found }, adoption.records, this.parts.randomBytes);
      this.current = this.current.with(starting);
      const records = this.current.toRecords();
      await this.parts.store.replaceAll(records);
      this.recordsWritten = records.length;
      this.takeConfig();
      const problems = await this.openAll();
      this.isStarted = true;
      this.observers.tell(this.current, this.currentConfig);
      return {
        notices: opened.notices,
        adoptedTopics: adoption.adoptedTopics,
        leftovers: adoption.leftovers,
        problems,
      };
    });
  }

  /** Resolves when no change is under way any more and the store is closed. Partitions are the caller's to close. */
  stop(): Promise<void> {
    return this.section.run(async () => {
      this.isStarted = false;
      await this.commitOrOwe([]);
      await this.parts.store.close();
    });
  }

  /** One record write, and one opening, for all the topics that the plan names; topics stand or fall one by one. */
  createTopics(plan: (catalog: Catalog) => readonly TopicPlan[]): Promise<TopicOutcome[]> {
    return this.change(async () => {
      const records: CatalogRecord[] = [];
      const placed: { readonly name: string; readonly id: string; readonly places: readonly Place[] }[] = [];
      const outcomes: TopicOutcome[] = [];
      for (const topic of plan(this.current)) {
        const places = this.tryPlace(topic.partitionCount);
        if (isFault(places)) {
          outcomes.push({ name: topic.name, topic: null, fault: places });
          continue;
        }
        const id = newTopicId(this.parts.randomBytes);
        const leaderEpochs = new Array<number>(topic.partitionCount).fill(0);
        records.push({ kind: 'topic', name: topic.name, id, configs: topic.configs, leaderEpochs });
        placed.push({ name: topic.name, id, places });
      }
      await this.commitPlaced(
        records,
        placed.flatMap((entry) => entry.places),
      );
      const made = placed.map(({ name, id, places }) => ({ name, topic: this.topicOf(id), places }));
      return [...outcomes, ...(await this.openNewTopics(made))];
    });
  }

  /** Resolves when the folders are gone. Ids that are not (or no longer) there are passed over. */
  deleteTopics(choose: (catalog: Catalog) => readonly string[]): Promise<void> {
    return this.change(async () => {
      const topics = choose(this.current).flatMap((id) => this.current.topicsById.get(id) ?? []);
      if (topics.length > 0) await this.removeTopics(topics);
    });
  }

  /** A plan of null changes nothing. Answers what kept the first partition from opening, null when all did. */
  createPartitions(plan: (catalog: Catalog) => PartitionsPlan | null): Promise<Fault | null> {
    return this.change(async () => {
      const planned = plan(this.current);
      if (planned === null) return null;
      const { topicId, addCount } = planned;
      const added = this.tryPlace(addCount);
      if (isFault(added)) return added;
      const leaderEpochs = new Array<number>(addCount).fill(0);
      const before = this.routes.hosted(this.topicOf(topicId));
      await this.commitPlaced([{ kind: 'partitions', id: topicId, leaderEpochs }], added);
      const topic = this.topicOf(topicId);
      const opening = this.toOpen(topic, added, before.length, true);
      const faultOf = await this.faultsOf(opening);
      this.routes.put(topic, [...before, ...added]);
      return faultOf(added);
    });
  }

  /**
   * Changes that place nothing: settings and quotas. The plan runs on the latest catalog; what its records say is in force
   * everywhere when this resolves with the plan's outcome.
   */
  amend<Outcome>(
    plan: (catalog: Catalog) => { readonly records: readonly CatalogRecord[]; readonly outcome: Outcome },
  ): Promise<Outcome> {
    return this.change(async () => {
      const { records, outcome } = plan(this.current);
      await this.commit(records);
      await this.enforce(records);
      return outcome;
    });
  }

  /** Called at once, and after each change of settings or quotas; the returned function ends it. */
  observeSettings(observer: SettingsObserver): () => void {
    return this.observers.add(observer, this.current, this.currentConfig);
  }

  async allocateProducerId(): Promise<number> {
    const ready = this.producerIds.take();
    if (ready !== null) return ready;
    return this.change(async () => {
      const refilled = this.producerIds.take();
      if (refilled !== null) return refilled;
      const first = this.current.nextProducerId;
      await this.commit([{ kind: 'producer-ids', next: first + PRODUCER_ID_BLOCK }]);
      this.producerIds.addBlock(first);
      return must(this.producerIds.take(), 'a fresh block has ids');
    });
  }

  private change<T>(step: () => Promise<T>): Promise<T> {
    return this.section.run(async () => {
      if (!this.isStarted) throw new Fault('PB_LIMIT', 'the broker is starting or stopping; try again');
      return await step();
    });
  }

  private async commit(records: readonly CatalogRecord[]): Promise<void> {
    const written = [...this.owed, ...records];
    if (written.length === 0) return;
    const next = this.current.with(records);
    await this.parts.store.append(written);
    this.owed = [];
    this.recordsWritten += written.length;
    this.current = next;
    if (this.parts.store.isLong) await this.shortenStore();
  }

  /** What clients change again and again must not grow for as long as the broker runs. Another time will do as well. */
  private async shortenStore(): Promise<void> {
    try {
      await this.parts.store.replaceAll(this.current.toRecords());
    } catch (error) {
      if (!isFault(error)) throw error;
    }
  }

  /** For what holds whether it can be written down now or not. */
  private async commitOrOwe(records: readonly CatalogRecord[]): Promise<void> {
    try {
      await this.commit(records);
    } catch (error) {
      if (!isFault(error)) throw error;
      this.owed.push(...records);
      this.current = this.current.with(records);
    }
  }

  /** Places go back when the records that need them could not be written. */
  private async commitPlaced(records: readonly CatalogRecord[], places: readonly Place[]): Promise<void> {
    try {
      await this.commit(records);
    } catch (error) {
      this.placement.give(places, this.parts.nowMs());
      throw error;
    }
  }

  private async openAll(): Promise<string[]> {
    const opening: PartitionToOpen[] = [];
    const placed: { readonly topic: CatalogTopic; readonly places: readonly Place[] }[] = [];
    for (const topic of this.current.topicsByName.values()) {
      const places = this.placement.take(topic.leaderEpochs.length, this.parts.nowMs());
      opening.push(...this.toOpen(topic, places, 0, false));
      placed.push({ topic, places });
    }
    const outcomes = opening.length === 0 ? [] : await this.parts.host.openPartitions(opening);
    for (const { topic, places } of placed) this.routes.put(topic, places);
    return outcomes.flatMap((outcome) => outcome.problem ?? []);
  }

  /**
   * A topic whose partitions cannot be opened is taken back: half a topic helps nobody, and whoever needs it asks again. That
   * holds on a full disk as well, which has no room to say so.
   */
  private async openNewTopics(made: readonly MadeTopic[]): Promise<TopicOutcome[]> {
    const faultOf = await this.faultsOf(made.flatMap(({ topic, places }) => this.toOpen(topic, places, 0, true)));
    const failed: CatalogTopic[] = [];
    const opened: HostedPartition[] = [];
    const outcomes = made.map(({ name, topic, places }): TopicOutcome => {
      const fault = faultOf(places);
      if (fault === null) {
        this.routes.put(topic, places);
        return { name, topic, fault: null };
      }
      // Nobody is told where it is, or records would be taken that go with it.
      failed.push(topic);
      opened.push(...hostedAt(topic, places));
      return { name, topic: null, fault };
    });
    if (failed.length === 0) return outcomes;
    await this.commitOrOwe(failed.map(({ id }) => ({ kind: 'topic-gone', id })));
    await this.clearAway(failed, opened);
    return outcomes;
  }

  private async removeTopics(topics: readonly CatalogTopic[]): Promise<void> {
    await this.commit(topics.map((topic) => ({ kind: 'topic-gone', id: topic.id })));
    const partitions = topics.flatMap((topic) => this.routes.hosted(topic));
    await this.clearAway(topics, partitions);
  }

  /** The folders of topics that the catalog has no more. */
  private async clearAway(topics: readonly CatalogTopic[], partitions: readonly HostedPartition[]): Promise<void> {
    for (const topic of topics) this.routes.remove(topic.id);
    await this.parts.host.closePartitions(partitions, { remove: true });
    this.placement.give(partitions, this.parts.nowMs());
    await this.commitOrOwe(topics.map((topic) => ({ kind: 'topic-removed', id: topic.id })));
  }

  /** The settings given at the start, under those that clients have set since. */
  private takeConfig(): void {
    const { brokerConfigs: broker, clusterConfigs: cluster } = this.current;
    this.currentConfig = this.parts.config.withDynamic({ broker, cluster });
    this.parts.host.takeConfig(this.currentConfig);
  }

  private async enforce(records: readonly CatalogRecord[]): Promise<void> {
    if (records.length === 0) return;
    const isForAll = records.some(({ kind }) => kind === 'broker-configs' || kind === 'cluster-configs');
    if (isForAll) this.takeConfig();
    const changed = records.flatMap((record) => (record.kind === 'topic-configs' ? this.topicOf(record.id) : []));
    await this.configure(isForAll ? [...this.current.topicsByName.values()] : changed);
    this.observers.tell(this.current, this.currentConfig);
  }

  private async configure(topics: readonly CatalogTopic[]): Promise<void> {
    const config = this.config;
    const partitions = topics.flatMap((topic) => {
      const values = topicValues(topic.configs, config);
      return this.routes.hosted(topic).map((partition) => ({ ...partition, values }));
    });
    if (partitions.length > 0) await this.parts.host.configurePartitions(partitions);
  }

  /** Opens them all; the answer says what kept the first of some places from opening, null when nothing did. */
  private async faultsOf(opening: readonly PartitionToOpen[]): Promise<(places: readonly Place[]) => Fault | null> {
    const problems = new Map<number, string>();
    try {
      const outcomes = opening.length === 0 ? [] : await this.parts.host.openPartitions(opening);
      for (const { slot, problem } of outcomes) if (problem !== null) problems.set(slot, problem);
    } catch (error) {
      if (isFault(error)) return () => error;
      throw error;
    }
    return (places) => {
      const problem = places.map(({ slot }) => problems.get(slot)).find((one) => one !== undefined);
      return problem === undefined ? null : new Fault('PB_DISK_ERROR', problem);
    };
  }

  private toOpen(topic: CatalogTopic, places: readonly Place[], first: number, isNew: boolean): PartitionToOpen[] {
    const values = topicValues(topic.configs, this.config);
    return places.map(({ slot, worker }, index) => {
      const partition = first + index;
      const leaderEpoch = must(topic.leaderEpochs[partition], 'every partition has a leader epoch');
      return { slot, worker, topic: topic.name, topicId: topic.id, partition, leaderEpoch, values, isNew };
    });
  }

  private tryPlace(count: number): Place[] | Fault {
    try {
      return this.placement.take(count, this.parts.nowMs());
    } catch (error) {
      if (isFault(error)) return error;
      throw error;
    }
  }

  private topicOf(id: string): CatalogTopic {
    return must(this.current.topicsById.get(id), 'a topic that is changed exists');
  }
}
