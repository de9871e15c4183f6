/**
 * Who a connection is, for the rules about who may do what. The front keeps it on its connection, where the data path
 * asks; it goes to main with the connection's facts, where every handler has it in its context. It is replaced as a whole
 * when a client has shown who it is, so whoever remembers something about an identity compares objects.
 */

export interface Identity {
  /** In Kafka's spelling: a kind and a name, "User:alice". */
  readonly principal: string;
  /** The client's address as rules name it: no port, no brackets, an IPv6 address in full as Java writes it. */
  readonly host: string;
  /** The name of the listener it came by. */
  readonly listener: string;
}

/** Of a client that has not said who it is. */
export const ANONYMOUS_USER = 'ANONYMOUS';
export const ANONYMOUS = `User:${ANONYMOUS_USER}`;
/** The name alone, as quotas know users. */
export function userOf({ principal }: Identity): string {
  return principal.slice(principal.indexOf(':') + 1);
}

export const PLAINTEXT_LISTENER = 'PLAINTEXT';

export function anonymousOf(address: string, listener: string): Identity {
  return { principal: ANONYMOUS, host: ruleHost(address), listener };
}

/** "[::1]" → "0:0:0:0:0:0:0:1"; an IPv4 address, or what is no address, stays as it is. */
export function ruleHost(address: string): string {
  const bare = address.startsWith('[') && address.endsWith(']') ? address.slice(1, -1) : address;
  if (!bare.includes(':')) return bare;
  const zoneAt = bare.indexOf('%');
  const digits = zoneAt < 0 ? bare : bare.slice(0, zoneAt);
  const [head = '', tail] = digits.split('::');
  const before = groupsOf(head);
  const after = tail === undefined ? [] : groupsOf(tail);
  const missing = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  const groups = [...before, ...new Array<string>(missing).fill('0'), ...after];
  return (
    groups.map((group) => group.replace(/^0+(?=.)/, '').toLowerCase()).join(':') +
    (zoneAt < 0 ? '' : bare.slice(zoneAt))
  );
}

function groupsOf(text: string): string[] {
  return text === '' ? [] : text.split(':');
}
