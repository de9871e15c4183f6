/** A share of the seeds, see `seed-course`. */
import { test } from 'vitest';
import { courseName, runShare } from './seed-course.ts';

const DAY_MS = 86_400_000;

test(courseName, { timeout: DAY_MS }, () => runShare(2));
