import { describe, expect, it } from 'vitest';
import { type QuotaRow, QuotaTable } from '../../src/net/quota-table.ts';

const KEY = 'producer_byte_rate';

/** Every kind of row that can hold for the user u with the client id c, most particular first. */
const rows: QuotaRow[] = [
  { entity: { user: 'u', 'client-id': 'c' }, values: { [KEY]: 1 } },
  { entity: { user: 'u', 'client-id': null }, values: { [KEY]: 2 } },
  { entity: { user: 'u' }, values: { [KEY]: 3 } },
  { entity: { user: null, 'client-id': 'c' }, values: { [KEY]: 4 } },
  { entity: { user: null, 'client-id': null }, values: { [KEY]: 5 } },
  { entity: { user: null }, values: { [KEY]: 6 } },
  { entity: { 'client-id': 'c' }, values: { [KEY]: 7 } },
  { entity: { 'client-id': null }, values: { [KEY]: 8 } },
];

describe('the table of quotas', () => {
  it('gives the most particular row, in the order of Kafka', () => {
    for (let first = 0; first <= rows.length; first++) {
      expect(new QuotaTable(rows.slice(first)).find(KEY, 'u', 'c')?.bound).toBe(rows[first]?.values[KEY]);
    }
    const others: QuotaRow[] = [
      { entity: { user: 'v' }, values: { [KEY]: 1 } },
      { entity: { 'client-id': 'd' }, values: { [KEY]: 1 } },
      { entity: { user: 'u' }, values: { consumer_byte_rate: 1 } },
      { entity: { ip: 'u' }, values: { connection_creation_rate: 1 } },
    ];
    expect(new QuotaTable(others).find(KEY, 'u', 'c')).toBeNull();
  });

  it('has all clients of a user share his quota, and all users of a client id that one’s', () => {
    const share = (row: QuotaRow, user: string, clientId: string) =>
      new QuotaTable([row]).find(KEY, user, clientId)?.shareKey;
    const ofUser = { entity: { user: 'u' }, values: { [KEY]: 1 } };
    expect(share(ofUser, 'u', 'c')).toBe(share(ofUser, 'u', 'd'));
    const ofClient = { entity: { 'client-id': null }, values: { [KEY]: 1 } };
    expect(share(ofClient, 'u', 'c')).toBe(share(ofClient, 'v', 'c'));
    expect(share(ofClient, 'u', 'c')).not.toBe(share(ofClient, 'u', 'd'));
    const ofBoth = { entity: { user: null, 'client-id': null }, values: { [KEY]: 1 } };
    expect(share(ofBoth, 'u', 'c')).not.toBe(share(ofBoth, 'v', 'c'));
  });

  it('keeps names apart that only look alike', () => {
    const table = new QuotaTable([{ entity: { user: 'null' }, values: { [KEY]: 1 } }]);
    expect(table.find(KEY, 'x', 'c')).toBeNull();
    expect(table.find(KEY, 'null', 'c')?.bound).toBe(1);
  });

  it('has a default for addresses', () => {
    const key = 'connection_creation_rate';
    const table = new QuotaTable([
      { entity: { ip: null }, values: { [key]: 9 } },
      { entity: { ip: '10.0.0.1' }, values: { [key]: 1 } },
    ]);
    expect(table.findAddress(key, '10.0.0.1')?.bound).toBe(1);
    expect(table.findAddress(key, '10.0.0.2')?.bound).toBe(9);
    expect(table.findAddress(key, '10.0.0.2')?.shareKey).not.toBe(table.findAddress(key, '10.0.0.3')?.shareKey);
    expect(new QuotaTable([]).findAddress(key, '10.0.0.1')).toBeNull();
  });
});
