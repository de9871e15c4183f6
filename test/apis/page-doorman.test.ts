/** Whether the pages know the same users as the broker's listeners. */
import { expect, it } from 'vitest';
import { alterScramUsers } from '../../src/admin/scram-users.ts';
import { PageDoorman } from '../../src/apis/page-doorman.ts';
import { silentLogger } from '../../src/base/logger.ts';
import { loginTermsOf } from '../../src/config/logins.ts';
import { SCRAM_SHA_256, saltPassword } from '../../src/protocol/scram-keys.ts';
import { AccessDesk } from '../../src/security/access-desk.ts';
import { AuditLog } from '../../src/security/audit-log.ts';
import { makeDesk } from './desk-client.ts';

const JAAS = 'org.apache.kafka.common.security.plain.PlainLoginModule required user_paula="plain-secret";';

it('knows users of PLAIN and of SCRAM by their passwords, and nobody else', async () => {
  const sets = ['sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256', `plain.sasl.jaas.config=${JAAS}`];
  const { controller } = await makeDesk({ sets });
  const access = new AccessDesk(new AuditLog(silentLogger, { nowMs: () => 0 }, null));
  const doorman = new PageDoorman({ controller, access, logins: [] });
  expect(doorman.hasUsers).toBe(false);
  expect(await doorman.isPassword('sam', 'scram-secret')).toBe(false);
  const salt = Buffer.from('salt');
  const saltedPassword = await saltPassword(SCRAM_SHA_256, 'scram-secret', salt, 4096);
  await alterScramUsers(controller, [], [{ name: 'sam', mechanism: 1, iterations: 4096, salt, saltedPassword }]);
  expect(doorman.hasUsers).toBe(true);
  expect(await doorman.isPassword('sam', 'scram-secret')).toBe(true);
  expect(await doorman.isPassword('sam', 'plain-secret')).toBe(false);
  expect(await doorman.isPassword('paula', 'plain-secret')).toBe(false);
  const whole = new PageDoorman({ controller, access, logins: [loginTermsOf(controller.config, 'SASL_PLAINTEXT')] });
  expect(await whole.isPassword('paula', 'plain-secret')).toBe(true);
  expect(await whole.isPassword('paula', 'scram-secret')).toBe(false);
  expect(whole.hasRules).toBe(false);
});
