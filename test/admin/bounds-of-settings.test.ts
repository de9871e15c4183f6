import { expect, it } from 'vitest';
import { changeConfigs, EDIT_APPEND, EDIT_SET } from '../../src/admin/config-changes.ts';
import { CONFIGURED_GROUPS_MAX } from '../../src/admin/config-targets.ts';
import { changeQuotas, QUOTAS_MAX } from '../../src/admin/quotas.ts';
import { createTopics } from '../../src/admin/topics.ts';
import { errorCode } from '../../src/protocol/errors.ts';
import { RESOURCE_GROUP, RESOURCE_TOPIC } from '../../src/protocol/schemas/32-describe-configs.ts';
import { makeRig, plainStart } from '../cluster/doubles.ts';

const { INVALID_CONFIG, POLICY_VIOLATION } = errorCode;

async function startedController() {
  const { controller } = makeRig();
  await controller.start(plainStart);
  return controller;
}

// Only what was there before the request was counted.
it('one request cannot go beyond the bounds of quotas and of groups with settings either', async () => {
  const controller = await startedController();
  const quotas = Array.from({ length: QUOTAS_MAX + 2 }, (_, index) => ({
    entity: { user: `u${index}` },
    edits: [{ key: 'request_percentage', value: 5, remove: index === 0 }],
  }));
  const ofQuotas = await changeQuotas(controller, quotas, { isOnlyCheck: false });
  expect(ofQuotas.flatMap(({ refusal }) => refusal?.errorCode ?? [])).toEqual([POLICY_VIOLATION]);
  expect(controller.catalog.clientQuotas.size).toBe(QUOTAS_MAX);
  const groups = Array.from({ length: CONFIGURED_GROUPS_MAX + 1 }, (_, index) => ({
    resourceType: RESOURCE_GROUP,
    resourceName: `g${index}`,
    edits: [{ key: 'share.isolation.level', operation: EDIT_SET, value: 'read_committed' }],
    replacesAll: false,
  }));
  const ofGroups = await changeConfigs(controller, groups, { isOnlyCheck: false });
  expect(ofGroups.flatMap((refusal) => refusal?.errorCode ?? [])).toEqual([POLICY_VIOLATION]);
  expect(controller.catalog.groupConfigs.size).toBe(CONFIGURED_GROUPS_MAX);
});

it('the text of a setting has 32,767 characters at most, also one that grew', async () => {
  const controller = await startedController();
  const key = 'leader.replication.throttled.replicas';
  const text = (count: number): string => Array.from({ length: count }, (_, index) => `${10_000 + index}:1`).join(',');
  const wish = (value: string) => ({
    name: value.length > 100 ? 'long' : 'short',
    partitionCount: 1,
    replicationFactor: 1,
    assignments: [],
    configs: [{ name: key, value }],
  });
  const [long, short] = await createTopics(controller, [wish(text(5000)), wish('0:1')], { isOnlyCheck: false });
  expect([long?.refusal?.errorCode, short?.refusal]).toEqual([INVALID_CONFIG, null]);
  const append = async (value: string) => {
    const edits = [{ key, operation: EDIT_APPEND, value }];
    const change = { resourceType: RESOURCE_TOPIC, resourceName: 'short', edits, replacesAll: false };
    return (await changeConfigs(controller, [change], { isOnlyCheck: false }))[0]?.errorCode;
  };
  expect(await append(text(4095))).toBe(undefined);
  expect(await append('10:1')).toBe(INVALID_CONFIG);
});
