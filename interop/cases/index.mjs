// All cases, each with its bundle.

import { formatInstant } from '../instant.mjs';
import { cases as brokenChains } from './broken-chains.mjs';
import { cases as bundles } from './bundles.mjs';
import { cases as certificateFields } from './certificate-fields.mjs';
import { cases as certificates } from './certificates.mjs';
import { cases as chains } from './chains.mjs';
import { cases as identities } from './identities.mjs';
import { cases as memberIdBundles } from './member-id-bundles.mjs';
import { Setting } from './setting.mjs';
import { cases as signatures } from './signatures.mjs';
import { cases as tokens } from './tokens.mjs';
import { cases as txtRecords } from './txt-records.mjs';

const ALL = [
  identities,
  signatures,
  certificates,
  certificateFields,
  tokens,
  bundles,
  txtRecords,
  chains,
  brokenChains,
  memberIdBundles,
];

/** Makes each case's bundle for the instant `at`; returns pairs of an index entry and octets. */
export async function* produceAll(at) {
  const setting = await Setting.prepare(at);
  for (const cases of ALL) {
    for (const { options, ...declared } of await cases(setting)) {
      yield await produce(setting, declared, options);
    }
  }
}

async function produce(setting, { name, reason, expect, reference, kind }, options) {
  const final = typeof options === 'function' ? await options(setting) : options;
  const make = kind === 'member-id-bundle' ? 'memberIdBundle' : 'tokenBundle';
  const { octets, audience, subject, claims, signer, trust_anchors } = await setting[make](final);
  const verified = expect === 'valid' ? { subject, claims, signer } : {};
  const entry = {
    name,
    kind,
    reason,
    audience,
    at: formatInstant(setting.at),
    trust_anchors,
    ...verified,
    expect,
    reference,
  };
  return { entry, octets };
}
