/**
 * Users that are to be there when the broker starts, as Kafka's `kafka-storage --add-scram` writes them:
 *
 *   SCRAM-SHA-512=[name=admin,password-file=/run/secrets/admin]      SCRAM-SHA-256=[name=alice,password=secret,iterations=8192]
 *
 * several behind each other. What is wrong is said without repeating a password.
 */
import { Fault } from '../base/fault.ts';

export interface FirstUser {
  readonly mechanism: 'SCRAM-SHA-256' | 'SCRAM-SHA-512';
  readonly name: string;
  /** The password itself, or a file whose first line it is. */
  readonly password: string | null;
  readonly passwordFile: string | null;
  /** Null: as many as there must be. */
  readonly iterations: number | null;
}

const ENTRY = /^[\s;,]*(SCRAM-SHA-(?:256|512))=\[([^\]]*)\][\s;,]*/;
const KNOWN = new Set(['name', 'password', 'password-file', 'iterations']);

export function firstUsersOf(text: string): readonly FirstUser[] {
  const users: FirstUser[] = [];
  let rest = text.trim();
  while (rest !== '') {
    const [whole, mechanism, inside] = ENTRY.exec(rest) ?? [];
    if (whole === undefined || mechanism === undefined || inside === undefined)
      throw bad('is not SCRAM-SHA-512=[name=NAME,password-file=FILE], or several of these');
    users.push(userOf(mechanism, inside));
    rest = rest.slice(whole.length);
  }
  return users;
}

function userOf(mechanism: string, inside: string): FirstUser {
  const fields = new Map<string, string>();
  for (const pair of inside.split(',')) {
    const equals = pair.indexOf('=');
    const key = pair.slice(0, Math.max(0, equals)).trim();
    if (!KNOWN.has(key)) throw bad(`has something else than ${[...KNOWN].join(', ')}`);
    fields.set(key, pair.slice(equals + 1).trim());
  }
  const [name = '', password = null, passwordFile = null] = [
    fields.get('name'),
    fields.get('password'),
    fields.get('password-file'),
  ];
  const iterations = fields.get('iterations') ?? null;
  if (name === '') throw bad('has a user without a name');
  if ((password === null) === (passwordFile === null)) throw bad(`has no password, or two, for ${name}`);
  if (password === '') throw bad(`has an empty password for ${name}`);
  if (iterations !== null && !/^\d{1,6}$/.test(iterations)) throw bad(`has iterations for ${name} that are no number`);
  return {
    mechanism: mechanism === 'SCRAM-SHA-256' ? mechanism : 'SCRAM-SHA-512',
    name,
    password,
    passwordFile,
    iterations: iterations === null ? null : Number(iterations),
  };
}

function bad(what: string): Fault {
  return new Fault('PB_BAD_SETTING', `perfbroker.add.scram (--add-scram) ${what}`);
}
