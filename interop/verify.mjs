// Verifies the bundles of an index with the reference, and reports differences to the expected results.

import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isDeepStrictEqual, parseArgs } from 'node:util';

import { setClock } from './clock.mjs';
import { verdictOf } from './verdict.mjs';

const USAGE = 'usage: node verify.mjs [--json] [--clock-at-instant] INDEX.json';

const { indexPath, isJson, isClockSet } = readArguments();
const cases = JSON.parse(await readFile(indexPath, 'utf8'));
let failed = 0;
for (const declared of cases) {
  const octets = await readFile(join(dirname(indexPath), `${declared.name}.bin`));
  if (isClockSet) {
    setClock(declared.at);
  }
  const verdict = await verdictOf(octets, declared);
  const differences = differencesOf(declared, verdict);
  failed += differences.length > 0 ? 1 : 0;
  console.log(
    isJson ? JSON.stringify({ name: declared.name, ...verdict, differences }) : line(declared, verdict, differences),
  );
}
const summary = `${cases.length - failed} passed, ${failed} failed`;
(isJson ? console.error : console.log)(summary);
process.exitCode = failed > 0 || cases.length === 0 ? 1 : 0;

// `reference` is the known result of the reference if this implementation has another one.
function differencesOf({ expect = 'valid', reference, ...declared }, verdict) {
  const status = reference ?? expect;
  if (verdict.status !== status) {
    return [`expected ${status}`];
  }
  if (expect !== 'valid' || status !== 'valid') {
    return [];
  }
  return ['subject', 'claims', 'signer']
    .filter((member) => !isDeepStrictEqual(verdict[member], declared[member]))
    .map((member) => `expected ${member} ${JSON.stringify(declared[member])}`);
}

function line({ name, expect = 'valid', reference }, verdict, differences) {
  const outcome = verdict.error ?? `${verdict.subject} ${verdict.signer ?? ''}`.trimEnd();
  const ruling = reference === undefined ? '' : ` [we rule ${expect}]`;
  const head = `${differences.length > 0 ? 'FAIL' : 'ok  '} ${name}: ${verdict.status}${ruling}, ${outcome}`;
  return [head, ...differences].join('; ').replaceAll(/\p{Cc}/gu, ' ');
}

function readArguments() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { json: { type: 'boolean', default: false }, 'clock-at-instant': { type: 'boolean', default: false } },
    });
    if (positionals.length !== 1) {
      throw new Error('one index is due');
    }
    return { indexPath: positionals[0], isJson: values.json, isClockSet: values['clock-at-instant'] };
  } catch (error) {
    console.error(`${error.message}\n${USAGE}`);
    process.exit(2);
  }
}
