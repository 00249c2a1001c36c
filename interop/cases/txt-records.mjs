// The TXT RRset at `_veraid.<organisation>`.

import { spkiDigest } from '../pki/certificate.mjs';
import { invalid, valid } from './case.mjs';
import { KLIENTO_OID, TEST_SERVICE_OID, TTL_OVERRIDE } from './setting.mjs';

const MAX_TTL_OVERRIDE = 7_776_000;

export async function cases(setting) {
  const organisation = await setting.organisation();
  const generic = await setting.txt(organisation);
  const parts = {
    generic,
    bound: await setting.txt(organisation, { serviceOid: KLIENTO_OID }),
    other: await setting.txt({ keyPair: await setting.keys.pair('stranger') }),
    keyId: generic.split(' ')[1],
    certificate: organisation.certificate,
  };
  return [...services(setting, parts), ...keys(parts), ...ttlOverrides(parts), ...forms(parts)];
}

function services(setting, { generic, bound, other, keyId }) {
  return [
    valid(
      'txt-bound-beside-generic',
      'Record bound to the service with one for any service',
      txt(generic, bound),
    ),
    valid('txt-bound', 'Record bound to the service alone', txt(bound)),
    valid('txt-beside-other-key', 'Record of another key with the valid one, as while keys change', txt(other, generic)),
    valid(
      'txt-beside-other-service',
      'Record of the key for another service with a generic one',
      txt(`1 ${keyId} ${TTL_OVERRIDE} ${TEST_SERVICE_OID}`, generic),
    ),
    valid('txt-duplicate', 'The same record twice: one after duplicates are dropped', {
      chain: { edit: (responses) => withTxt(responses, ([first, ...rest]) => [first, first, ...rest]) },
    }),
    invalid(
      'txt-of-another-service',
      'Record bound to another service alone',
      txt(`1 ${keyId} ${TTL_OVERRIDE} ${TEST_SERVICE_OID}`),
    ),
    invalid('txt-of-another-key', 'Record of another key alone', txt(other)),
    invalid('txt-two-generic', 'Two generic records of our key', txt(generic, `1 ${keyId} 60`), 'valid'),
    invalid(
      'txt-two-bound',
      'Two records of our key bound to the service',
      txt(bound, `1 ${keyId} 60 ${KLIENTO_OID}`),
      'valid',
    ),
  ];
}

function keys({ keyId }) {
  return [
    invalid('txt-wrong-algorithm', 'Record whose algorithm is the one of RSA-3072', txt(`2 ${keyId} ${TTL_OVERRIDE}`)),
    invalid(
      'txt-unpadded-key-id',
      'Record of the deployed form with an unpadded key id',
      txt(`1 ${keyId.replace(/=+$/u, '')} ${TTL_OVERRIDE}`),
    ),
  ];
}

function ttlOverrides({ generic, bound, keyId }) {
  return [
    valid('txt-ttl-1', 'TTL override of one second', txt(`1 ${keyId} 1`)),
    valid('txt-ttl-90-days', 'TTL override of 90 days', txt(`1 ${keyId} ${MAX_TTL_OVERRIDE}`)),
    invalid('txt-ttl-0', 'TTL override of no seconds', txt(`1 ${keyId} 0`), 'valid'),
    invalid(
      'txt-ttl-beyond-90-days',
      'TTL override of 90 days and a second',
      txt(`1 ${keyId} ${MAX_TTL_OVERRIDE + 1}`),
      'valid',
    ),
    invalid('txt-ttl-signed', 'TTL override with a plus sign', txt(`1 ${keyId} +60`)),
    invalid('txt-ttl-fraction', 'TTL override that is not a whole number', txt(`1 ${keyId} 60.0`)),
    invalid('txt-ttl-missing', 'Record without TTL override', txt(`1 ${keyId}`)),
    valid(
      'txt-ttl-bad-beside-good',
      'Record that does not parse with a valid one',
      txt(bound, generic, `1 ${keyId} soon`),
      'invalid',
    ),
  ];
}

function forms({ generic, keyId, certificate }) {
  const spec = (type, hash) => `1 ${type} ${spkiDigest(certificate, hash).replace(/=+$/u, '')} ${TTL_OVERRIDE}`;
  return [
    valid('txt-blanks', 'Blanks about the fields and tabs between them', txt(`  1\t${keyId}  ${TTL_OVERRIDE} `)),
    valid(
      'txt-spec-sha256',
      'Record in the form of the written specification, SHA-256',
      txt(spec(1, 'sha256')),
      'invalid',
    ),
    valid(
      'txt-spec-sha384',
      'Record in the form of the written specification, SHA-384',
      txt(spec(2, 'sha384')),
      'invalid',
    ),
    valid(
      'txt-spec-sha512',
      'Record in the form of the written specification, SHA-512',
      txt(spec(3, 'sha512')),
      'invalid',
    ),
    valid('txt-unrelated-beside', 'Record that is not of VeraId with the valid one', txt('v=spf1 -all', generic), 'invalid'),
    valid(
      'txt-strings-beside',
      'Record of two character-strings with the valid one',
      txt([Buffer.from('1 '), Buffer.from(`${keyId} 60`)], generic),
      'invalid',
    ),
    invalid(
      'txt-strings',
      'Record of two character-strings alone',
      txt([Buffer.from(`1 ${keyId} `), Buffer.from(String(TTL_OVERRIDE))]),
    ),
    invalid(
      'txt-fifth-field',
      'Record with a superfluous field',
      txt(`1 ${keyId} ${TTL_OVERRIDE} ${KLIENTO_OID} more`),
      'valid',
    ),
    invalid(
      'txt-no-break-space',
      'Record whose fields are separated by U+00A0',
      txt(`1\u00A0${keyId}\u00A0${TTL_OVERRIDE}`),
      'valid',
    ),
    invalid('txt-empty', 'Record of one empty string', txt('')),
  ];
}

function txt(...records) {
  return { chain: { txt: records } };
}

/** Replaces the answers to the TXT question. */
export function withTxt(responses, edit) {
  const txtResponse = responses.at(-1);
  return [...responses.slice(0, -1), { ...txtResponse, answers: edit(txtResponse.answers) }];
}
