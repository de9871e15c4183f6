/** The APIs with which topics, settings and the broker itself are looked at and changed. */
import { createTopicsHandler } from './19-create-topics.ts';
import { deleteTopicsHandler } from './20-delete-topics.ts';
import { describeConfigsHandler } from './32-describe-configs.ts';
import { alterConfigsHandler } from './33-alter-configs.ts';
import { createPartitionsHandler } from './37-create-partitions.ts';
import { incrementalAlterConfigsHandler } from './44-incremental-alter-configs.ts';
import { listConfigResourcesHandler } from './74-list-config-resources.ts';
import type { ControlHandler } from './define.ts';

export const adminHandlers: readonly ControlHandler[] = [
  createTopicsHandler,
  deleteTopicsHandler,
  describeConfigsHandler,
  alterConfigsHandler,
  createPartitionsHandler,
  incrementalAlterConfigsHandler,
  listConfigResourcesHandler,
];
