/** What settings about logins must say before a broker starts, and that no sentence about them repeats a secret. */
import { describe, expect, it } from 'vitest';
import { firstUsersOf } from '../../src/config/first-users.ts';
import { loadBrokerConfig } from '../../src/config/load.ts';
import { loginTermsOf } from '../../src/config/logins.ts';

const SECRET = 'hunter2';
const MODULE = 'org.apache.kafka.common.security.plain.PlainLoginModule';
const LISTENER = 'listeners=INSIDE://127.0.0.1:1,OUTSIDE://127.0.0.1:2';
const MAP = 'listener.security.protocol.map=INSIDE:PLAINTEXT,OUTSIDE:SASL_PLAINTEXT';

function load(...sets: readonly string[]) {
  return loadBrokerConfig({ sets: [LISTENER, MAP, ...sets] });
}

function problemOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return '';
}

describe('settings about logins', () => {
  it('differ by listener and mechanism', () => {
    const config = load(
      'sasl.enabled.mechanisms=SCRAM-SHA-512',
      'listener.name.outside.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256',
      `listener.name.outside.plain.sasl.jaas.config=${MODULE} required user_alice="${SECRET}";`,
      'connections.max.reauth.ms=5000',
      'listener.name.outside.plain.connections.max.reauth.ms=1000',
    );
    const terms = loginTermsOf(config, 'OUTSIDE');
    expect(terms.mechanisms).toEqual(['PLAIN', 'SCRAM-SHA-256']);
    expect([...terms.users]).toEqual([['alice', SECRET]]);
    expect([...terms.lifetimeMaxMs.values()]).toEqual([1000, 5000]);
    expect(loginTermsOf(config, 'INSIDE').mechanisms).toEqual(['SCRAM-SHA-512']);
  });

  it('stop the start where nobody could log in, with a remedy and without a secret', () => {
    const wrong: readonly (readonly [string, readonly string[]])[] = [
      ['sasl.enabled.mechanisms is empty', []],
      ['any of PLAIN, SCRAM-SHA-256', ['sasl.enabled.mechanisms=GSSAPI']],
      ['has PLAIN but no users', ['sasl.enabled.mechanisms=PLAIN']],
      [
        'does not end with a semicolon',
        ['sasl.enabled.mechanisms=PLAIN', `plain.sasl.jaas.config=${MODULE} required user_a="${SECRET}"`],
      ],
      [
        'must name PlainLoginModule',
        ['sasl.enabled.mechanisms=PLAIN', `sasl.jaas.config=a.ScramLoginModule required user_a="${SECRET}";`],
      ],
      ['no sasl.oauthbearer.jwks.endpoint.url', ['sasl.enabled.mechanisms=OAUTHBEARER']],
      ['--add-scram', ['sasl.enabled.mechanisms=SCRAM-SHA-512', `perfbroker.add.scram=admin:${SECRET}`]],
    ];
    for (const [sentence, sets] of wrong) {
      const problem = problemOf(() => load(...sets));
      expect(problem).toContain(sentence);
      expect(problem).not.toContain(SECRET);
    }
  });

  it('name the users that are to be there, several behind each other', () => {
    const text = `SCRAM-SHA-512=[name=admin,password-file=/run/secrets/admin] SCRAM-SHA-256=[name=bob,password=a=b,iterations=8192]`;
    expect(firstUsersOf(text)).toEqual([
      {
        mechanism: 'SCRAM-SHA-512',
        name: 'admin',
        password: null,
        passwordFile: '/run/secrets/admin',
        iterations: null,
      },
      { mechanism: 'SCRAM-SHA-256', name: 'bob', password: 'a=b', passwordFile: null, iterations: 8192 },
    ]);
    const bad = ['SCRAM-SHA-1=[name=a,password=x]', 'SCRAM-SHA-512=[name=a]', `SCRAM-SHA-512=[password=${SECRET}]`];
    const worse = [
      `SCRAM-SHA-512=[name=a,password=${SECRET},password-file=b]`,
      `SCRAM-SHA-512=[name=a,pasword=${SECRET}]`,
    ];
    for (const one of [
      ...bad,
      ...worse,
      `SCRAM-SHA-512=[name=a,password=${SECRET},iterations=x]`,
      'SCRAM-SHA-512=[name=a,password=]',
    ]) {
      const problem = problemOf(() => firstUsersOf(one));
      expect(problem, one).toContain('--add-scram');
      expect(problem).not.toContain(SECRET);
    }
  });
});
