/** Options of programs that people start by hand: what is wrong with them is said in a line, with where help is. */
import { parseArgs as parse } from 'node:util';

export const parseArgs: typeof parse = (config) => {
  try {
    return parse(config);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    process.stderr.write(`${error.message} (--help tells what there is)\n`);
    process.exit(2);
  }
};
