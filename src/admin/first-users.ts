/**
 * Makes the users that are to be there when the broker starts: who has a password already keeps it, so the same start
 * command can be given again and again. Without it nobody could log in to a broker that lets only users in.
 */
import { readFile } from 'node:fs/promises';
import { Fault } from '../base/fault.ts';
import { scramKey } from '../cluster/catalog.ts';
import type { Controller } from '../cluster/controller.ts';
import { type FirstUser, firstUsersOf } from '../config/first-users.ts';
import { ITERATIONS_MIN, newSalt, type ScramMechanism, saltPassword, scramOf } from '../protocol/scram-keys.ts';
import { alterScramUsers, type ScramUpsertion } from './scram-users.ts';

/** Names of those that were made. */
export async function addFirstUsers(controller: Controller, text: string): Promise<readonly string[]> {
  const added: string[] = [];
  for (const user of firstUsersOf(text)) {
    if (controller.catalog.scramCredentials.has(scramKey(user.mechanism, user.name))) continue;
    const mechanism = scramOf(user.mechanism);
    if (mechanism === null) continue;
    const [outcome] = await alterScramUsers(controller, [], [await upsertionOf(user, mechanism)]);
    if (outcome?.refusal != null)
      throw new Fault('PB_BAD_SETTING', `the user ${user.name} cannot be added: ${outcome.refusal.message}`);
    added.push(user.name);
  }
  return added;
}

async function upsertionOf(user: FirstUser, mechanism: ScramMechanism): Promise<ScramUpsertion> {
  const { name } = user;
  const iterations = user.iterations ?? ITERATIONS_MIN;
  const password = user.password ?? (await firstLine(user.passwordFile ?? '', name));
  const salt = newSalt();
  const saltedPassword = await saltPassword(mechanism, password, salt, iterations);
  return { name, mechanism: mechanism.code, iterations, salt, saltedPassword };
}

async function firstLine(path: string, user: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw new Fault(
      'PB_BAD_SETTING',
      `the password of ${user} cannot be read from ${path}; check the path and its rights`,
      {
        cause,
      },
    );
  }
  const [line = ''] = text.split(/\r?\n/);
  if (line === '') throw new Fault('PB_BAD_SETTING', `the password of ${user} in ${path} is empty`);
  return line;
}
