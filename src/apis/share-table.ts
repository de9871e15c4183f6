/** The APIs of share groups. */
import { shareGroupHeartbeatHandler } from './76-share-group-heartbeat.ts';
import { shareGroupDescribeHandler } from './77-share-group-describe.ts';
import { shareFetchHandler } from './78-share-fetch.ts';
import { shareAcknowledgeHandler } from './79-share-acknowledge.ts';
import { describeShareGroupOffsetsHandler } from './90-describe-share-group-offsets.ts';
import { alterShareGroupOffsetsHandler } from './91-alter-share-group-offsets.ts';
import { deleteShareGroupOffsetsHandler } from './92-delete-share-group-offsets.ts';
import type { ControlHandler } from './define.ts';

export const shareHandlers: readonly ControlHandler[] = [
  shareGroupHeartbeatHandler,
  shareGroupDescribeHandler,
  shareFetchHandler,
  shareAcknowledgeHandler,
  describeShareGroupOffsetsHandler,
  alterShareGroupOffsetsHandler,
  deleteShareGroupOffsetsHandler,
];
