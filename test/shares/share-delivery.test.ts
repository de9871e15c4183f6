import { expect, it } from 'vitest';
import { Alarms } from '../../src/base/alarms.ts';
import { Fault } from '../../src/base/fault.ts';
import { silentLogger } from '../../src/base/logger.ts';
import { errorCode } from '../../src/protocol/errors.ts';
import { ShareDelivery } from '../../src/shares/share-delivery.ts';
import { portToNowhere } from '../apis/desk-client.ts';

// It was a line for each partition and each fetch, and members fetch again at once.
it('tells once in a while that partitions cannot be shared', async () => {
  const lines: string[] = [];
  const clock = { nowMs: 0 };
  const delivery = new ShareDelivery({
    partitions: {
      open: () => Promise.reject(new Fault('PB_DISK_FULL', 'the disk is full')),
      find: () => null,
      of: () => [],
    },
    port: portToNowhere(),
    alarms: new Alarms(() => clock.nowMs),
    backlogBytes: () => 0,
    log: { ...silentLogger, warn: (line) => lines.push(line) },
  });
  const fetch = () =>
    delivery.fetch({
      memberId: 'm',
      keys: [0, 1, 2].map((partition) => ({ groupId: 'g', topicId: 'AAAAAAAAAAAAAAAAAAAABA', partition })),
      recordsMax: 1,
      rangeRecords: 1,
      isExact: false,
      bytesMin: 1,
      bytesMax: 1000,
      waitMs: 0,
      isOver: () => false,
    });
  for (let times = 0; times < 4; times++) {
    expect((await fetch()).map(({ error }) => error)).toEqual(Array(3).fill(errorCode.COORDINATOR_NOT_AVAILABLE));
  }
  expect(lines).toHaveLength(1);
  clock.nowMs = 10_000;
  await fetch();
  expect(lines).toHaveLength(2);
});
