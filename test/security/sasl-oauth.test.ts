import { createHmac } from 'node:crypto';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { exportJWK, exportSPKI, generateKeyPair, type JWTPayload, SignJWT, UnsecuredJWT } from 'jose';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import type { OauthTerms } from '../../src/config/logins.ts';
import { SaslOauth } from '../../src/security/sasl-oauth.ts';
import { SigningKeys } from '../../src/security/signing-keys.ts';
import { Authority, hasOpenssl } from '../support/certificates.ts';

const NOW_MS = 1_700_000_000_000;
const NOW = NOW_MS / 1000;
type Pair = Awaited<ReturnType<typeof generateKeyPair>>;

const terms: OauthTerms = {
  keysUrl: '',
  keysRefreshMs: 3_600_000,
  retryMs: 100,
  retryMaxMs: 10_000,
  audiences: ['kafka', 'other'],
  issuer: 'https://issuer.example',
  skewSeconds: 30,
  scopeClaim: 'scope',
  userClaim: 'sub',
};
const claims: JWTPayload = {
  sub: 'alice',
  iss: 'https://issuer.example',
  aud: 'kafka',
  exp: NOW + 600,
  iat: NOW - 1,
  scope: ['a'],
};

let one: Pair;
let other: Pair;
let folder: string;
let rsaPublicPem: string;

beforeAll(async () => {
  one = await generateKeyPair('RS256', { extractable: true });
  other = await generateKeyPair('ES256', { extractable: true });
  rsaPublicPem = await exportSPKI(one.publicKey);
  folder = mkdtempSync(join(tmpdir(), 'signing-keys-'));
});

async function writeKeys(name: string, pairs: readonly (readonly [kid: string, pair: Pair])[]): Promise<string> {
  const keys = await Promise.all(pairs.map(async ([kid, { publicKey }]) => ({ ...(await exportJWK(publicKey)), kid })));
  const path = join(folder, name);
  writeFileSync(path, JSON.stringify({ keys }));
  return pathToFileURL(path).href;
}

function keysAt(url: string, clock = { nowMs: NOW_MS }, warnings: string[] = []): SigningKeys {
  const { keysRefreshMs: refreshMs, retryMs, retryMaxMs } = terms;
  return new SigningKeys({
    url,
    refreshMs,
    retryMs,
    retryMaxMs,
    nowMs: () => clock.nowMs,
    warn: (text) => warnings.push(text),
  });
}

function sign(payload: JWTPayload, pair: Pair, kid: string, alg = 'RS256'): Promise<string> {
  return new SignJWT(payload).setProtectedHeader({ alg, kid }).sign(pair.privateKey);
}

const first = (token: string, authzid = '') => Buffer.from(`n,${authzid},\u0001auth=Bearer ${token}\u0001\u0001`);
const saslOf = (keys: SigningKeys, more: Partial<OauthTerms> = {}) =>
  new SaslOauth({ terms: { ...terms, ...more }, keys, nowMs: () => NOW_MS });

describe('OAUTHBEARER', () => {
  it('takes a name and its end from a token that is signed by one of the keys', async () => {
    const sasl = saslOf(
      keysAt(
        await writeKeys('both.json', [
          ['k1', one],
          ['k2', other],
        ]),
      ),
    );
    const done = { kind: 'done', user: 'alice', expiresMs: (NOW + 600) * 1000 };
    expect(await sasl.begin().take(first(await sign(claims, one, 'k1')))).toMatchObject(done);
    expect(await sasl.begin().take(first(await sign(claims, other, 'k2', 'ES256')))).toMatchObject(done);
    const unnamed = await new SignJWT(claims).setProtectedHeader({ alg: 'RS256' }).sign(one.privateKey);
    expect(await sasl.begin().take(first(unnamed, 'a=alice'))).toMatchObject(done);
    const withExtension = Buffer.from(`n,,\u0001auth=bearer ${unnamed}\u0001trace=7\u0001\u0001`);
    expect(await sasl.begin().take(withExtension)).toMatchObject(done);
  });

  it('says that a token is invalid, and refuses when the client has heard', async () => {
    const sasl = saslOf(keysAt(await writeKeys('one.json', [['k1', one]])));
    const wrong: readonly (readonly [string, Promise<string>])[] = [
      ['expired', sign({ ...claims, exp: NOW - 31 }, one, 'k1')],
      ['not for us', sign({ ...claims, aud: 'somebody' }, one, 'k1')],
      ['of another issuer', sign({ ...claims, iss: 'https://evil.example' }, one, 'k1')],
      ['without an end', sign({ sub: 'alice', iss: claims.iss ?? '', aud: 'kafka', iat: NOW }, one, 'k1')],
      ['without a beginning', sign({ sub: 'alice', iss: claims.iss ?? '', aud: 'kafka', exp: NOW + 9 }, one, 'k1')],
      ['not valid yet', sign({ ...claims, nbf: NOW + 60 }, one, 'k1')],
      ['without a name', sign({ ...claims, sub: ' ' }, one, 'k1')],
      ['signed by a stranger', sign(claims, other, 'k1', 'ES256')],
      ['of an unknown key', sign(claims, one, 'k9')],
      ['not signed', Promise.resolve(new UnsecuredJWT(claims).encode())],
      ['signed with the public key', Promise.resolve(signedWith(claims, rsaPublicPem))],
      ['no token', Promise.resolve('abc')],
    ];
    for (const [what, token] of wrong) {
      const conversation = sasl.begin();
      const step = await conversation.take(first(await token));
      expect(step, what).toMatchObject({ kind: 'challenge' });
      if (step.kind === 'challenge') expect(Buffer.from(step.token).toString()).toBe('{"status":"invalid_token"}');
      const end = await conversation.take(Buffer.from([1]));
      expect(end, what).toMatchObject({ kind: 'refused', message: '{"status":"invalid_token"}' });
    }
  });

  it('repeats nothing of a token for the log', async () => {
    const sasl = saslOf(keysAt(await writeKeys('one.json', [['k1', one]])));
    const secret = 'what only the client knows';
    const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const headers = [{ alg: 'RS256', crit: [secret] }, { alg: secret }, { alg: 'RS256', kid: secret }, { [secret]: 1 }];
    for (const header of headers) {
      for (const token of [`${encode(header)}.${encode(claims)}.AAAA`, `${encode(header)}.${encode(secret)}.AAAA`]) {
        const conversation = sasl.begin();
        await conversation.take(first(token));
        const end = await conversation.take(Buffer.from([1]));
        expect(end).toMatchObject({ kind: 'refused', reason: expect.stringMatching(/^the token is not accepted: /) });
        expect(JSON.stringify(end)).not.toContain(secret);
      }
    }
  });

  it('lets clocks differ a little, and asks for no audience or issuer where none is set', async () => {
    const keys = keysAt(await writeKeys('one.json', [['k1', one]]));
    const late = await sign({ ...claims, exp: NOW - 29 }, one, 'k1');
    expect(await saslOf(keys).begin().take(first(late))).toMatchObject({ kind: 'done' });
    const loose = saslOf(keys, { audiences: [], issuer: null, userClaim: 'name' });
    const bare = await sign({ name: 'carol', exp: NOW + 1, iat: NOW }, one, 'k1');
    expect(await loose.begin().take(first(bare))).toMatchObject({ kind: 'done', user: 'carol' });
  });

  it('takes names as Java does: without blanks around them, but with whatever else looks like one', async () => {
    const sasl = saslOf(keysAt(await writeKeys('one.json', [['k1', one]])));
    const userOf = async (sub: string) => sasl.begin().take(first(await sign({ ...claims, sub }, one, 'k1')));
    expect(await userOf(' \talice\n')).toMatchObject({ kind: 'done', user: 'alice' });
    expect(await userOf('\u00a0alice\ufeff')).toMatchObject({ kind: 'done', user: '\u00a0alice\ufeff' });
  });

  it('lets nobody act for another', async () => {
    const sasl = saslOf(keysAt(await writeKeys('one.json', [['k1', one]])));
    const step = await sasl.begin().take(first(await sign(claims, one, 'k1'), 'a=bob'));
    expect(step).toMatchObject({ kind: 'refused' });
  });

  it('finds a new key without a restart, and does not read anew for every stranger', async () => {
    const clock = { nowMs: NOW_MS };
    const url = await writeKeys('turning.json', [['k1', one]]);
    const sasl = saslOf(keysAt(url, clock));
    expect(await sasl.begin().take(first(await sign(claims, one, 'k1')))).toMatchObject({ kind: 'done' });
    await writeKeys('turning.json', [['k2', other]]);
    const turned = first(await sign(claims, other, 'k2', 'ES256'));
    expect(await sasl.begin().take(turned), 'read a moment ago').toMatchObject({ kind: 'challenge' });
    clock.nowMs += terms.retryMs;
    expect(await sasl.begin().take(turned)).toMatchObject({ kind: 'done' });
    expect(await sasl.begin().take(first(await sign(claims, one, 'k1'))), 'the old one is gone').toMatchObject({
      kind: 'challenge',
    });
  });

  it('has old keys read anew before it believes a token, unless that has just failed', async () => {
    const clock = { nowMs: NOW_MS };
    const url = await writeKeys('given-up.json', [['k1', one]]);
    const sasl = saslOf(keysAt(url, clock));
    const good = first(await sign(claims, one, 'k1'));
    expect(await sasl.begin().take(good)).toMatchObject({ kind: 'done' });
    writeFileSync(new URL(url), 'not json');
    clock.nowMs += terms.keysRefreshMs;
    expect(await sasl.begin().take(good)).toMatchObject({ kind: 'done' });
    await writeKeys('given-up.json', [['k2', other]]);
    clock.nowMs += terms.keysRefreshMs;
    const both = await Promise.all([sasl.begin().take(good), sasl.begin().take(good)]);
    expect(both).toMatchObject([{ kind: 'challenge' }, { kind: 'challenge' }]);
  });

  it('keeps keys that cannot be read anew, and lets nobody in before it has some', async () => {
    const clock = { nowMs: NOW_MS };
    const warnings: string[] = [];
    const url = await writeKeys('vanishing.json', [['k1', one]]);
    const keys = keysAt(url, clock, warnings);
    const sasl = saslOf(keys);
    const good = first(await sign(claims, one, 'k1'));
    expect(await sasl.begin().take(good)).toMatchObject({ kind: 'done' });
    writeFileSync(new URL(url), 'not json');
    clock.nowMs += terms.keysRefreshMs;
    await keys.current(true);
    expect(await sasl.begin().take(good)).toMatchObject({ kind: 'done' });
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('those read before stay in use');
    const nobody = saslOf(keysAt(pathToFileURL(join(folder, 'missing.json')).href, clock, warnings));
    expect(await nobody.begin().take(good)).toMatchObject({ kind: 'challenge' });
    expect(warnings.at(-1)).toContain('nobody can log in with a token');
  });

  it('shows nothing that is secret in the address of the keys, or of what is there', async () => {
    const warnings: string[] = [];
    const secret = join(folder, 'secret.txt');
    writeFileSync(secret, 'hunter2');
    const urls = ['http://u:hunter2@127.0.0.1:9/k', 'http://127.0.0.1:9/k?token=hunter2', pathToFileURL(secret).href];
    for (const url of urls) await keysAt(url, { nowMs: NOW_MS }, warnings).current(false);
    expect(warnings).toHaveLength(3);
    expect(warnings.join()).not.toContain('hunter2');
    expect(warnings[0]).toContain('its URL has a user and a password in it');
    expect(warnings[2]).toContain('what is there is no JSON');
  });

  it.runIf(hasOpenssl)('follows an address to another, but never from https to http', async () => {
    const keys = JSON.stringify({ keys: [{ ...(await exportJWK(one.publicKey)), kid: 'k1' }] });
    const servers: Server[] = [];
    const at = async (server: Server, scheme: string): Promise<string> => {
      servers.push(server);
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const address = server.address();
      return `${scheme}://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
    };
    const leading = (location: string) => (_: unknown, response: ServerResponse) =>
      response.writeHead(302, { location }).end();
    const plain = await at(
      createServer((_, response) => response.end(keys)),
      'http',
    );
    const { file, keyFile } = new Authority(folder, 'jwks').issue('issuer', '/CN=issuer');
    const tls = { cert: readFileSync(file), key: readFileSync(keyFile) };
    const warnings: string[] = [];
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    try {
      const same = await at(createServer(leading(`${plain}/keys`)), 'http');
      expect(await keysAt(same, undefined, warnings).current(false)).not.toBe(null);
      const down = await at(createTlsServer(tls, leading(`${plain}/keys`)), 'https');
      expect(await keysAt(down, undefined, warnings).current(false)).toBe(null);
      const round = await at(createServer(leading('/again')), 'http');
      expect(await keysAt(round, undefined, warnings).current(false)).toBe(null);
    } finally {
      vi.unstubAllEnvs();
      for (const server of servers) server.close();
    }
    expect(warnings[0]).toContain('it leads from https: to http:, where it is not followed');
    expect(warnings[1]).toContain('without an end');
  });

  it('refuses any other bytes', async () => {
    const sasl = saslOf(keysAt(await writeKeys('one.json', [['k1', one]])));
    const messages = [
      'n,,\u0001auth=Basic abc\u0001\u0001',
      'n,,\u0001\u0001',
      'n,,\u0001auth=Bearer a b\u0001\u0001',
      'y,,\u0001auth=Bearer a\u0001\u0001',
      '\u0001',
    ];
    for (const message of messages)
      expect(await sasl.begin().take(Buffer.from(message))).toMatchObject({ kind: 'refused' });
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 64 }), async (token) => {
        expect(await sasl.begin().take(token)).toMatchObject({ kind: 'refused' });
      }),
    );
  });
});

/** What somebody does who knows the public key and hopes that it is taken for a shared secret. */
function signedWith(payload: JWTPayload, secret: string): string {
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${encode({ alg: 'HS256', kid: 'k1' })}.${encode(payload)}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}
