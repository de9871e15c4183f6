#!/usr/bin/env node
// The command `perfbroker`, as npm links it: sees to the native part (and in a checkout to everything that is compiled),
// then runs the broker in this same process.
import { setUp, startBroker } from './setup.mjs';

await setUp({ mayInstall: true });
await startBroker(process.argv.slice(2));
