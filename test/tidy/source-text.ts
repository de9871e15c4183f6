/**
 * Tells code from everything else in a TypeScript or C file, without a compiler: strings, template text, regular
 * expressions and comments are blanked out, positions and line breaks stay. The house rules look at what is left. It
 * knows the language's surface only; a file that tsc accepts is assumed.
 */
export interface Comment {
  readonly line: number;
  readonly isBlock: boolean;
  readonly text: string;
}

export interface SourceText {
  /** As long as the text; blanks where there is no code. Quotes stay, so that strings can be found again. */
  readonly code: string;
  readonly comments: readonly Comment[];
}

export function scanSource(text: string): SourceText {
  const scanner = new Scanner(text);
  scanner.run();
  return { code: scanner.code.join(''), comments: scanner.comments };
}

export function lineAt(text: string, at: number): number {
  let line = 1;
  for (let index = text.indexOf('\n'); index >= 0 && index < at; index = text.indexOf('\n', index + 1)) line++;
  return line;
}

const KEYWORDS_BEFORE_REGEX = /\b(?:return|typeof|case|in|of|delete|void|throw|new|else|do|await|yield|instanceof)\s*$/;

class Scanner {
  readonly code: string[];
  readonly comments: Comment[] = [];
  private readonly text: string;
  private at = 0;
  /** For each template we are inside of: how many braces are open in its current substitution. */
  private readonly braces: number[] = [];

  constructor(text: string) {
    this.text = text;
    this.code = text.split('');
  }

  run(): void {
    while (this.at < this.text.length) this.step();
  }

  private step(): void {
    const char = this.text[this.at];
    const pair = this.text.slice(this.at, this.at + 2);
    if (pair === '//') this.comment(this.text.indexOf('\n', this.at), false);
    else if (pair === '/*') this.comment(this.text.indexOf('*/', this.at + 2), true);
    else if (char === "'" || char === '"') this.quoted(char);
    else if (char === '`') this.template();
    else if (char === '/' && this.isRegexAhead()) this.regex();
    else if (char === '{' && this.braces.length > 0) this.countBrace(1);
    else if (char === '}' && this.braces.length > 0) this.countBrace(-1);
    else this.at++;
  }

  private countBrace(by: number): void {
    const depth = (this.braces.at(-1) ?? 0) + by;
    this.braces[this.braces.length - 1] = depth;
    this.at++;
    if (depth > 0) return;
    this.braces.pop();
    this.templateText();
  }

  private comment(found: number, isBlock: boolean): void {
    const end = found < 0 ? this.text.length : found + (isBlock ? 2 : 0);
    const line = lineAt(this.text, this.at);
    this.comments.push({ line, isBlock, text: this.text.slice(this.at, end) });
    this.blank(this.at, end);
    this.at = end;
  }

  private quoted(quote: string): void {
    const start = this.at++;
    while (this.at < this.text.length && this.text[this.at] !== quote && this.text[this.at] !== '\n') {
      this.at += this.text[this.at] === '\\' ? 2 : 1;
    }
    this.blank(start + 1, this.at);
    this.at++;
  }

  private template(): void {
    this.at++;
    this.templateText();
  }

  /** From the opening backtick, or from the end of a substitution, to the next substitution or the closing backtick. */
  private templateText(): void {
    const start = this.at;
    while (this.at < this.text.length) {
      const char = this.text[this.at];
      if (char === '`') {
        this.blank(start, this.at++);
        return;
      }
      if (char === '$' && this.text[this.at + 1] === '{') {
        this.blank(start, this.at);
        this.at += 2;
        this.braces.push(1);
        return;
      }
      this.at += char === '\\' ? 2 : 1;
    }
    this.blank(start, this.at);
  }

  /** A slash divides after a value and opens an expression after anything else. */
  private isRegexAhead(): boolean {
    const before = this.code
      .slice(Math.max(0, this.at - 200), this.at)
      .join('')
      .trimEnd();
    if (before === '' || KEYWORDS_BEFORE_REGEX.test(before)) return true;
    return /[(,=:[!&|?{};+\-*%<>~^]$/.test(before);
  }

  private regex(): void {
    const start = this.at++;
    let isInClass = false;
    while (this.at < this.text.length && this.text[this.at] !== '\n') {
      const char = this.text[this.at];
      if (char === '/' && !isInClass) break;
      if (char === '[') isInClass = true;
      if (char === ']') isInClass = false;
      this.at += char === '\\' ? 2 : 1;
    }
    this.blank(start + 1, this.at);
    this.at++;
  }

  private blank(from: number, to: number): void {
    for (let index = from; index < to && index < this.code.length; index++) {
      if (this.code[index] !== '\n') this.code[index] = ' ';
    }
  }
}

// ── functions ───────────────────────────────────────────────────────────────────────────────────────────────────────

export interface FunctionSpan {
  readonly firstLine: number;
  readonly lines: number;
}

const CONTROL_WORDS = new Set(['if', 'for', 'while', 'switch', 'catch', 'with', 'await']);
const CLOSERS: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' };

/** Every function, method and arrow with a body in braces. `code` is what `scanSource` left. */
export function functionSpans(code: string): FunctionSpan[] {
  const startByBody = new Map<number, number>();
  for (let at = code.indexOf('('); at >= 0; at = code.indexOf('(', at + 1)) {
    const word = /(\w+)\s*$/.exec(code.slice(Math.max(0, at - 80), at))?.[1] ?? '';
    if (CONTROL_WORDS.has(word)) continue;
    const bodyAt = bodyAfter(code, matching(code, at));
    if (bodyAt >= 0) startByBody.set(bodyAt, at);
  }
  for (const match of code.matchAll(/[\w$]\s*=>\s*\{/g)) {
    const bodyAt = match.index + match[0].length - 1;
    if (!startByBody.has(bodyAt)) startByBody.set(bodyAt, match.index);
  }
  const spans = [...startByBody].map(([bodyAt, at]) => {
    const firstLine = lineAt(code, at);
    return { firstLine, lines: lineAt(code, matching(code, bodyAt)) - firstLine + 1 };
  });
  return spans.sort((a, b) => a.firstLine - b.firstLine);
}

/** Where the bracket opened at `at` closes; the end of the code when it never does. */
function matching(code: string, at: number): number {
  const open = code[at] ?? '';
  const close = CLOSERS[open] ?? '';
  let depth = 0;
  for (let index = at; index < code.length; index++) {
    if (code[index] === open) depth++;
    else if (code[index] === close && --depth === 0) return index;
  }
  return code.length;
}

/** The brace of the body that follows a parameter list closed at `closedAt`, past a return type; -1 when none does. */
function bodyAfter(code: string, closedAt: number): number {
  let last = ')';
  let hasType = false;
  for (let index = closedAt + 1; index < code.length; index++) {
    const char = code[index] ?? '';
    if (/\s/.test(char)) continue;
    if (char === '{' && (last === ')' || last === '=>' || !/[:|&<,(?]/.test(last))) return index;
    if (last === ')' && !hasType && char !== ':' && char !== '=') return -1;
    if (char === ';' || char === ')' || char === '}' || char === ']') return -1;
    if (char === ',' && !code.slice(closedAt, index).includes('<')) return -1;
    if (char === ':') hasType = true;
    if (char === '=') {
      if (code[index + 1] !== '>') return -1;
      last = '=>';
      index++;
      continue;
    }
    if (char === '{' || char === '(' || char === '[') {
      index = matching(code, index);
      last = 'type';
      continue;
    }
    last = char;
  }
  return -1;
}
