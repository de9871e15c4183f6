/**
 * For requests that name what they want to be told about: what one of them names many times is looked up once, for its
 * answer may be thousands of times as long as its name. All places of the answer then hold the same value.
 */
export function askedOnce<Answer>(answer: (name: string) => Answer): (name: string) => Answer {
  const known = new Map<string, Answer>();
  return (name) => {
    const before = known.get(name);
    if (before !== undefined) return before;
    const first = answer(name);
    known.set(name, first);
    return first;
  };
}
