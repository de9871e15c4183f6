/** Users that log in by SCRAM, as administrators change and see them. */
import { describe, expect, it } from 'vitest';
import { Catalog } from '../../src/cluster/catalog.ts';
import { decodeRecords, encodeRecords } from '../../src/cluster/catalog-records.ts';
import { createDelegationToken } from '../../src/protocol/schemas/38-create-delegation-token.ts';
import { describeDelegationToken } from '../../src/protocol/schemas/41-describe-delegation-token.ts';
import { describeUserScramCredentials } from '../../src/protocol/schemas/50-describe-user-scram-credentials.ts';
import { alterUserScramCredentials } from '../../src/protocol/schemas/51-alter-user-scram-credentials.ts';
import { type DeskRig, makeDesk } from './desk-client.ts';

const SHA_256 = 1;
const SHA_512 = 2;
const DUPLICATE_RESOURCE = 92;
const RESOURCE_NOT_FOUND = 91;
const UNACCEPTABLE = 93;
const UNSUPPORTED_MECHANISM = 33;

function upsertion(name: string, mechanism = SHA_256, iterations = 4096) {
  return { name, mechanism, iterations, salt: Buffer.from('salt'), saltedPassword: Buffer.from('salted password') };
}

type Deletion = { readonly name: string; readonly mechanism: number };

async function alter(
  { ask }: DeskRig,
  upsertions: readonly ReturnType<typeof upsertion>[],
  deletions: readonly Deletion[] = [],
) {
  const { results } = await ask(alterUserScramCredentials, 0, { deletions, upsertions });
  return Object.fromEntries(results.map(({ user, errorCode }) => [user, errorCode]));
}

async function described({ ask }: DeskRig, names: readonly string[] | null) {
  const users = names?.map((name) => ({ name })) ?? null;
  const { results } = await ask(describeUserScramCredentials, 0, { users });
  return Object.fromEntries(
    results.map(({ user, errorCode, credentialInfos }) => [
      user,
      errorCode !== 0
        ? errorCode
        : credentialInfos.map(({ mechanism, iterations }) => `${mechanism}:${iterations}`).join(' '),
    ]),
  );
}

describe('users of SCRAM', () => {
  it('are made, changed, described and taken away, by mechanism', async () => {
    const rig = await makeDesk();
    expect(await alter(rig, [upsertion('a'), upsertion('b', SHA_512, 8192)])).toEqual({ a: 0, b: 0 });
    expect(await alter(rig, [upsertion('a', SHA_512, 16_384)])).toEqual({ a: 0 });
    expect(await described(rig, null)).toEqual({ a: '1:4096 2:16384', b: '2:8192' });
    expect(await described(rig, [])).toEqual({ a: '1:4096 2:16384', b: '2:8192' });
    expect(await alter(rig, [], [{ name: 'a', mechanism: SHA_256 }])).toEqual({ a: 0 });
    expect(await described(rig, ['a', 'b', 'c', 'd', 'd'])).toEqual({
      a: '2:16384',
      b: '2:8192',
      c: RESOURCE_NOT_FOUND,
      d: DUPLICATE_RESOURCE,
    });
  });

  it('stand or fall one by one, and one that is named twice is left as it is', async () => {
    const rig = await makeDesk();
    const outcome = await alter(
      rig,
      [
        upsertion('few', SHA_256, 4095),
        upsertion('many', SHA_256, 16_385),
        upsertion(''),
        upsertion('odd', 3),
        upsertion('twice'),
        upsertion('twice', SHA_512),
        upsertion('good'),
      ],
      [{ name: 'nobody', mechanism: SHA_256 }],
    );
    expect(outcome).toEqual({
      few: UNACCEPTABLE,
      many: UNACCEPTABLE,
      '': UNACCEPTABLE,
      odd: UNSUPPORTED_MECHANISM,
      twice: DUPLICATE_RESOURCE,
      good: 0,
      nobody: RESOURCE_NOT_FOUND,
    });
    expect(await described(rig, null)).toEqual({ good: '1:4096' });
    const swapped = await alter(rig, [upsertion('good', SHA_512)], [{ name: 'good', mechanism: SHA_256 }]);
    expect(swapped).toEqual({ good: DUPLICATE_RESOURCE });
    expect(await described(rig, null)).toEqual({ good: '1:4096' });
  });

  it('outlive a restart, and what is kept is not what was sent', async () => {
    const rig = await makeDesk();
    await alter(rig, [upsertion('a')]);
    const bytes = encodeRecords(rig.controller.catalog.toRecords());
    const read = decodeRecords(bytes);
    if (read.state !== 'good') throw new Error('what was written can be read');
    expect(Catalog.empty.with(read.records).scramCredentials).toEqual(rig.controller.catalog.scramCredentials);
    expect(Buffer.from(bytes).toString()).not.toContain(Buffer.from('salted password').toString('base64'));
  });
});

describe('delegation tokens', () => {
  it('are refused as by a Kafka without a key for them', async () => {
    const { ask } = await makeDesk();
    const wish = { ownerPrincipalType: null, ownerPrincipalName: null, renewers: [], maxLifetimeMs: -1 };
    expect(await ask(createDelegationToken, 3, wish)).toMatchObject({
      errorCode: 64,
      principalName: 'ANONYMOUS',
      expiryTimestampMs: -1,
    });
    expect(await ask(describeDelegationToken, 3, { owners: null })).toMatchObject({ errorCode: 64, tokens: [] });
  });
});
