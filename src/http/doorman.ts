/** What the gate of the HTTP side is told of access rules. Users come with logins; as long as there are none, nobody is one. */
import type { AccessDesk } from '../security/access-desk.ts';
import { type Doorman, NOBODY_KNOWN } from './gate.ts';

export function doormanOf(access: AccessDesk): Doorman {
  return {
    ...NOBODY_KNOWN,
    hasRules: access.isOn,
    mayDescribeCluster: (principal, host) => access.mayDescribeCluster(principal, host),
  };
}
