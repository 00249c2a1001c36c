// Writes bundles of the reference, and an index with the expected result of each verification.

import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { produceAll } from './cases/index.mjs';
import { parseInstant } from './instant.mjs';

const USAGE = 'usage: node produce.mjs --out DIR [--at RFC3339]';

const { out, at } = readArguments();
const indexPath = join(out, 'index.json');
await mkdir(out, { recursive: true });
await rm(indexPath, { force: true }); // a failed run must not leave the index of another run
const index = [];
for await (const { entry, octets } of produceAll(at)) {
  if (index.some(({ name }) => name === entry.name)) {
    throw new Error(`two cases have the name ${entry.name}`);
  }
  await writeFile(join(out, `${entry.name}.bin`), octets);
  index.push(entry);
}
await writeFile(indexPath, `${JSON.stringify(index, null, 1)}\n`);
console.log(
  `${index.length} bundles written, ${index.filter(({ expect }) => expect === 'valid').length} of them valid`,
);

function readArguments() {
  try {
    const { values } = parseArgs({ options: { out: { type: 'string' }, at: { type: 'string' } } });
    if (values.out === undefined) {
      throw new Error('--out is missing');
    }
    const instant = values.at === undefined ? new Date() : parseInstant(values.at);
    instant.setUTCMilliseconds(0);
    return { out: values.out, at: instant };
  } catch (error) {
    console.error(`${error.message}\n${USAGE}`);
    process.exit(2);
  }
}
