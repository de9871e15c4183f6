import { expect, test } from 'vitest';
import { createLogger } from '../../src/base/logger.ts';
import { anonymousOf, PLAINTEXT_LISTENER } from '../../src/net/identity.ts';
import { OPERATION_READ, OPERATION_WRITE, RESOURCE_TOPIC } from '../../src/protocol/acl.ts';
import { AuditLog } from '../../src/security/audit-log.ts';

function auditRig() {
  const lines: string[] = [];
  const clock = { nowMs: () => rig.nowMs };
  const logger = createLogger({ level: 'info', thread: 'main', clock, write: (line) => lines.push(line.trim()) });
  const alarms: { atMs: number; ring: () => void }[] = [];
  const rig = {
    nowMs: 0,
    lines,
    audit: new AuditLog(logger, clock, (atMs, ring) => alarms.push({ atMs, ring })),
    moveTo(nowMs: number): void {
      rig.nowMs = nowMs;
      for (const alarm of alarms.splice(0)) {
        if (alarm.atMs <= nowMs) alarm.ring();
        else alarms.push(alarm);
      }
    },
  };
  return rig;
}

const identity = anonymousOf('10.0.0.7', PLAINTEXT_LISTENER);
const read = {
  identity,
  api: 'Fetch',
  operation: OPERATION_READ,
  resourceType: RESOURCE_TOPIC,
  resourceName: 'orders',
};

test('a denial says who was denied what, by which request', () => {
  const { audit, lines } = auditRig();
  audit.denied(read);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain('audit');
  for (const field of [
    'outcome=denied',
    'principal=User:ANONYMOUS',
    'host=10.0.0.7',
    'operation=Read',
    'resource=Topic:orders',
    'api=Fetch',
    'listener=PLAINTEXT',
  ]) {
    expect(lines[0]).toContain(field);
  }
});

test('of many alike one line comes in a second, and then how many there were', () => {
  const rig = auditRig();
  for (let time = 0; time < 50; time++) rig.audit.denied(read);
  rig.audit.denied({ ...read, operation: OPERATION_WRITE });
  expect(rig.lines).toHaveLength(2);
  rig.moveTo(999);
  expect(rig.lines).toHaveLength(2);
  rig.moveTo(1000);
  expect(rig.lines).toHaveLength(3);
  expect(rig.lines[2]).toContain('moreTimes=49');
  rig.audit.denied(read);
  expect(rig.lines).toHaveLength(4);
});

test('many kinds are counted together beyond a bound, and none is lost', () => {
  const rig = auditRig();
  for (let who = 0; who < 1500; who++) {
    rig.audit.denied({ ...read, identity: { ...identity, principal: `User:u${who}` } });
  }
  expect(rig.lines).toHaveLength(1000);
  rig.moveTo(1000);
  expect(rig.lines.at(-1)).toContain('moreTimes=500');
});

test('a name cannot break the line, nor fill it', () => {
  const { audit, lines } = auditRig();
  audit.denied({ ...read, resourceName: `x\n12:00:00.000 info main outcome=done ${'y'.repeat(10_000)}` });
  expect(lines).toHaveLength(1);
  expect(lines[0]).not.toContain('\n');
  expect(lines[0]!.length).toBeLessThan(1000);
});
