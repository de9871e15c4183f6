/** What the rules give was looked up in Kafka's own mapper, names in Java's `X500Principal.getName()`. */
import { describe, expect, it } from 'vitest';
import { principalMapping } from '../../src/security/certificate-naming.ts';

const DUKE = 'CN=Duke,OU=ServiceUsers,O=Org,C=US';

describe('rules for the names in certificates', () => {
  it.each([
    ['DEFAULT', DUKE, DUKE],
    ['RULE:^CN=(.*?),OU=ServiceUsers.*$/$1/', DUKE, 'Duke'],
    ['RULE:^CN=(.*?),OU=ServiceUsers.*$/$1/L', DUKE, 'duke'],
    ['RULE:^CN=(.*?),OU=ServiceUsers.*$/$1/U', DUKE, 'DUKE'],
    ['RULE:^CN=(.*?), *OU=(.*?), *O=(.*?), *C=(.*?)$/$1@$2/L , DEFAULT', DUKE, 'duke@serviceusers'],
    ['RULE:^.*[Cc][Nn]=([a-zA-Z0-9.]*).*$/$1/L, DEFAULT', 'cn=Adm.1,ou=x', 'adm.1'],
    ['RULE:^CN=None,.*$/$1/, RULE:^CN=(Duke),.*$/two-$1/', DUKE, 'two-Duke'],
    ['RULE:^CN=None,.*$/$1/', DUKE, null],
    // A group that there is not stands for itself; digits that lead too far are cut off.
    ['RULE:^CN=(.*?),.*$/$1@$4/', DUKE, 'Duke@$4'],
    ['RULE:^CN=(.*?),.*$/$12/', DUKE, 'Duke2'],
    ['RULE:^CN=(?:.*?),.*$/$1/', DUKE, null],
    // Who is named by no rule because the first that fits is broken, is not named by the next.
    ['RULE:^CN=(?:.*?),.*$/$1/,DEFAULT', DUKE, null],
    ['RULE:^CN=.*$/$/,RULE:^CN=(Duke),.*$/admin/', DUKE, null],
    ['RULE:^(CN)=(.*?),.*$/\\$2-$2/', DUKE, '$2-Duke'],
    // A pattern that may match nothing meets the end of the name once more.
    ['RULE:.*/x/', DUKE, 'xx'],
    ['RULE:^CN=(\\w+)\\/(\\w+)$/$1 of $2/', 'CN=kafka/host', 'kafka of host'],
    ['RULE:(?i)^cn=(.*?),.*$/$1/', DUKE, 'Duke'],
    // The whole name has to match.
    ['RULE:CN=Duke/short/,DEFAULT', DUKE, DUKE],
    ['', DUKE, null],
  ])('%s', (rules, subject, expected) => {
    expect(principalMapping(rules)(subject)).toBe(expected);
  });

  it.each([
    ['RULE:^CN=(.*?)', 'is no rule'],
    ['DEFAULTS', 'is no rule'],
    ['RULE:^CN=(.*?$/$1/', 'the pattern ^CN=(.*?$ is not good'],
    ['RULE:^CN=(?!x).*$/$1/', 'is not good'],
  ])('that are wrong are refused: %s', (rules, sentence) => {
    expect(() => principalMapping(rules)).toThrow(sentence);
  });
});
