import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseProperties, textOfProperties } from '../../src/config/properties-file.ts';

const pairs = (text: string) => parseProperties(text).map((property) => [property.key, property.value]);

describe('a properties file', () => {
  it('separates by =, : or space, and skips comments and empty lines', () => {
    expect(pairs('# c\n! c\n\n a = b \nc:d\ne  f\ng\n')).toEqual([
      ['a', 'b '],
      ['c', 'd'],
      ['e', 'f'],
      ['g', ''],
    ]);
  });

  it('goes on after a backslash at the end of a line, but not after two', () => {
    expect(pairs('a=1,\\\n   2\nb=x\\\\\nc=y')).toEqual([
      ['a', '1,2'],
      ['b', 'x\\'],
      ['c', 'y'],
    ]);
  });

  it('reads escapes, and says the line an entry begins on', () => {
    expect(pairs('a\\ b=\\u0041\\t\\=')).toEqual([['a b', 'A\t=']]);
    expect(parseProperties('a=\\\n1\nb=2').map((property) => property.line)).toEqual([1, 3]);
  });

  it('ends on any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('\\', '\n', '=', ' ', 'a', 'u', '#') }), (text) => {
        parseProperties(text);
      }),
    );
  });
});

describe('the bytes of a properties file', () => {
  it('are UTF-8 with or without a mark, or else Latin-1, and refused where they are UTF-16', () => {
    const read = (bytes: Uint8Array) => parseProperties(textOfProperties('a.properties', bytes));
    const expected = [{ key: 'broker.rack', value: 'café', line: 1 }];
    expect(read(Buffer.from('broker.rack=café\r\n'))).toEqual(expected);
    expect(read(Buffer.from('\ufeffbroker.rack=café'))).toEqual(expected);
    expect(read(Buffer.from('broker.rack=café', 'latin1'))).toEqual(expected);
    expect(() => read(Buffer.from('\ufeffbroker.rack=x', 'utf16le'))).toThrow(
      'a.properties is not text in UTF-8; save it as such',
    );
  });
});
