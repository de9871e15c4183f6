/**
 * Asks once for what is asked for often: a request may name one thing half a million times, and what is told of it, which
 * may be thousands of times as long as its name, must not be made as often. Lives as long as the request; whoever gets an
 * answer shares it with the others and leaves it as it is.
 */
export function once<Question, Answer>(
  find: (question: Question) => Answer,
  nameOf: (question: Question) => string,
): (question: Question) => Answer {
  const found = new Map<string, { readonly answer: Answer }>();
  return (question) => {
    const name = nameOf(question);
    const known = found.get(name) ?? { answer: find(question) };
    found.set(name, known);
    return known.answer;
  };
}

export function onceByName<Answer>(find: (name: string) => Answer): (name: string) => Answer {
  return once(find, (name) => name);
}
