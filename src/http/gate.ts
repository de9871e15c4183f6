/**
 * Who may see the pages of an HTTP side that others than this machine reach: the users of SASL, by HTTP's Basic scheme, and
 * whom the access rules let describe the cluster. `/health` and `/ready` are everybody's; every other path, one that does not
 * exist included, comes past here. On the loopback address nobody is asked.
 *
 *   no users, no rules    everybody may look (the start screen warns)
 *   users                 whoever logs in; with rules: whoever of them may DESCRIBE the CLUSTER
 *   rules                 without a login one is User:ANONYMOUS, whom rules may let in as well
 */
/** What the broker knows of users and rules. */
export interface Doorman {
  readonly hasUsers: boolean;
  readonly hasRules: boolean;
  /** Takes as long for a name that nobody has. */
  isPassword(user: string, password: string): Promise<boolean>;
  mayDescribeCluster(principal: string, host: string): boolean;
}

/** There are neither users nor rules. */
export const NOBODY_KNOWN: Doorman = {
  hasUsers: false,
  hasRules: false,
  isPassword: () => Promise.resolve(false),
  mayDescribeCluster: () => false,
};

export type Verdict = 'welcome' | 'login' | 'forbidden' | 'busy';

export interface Visitor {
  /** The header, as it came. */
  readonly authorization: string | undefined;
  readonly address: string;
}

export interface GateParts {
  readonly doorman: Doorman;
  /** How late a wrong password is answered. */
  readonly refusalWaitMs: number;
  readonly wait: (ms: number) => Promise<void>;
  /** A login that failed; `user` is what somebody typed. */
  readonly failed: (user: string, address: string) => void;
}

const ANONYMOUS = 'User:ANONYMOUS';
const CREDENTIALS_CHARACTERS_MAX = 4096;
/** Passwords looked at, or refused late, at one time: more are told to come back. */
const LOGINS_MAX = 16;

export class Gate {
  private readonly parts: GateParts;
  private logins = 0;

  constructor(parts: GateParts) {
    this.parts = parts;
  }

  async judge({ authorization, address }: Visitor): Promise<Verdict> {
    const { doorman } = this.parts;
    if (!doorman.hasUsers && !doorman.hasRules) return 'welcome';
    if (authorization === undefined) {
      return doorman.hasRules && doorman.mayDescribeCluster(ANONYMOUS, hostOf(address)) ? 'welcome' : 'login';
    }
    if (this.logins >= LOGINS_MAX) return 'busy';
    this.logins += 1;
    try {
      return await this.judgeLogin(authorization, address);
    } finally {
      this.logins -= 1;
    }
  }

  private async judgeLogin(authorization: string, address: string): Promise<Verdict> {
    const { doorman, refusalWaitMs, wait, failed } = this.parts;
    const given = credentialsOf(authorization);
    if (given === null || !(await doorman.isPassword(given.user, given.password))) {
      failed(given?.user ?? '', address);
      await wait(refusalWaitMs);
      return 'login';
    }
    if (!doorman.hasRules) return 'welcome';
    return doorman.mayDescribeCluster(`User:${given.user}`, hostOf(address)) ? 'welcome' : 'forbidden';
  }
}

/** Null for whatever is not Basic, or not what the scheme says. A name has no colon, a password may. */
function credentialsOf(authorization: string): { readonly user: string; readonly password: string } | null {
  const match = /^basic +([a-z0-9+/=_-]+)$/i.exec(authorization);
  const encoded = match?.[1] ?? '';
  if (encoded === '' || encoded.length > CREDENTIALS_CHARACTERS_MAX) return null;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  if (colon <= 0 || text.includes('\0')) return null;
  return { user: text.slice(0, colon), password: text.slice(colon + 1) };
}

/** As rules name it: "::ffff:10.0.0.7" is 10.0.0.7. */
function hostOf(address: string): string {
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
}
