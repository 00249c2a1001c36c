// Checks these scripts: their bundles verify, old bundles verify with their own clock, and verify.mjs detects a wrong
// expectation for every case.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PAST = '2024-02-29T12:00:00Z';

const directory = await mkdtemp(join(tmpdir(), 'veraid-interop-'));
try {
  const fresh = produce('fresh');
  expectSummary("fresh bundles, the machine's clock", [fresh], ({ total }) => ({ passed: total, failed: 0 }));
  const old = produce('old', '--at', PAST);
  expectSummary('old bundles, the clock at their instant', ['--clock-at-instant', old], ({ total }) => ({
    passed: total,
    failed: 0,
  }));
  const inverted = await invert(fresh);
  expectSummary('fresh bundles, every expectation inverted', [inverted], ({ total }) => ({ passed: 0, failed: total }));
} finally {
  await rm(directory, { recursive: true });
}

function produce(name, ...options) {
  const out = join(directory, name);
  execFileSync(process.execPath, [script('produce.mjs'), '--out', out, ...options], { stdio: 'inherit' });
  return join(out, 'index.json');
}

function expectSummary(what, options, expected) {
  const { stdout, status } = spawnSync(process.execPath, [script('verify.mjs'), ...options], { encoding: 'utf8' });
  const lines = stdout.trimEnd().split('\n');
  const { passed, failed } = expected({ total: lines.length - 1 });
  const isAsExpected = lines.at(-1) === `${passed} passed, ${failed} failed` && status === (failed > 0 ? 1 : 0);
  console.log(`${isAsExpected ? 'ok  ' : 'FAIL'} ${what}: ${lines.at(-1)}, exit status ${status}`);
  if (!isAsExpected) {
    console.log(
      lines
        .filter((line) => line.startsWith('ok') === failed > 0)
        .slice(0, -1)
        .join('\n'),
    );
    process.exitCode = 1;
  }
}

// In the directory of the index, so that file names stay valid. Valid cases keep their verdict and change one detail.
async function invert(indexPath) {
  const cases = JSON.parse(await readFile(indexPath, 'utf8'));
  const details = [
    { subject: 'mallory@example.org' },
    { claims: { permission: 'all' } },
    { signer: 'nobody' },
    { expect: 'invalid' },
  ];
  const inverted = cases.map(({ reference, ...declared }, number) => {
    const verdict = reference ?? declared.expect;
    if (verdict === 'valid' && declared.expect === 'valid') {
      return { ...declared, ...details[number % details.length] };
    }
    return { ...declared, expect: verdict === 'valid' ? 'invalid' : 'valid' };
  });
  const path = join(indexPath, '..', 'inverted.json');
  await writeFile(path, JSON.stringify(inverted));
  return path;
}

function script(name) {
  return fileURLToPath(new URL(name, import.meta.url));
}
