/**
 * The grammar of `max.connections.per.ip.overrides`: "10.0.0.7:100, [2001:db8::1]:5". Addresses only: a name would have to
 * be looked up each time somebody connects, and could mean another machine a day later.
 */
const ITEM = String.raw`\s*(?:\[[0-9A-Fa-f:.]+\]|[0-9A-Fa-f:.]+)\s*:\s*\d{1,9}\s*`;

export const addressOverrides = {
  test: new RegExp(`^(?:${ITEM}(?:,${ITEM})*)?$`),
  says: 'ADDRESS:COUNT, several with commas, such as 10.0.0.7:100,[2001:db8::1]:5',
};

/** By address as a peer's is written. What is no address after all can be nobody's and is left out. */
export function addressOverridesOf(text: string): ReadonlyMap<string, number> {
  const overrides = new Map<string, number>();
  for (const item of text.split(',')) {
    const colon = item.lastIndexOf(':');
    const address = item
      .slice(0, Math.max(colon, 0))
      .trim()
      .replace(/^\[|\]$/g, '');
    const plain = plainFormOf(address);
    if (plain !== null) overrides.set(plain, Number(item.slice(colon + 1)));
  }
  return overrides;
}

/** Of version 6 the short form, which the URL parser knows. */
function plainFormOf(address: string): string | null {
  if (!address.includes(':')) return /^\d{1,3}(?:\.\d{1,3}){3}$/.test(address) ? address : null;
  const url = `http://[${address}]/`;
  return URL.canParse(url) ? new URL(url).hostname.slice(1, -1) : null;
}
