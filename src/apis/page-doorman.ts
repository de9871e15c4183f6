/** What the broker knows of users and rules, for the HTTP side where others than this machine reach it. */
import { credentialIn } from '../admin/scram-users.ts';
import type { Controller } from '../cluster/controller.ts';
import type { LoginTerms } from '../config/logins.ts';
import { ITERATIONS_MIN, newSalt, SCRAM_SHA_512, scramMechanisms } from '../protocol/scram-keys.ts';
import type { AccessDesk } from '../security/access-desk.ts';
import { isPasswordOf } from '../security/password-check.ts';

export interface PageDoormanParts {
  readonly controller: Controller;
  readonly access: AccessDesk;
  /** Of all listeners with SASL. */
  readonly logins: readonly LoginTerms[];
}

export class PageDoorman {
  private readonly parts: PageDoormanParts;
  private readonly pretended = {
    mechanism: SCRAM_SHA_512,
    credential: {
      salt: newSalt(),
      iterations: ITERATIONS_MIN,
      storedKey: new Uint8Array(SCRAM_SHA_512.hashBytes),
      serverKey: new Uint8Array(SCRAM_SHA_512.hashBytes),
    },
  };

  constructor(parts: PageDoormanParts) {
    this.parts = parts;
  }

  get hasUsers(): boolean {
    const { controller, logins } = this.parts;
    return controller.catalog.scramCredentials.size > 0 || logins.some(({ users }) => users.size > 0);
  }

  get hasRules(): boolean {
    return this.parts.access.isOn;
  }

  isPassword(user: string, password: string): Promise<boolean> {
    const { controller, logins } = this.parts;
    const sources = {
      plain: logins.map(({ users }) => users),
      mechanisms: scramMechanisms,
      scramOf: (mechanism: (typeof scramMechanisms)[number], name: string) =>
        credentialIn(controller.catalog, mechanism, name),
      pretended: this.pretended,
    };
    return isPasswordOf(sources, user, password);
  }

  mayDescribeCluster(principal: string, host: string): boolean {
    return this.parts.access.mayDescribeCluster(principal, host);
  }
}
