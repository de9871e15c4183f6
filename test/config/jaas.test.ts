import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readJaas, usersOf } from '../../src/config/jaas.ts';

const MODULE = 'org.apache.kafka.common.security.plain.PlainLoginModule';

function entryOf(text: string) {
  const read = readJaas(text);
  if (!read.isGood) throw new Error(read.problem);
  return read.entry;
}

describe('JAAS texts', () => {
  it('reads the users of PLAIN as Kafka has them', () => {
    const entry = entryOf(
      `${MODULE} required username="admin" password="a" user_admin="a"\n user_alice='b c' user_b.o-b=word;`,
    );
    expect(entry.module).toBe('PlainLoginModule');
    expect([...usersOf(entry)]).toEqual([
      ['admin', 'a'],
      ['alice', 'b c'],
      ['b.o-b', 'word'],
    ]);
    expect(entry.options.get('username')).toBe('admin');
  });

  it('takes the escapes of Java, and spaces around the equals sign', () => {
    const entry = entryOf(`${MODULE} Required user_a = "q\\"s\\\\ t\\t o\\101 x\\q" user_b="=;";`);
    expect(usersOf(entry).get('a')).toBe('q"s\\ t\t oA xq');
    expect(usersOf(entry).get('b')).toBe('=;');
  });

  it('says what is wrong without repeating a secret', () => {
    const wrong = [
      '',
      MODULE,
      `${MODULE} needed user_a="hunter2";`,
      `${MODULE} required user_a="hunter2"`,
      `${MODULE} required user_a="hunter2;`,
      `${MODULE} required user_a hunter2;`,
      `${MODULE} required user_a=;`,
      `${MODULE} required user_a="hunter2"; more`,
      `${MODULE} required ="hunter2";`,
    ];
    for (const text of wrong) {
      const read = readJaas(text);
      expect(read.isGood, text).toBe(false);
      expect(JSON.stringify(read)).not.toContain('hunter2');
    }
  });

  it('reads any password back, and fails on no text', () => {
    fc.assert(
      fc.property(fc.string(), (password) => {
        const quoted = password.replaceAll('\\', '\\\\').replaceAll('"', '\\"');
        expect(usersOf(entryOf(`${MODULE} required user_x="${quoted}";`)).get('x')).toBe(password);
        readJaas(password);
      }),
    );
  });
});
