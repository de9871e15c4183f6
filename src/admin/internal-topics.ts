/**
 * The topics in which coordinators keep what they know. Each is created when it is needed for the first time, with the
 * settings its coordinator relies on, and once however many ask.
 */
import type { Controller } from '../cluster/controller.ts';
import type { BrokerConfig } from '../config/broker-config.ts';

export const OFFSETS_TOPIC = '__consumer_offsets';
export const TRANSACTIONS_TOPIC = '__transaction_state';
export const SHARE_STATE_TOPIC = '__share_group_state';

export type InternalTopicName = typeof OFFSETS_TOPIC | typeof TRANSACTIONS_TOPIC | typeof SHARE_STATE_TOPIC;

export class InternalTopics {
  private readonly controller: Controller;
  private readonly creating = new Map<InternalTopicName, Promise<number>>();

  constructor(controller: Controller) {
    this.controller = controller;
  }

  /** Its count of partitions, 0 while it does not exist. */
  partitionCount(name: InternalTopicName): number {
    return this.controller.catalog.topicsByName.get(name)?.leaderEpochs.length ?? 0;
  }

  /** Resolves with its count of partitions when it exists. Throws Fault when it cannot be created. */
  ensure(name: InternalTopicName): Promise<number> {
    const count = this.partitionCount(name);
    if (count > 0) return Promise.resolve(count);
    const creating =
      this.creating.get(name) ??
      this.create(name).finally(() => {
        this.creating.delete(name);
      });
    this.creating.set(name, creating);
    return creating;
  }

  private async create(name: InternalTopicName): Promise<number> {
    const { partitionCount, configs } = planOf(name, this.controller.config);
    const [outcome] = await this.controller.createTopics((catalog) =>
      catalog.topicsByName.has(name) ? [] : [{ name, partitionCount, configs }],
    );
    if (outcome !== undefined && outcome.fault !== null) throw outcome.fault;
    return this.partitionCount(name);
  }
}

function planOf(
  name: InternalTopicName,
  { values }: BrokerConfig,
): { readonly partitionCount: number; readonly configs: { readonly [key: string]: string } } {
  switch (name) {
    case OFFSETS_TOPIC:
      return {
        partitionCount: values['offsets.topic.num.partitions'],
        configs: {
          'cleanup.policy': 'compact',
          'compression.type': 'producer',
          'segment.bytes': String(values['offsets.topic.segment.bytes']),
        },
      };
    case TRANSACTIONS_TOPIC:
      return {
        partitionCount: values['transaction.state.log.num.partitions'],
        configs: {
          'cleanup.policy': 'compact',
          'compression.type': 'uncompressed',
          'segment.bytes': String(values['transaction.state.log.segment.bytes']),
          'unclean.leader.election.enable': 'false',
        },
      };
    case SHARE_STATE_TOPIC:
      return {
        partitionCount: values['share.coordinator.state.topic.num.partitions'],
        configs: {
          'cleanup.policy': 'delete',
          'compression.type': 'producer',
          'retention.ms': '-1',
          'segment.bytes': String(values['share.coordinator.state.topic.segment.bytes']),
        },
      };
  }
}
