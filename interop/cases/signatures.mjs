// The CMS signature: keys and hashes, attributes, attached certificates, service and time.

import * as asn1js from 'asn1js';

import { attribute, metadataAttribute } from '../pki/signature.mjs';
import { invalid, valid } from './case.mjs';
import { TEST_SERVICE_OID } from './setting.mjs';

const MINUTE = 60_000;
const SIGNING_TIME = '1.2.840.113549.1.9.5';
const HASHES = ['SHA-256', 'SHA-384', 'SHA-512'];

export function cases(setting) {
  return [...keys(), ...digests(), ...attributes(setting), ...attached(setting), ...services(), ...periods(setting)];
}

function keys() {
  return [2048, 3072, 4096].flatMap((modulus) =>
    HASHES.flatMap((hash) => {
      const id = `rsa${modulus}-${hash.replace('-', '').toLowerCase()}`;
      const key = { modulus, hash };
      return [
        valid(`org-${id}`, `Organisation with RSA-${modulus}, PSS ${hash} throughout, organisation signature`, {
          as: 'organisation',
          organisation: { key },
        }),
        valid(`member-${id}`, `Organisation and member with RSA-${modulus}, PSS ${hash} throughout, member signature`, {
          organisation: { key },
          member: { key },
        }),
      ];
    }),
  );
}

function digests() {
  return [
    valid('member-hash-differs', 'Organisation signs with PSS SHA-256, its member with PSS SHA-384', {
      member: { key: { hash: 'SHA-384' } },
    }),
    valid('cms-digest-sha384', 'CMS digest SHA-384 under a PSS SHA-384 key', {
      member: { key: { hash: 'SHA-384' } },
      assemble: () => ({ digest: 'SHA-384' }),
    }),
    valid('cms-digest-sha512', 'CMS digest SHA-512 under a PSS SHA-512 key', {
      member: { key: { hash: 'SHA-512' } },
      assemble: () => ({ digest: 'SHA-512' }),
    }),
    valid('cms-digest-larger', 'CMS digest SHA-512 under a PSS SHA-256 key', {
      assemble: () => ({ digest: 'SHA-512' }),
    }),
    invalid(
      'cms-pkcs1',
      'CMS signature in RSASSA-PKCS1-v1_5',
      {
        member: { key: { scheme: 'RSASSA-PKCS1-v1_5' } },
      },
      'valid',
    ),
    invalid('member-rsa1024', 'Member with an RSA key of 1024 bits', { member: { key: { modulus: 1024 } } }, 'valid'),
    invalid('signed-by-another-key', 'Signature by a key that is not the one of the certificate', async (setting) => ({
      signingKey: (await setting.keys.pair('stranger')).privateKey,
    })),
  ];
}

function attributes(setting) {
  const { start, end } = setting.signaturePeriod;
  return [
    valid('attribute-signing-time', 'Unknown signed attribute, as the JVM library adds', {
      assemble: ({ metadata }) => ({
        attributes: [metadata, attribute(SIGNING_TIME, new asn1js.UTCTime({ valueDate: setting.at }))],
      }),
    }),
    invalid('metadata-missing', 'No metadata attribute', { assemble: () => ({ attributes: [] }) }),
    invalid(
      'metadata-twice',
      'Metadata attribute twice',
      {
        assemble: ({ metadata }) => ({ attributes: [metadata, metadataAttribute(TEST_SERVICE_OID, start, end)] }),
      },
      'valid',
    ),
    invalid(
      'metadata-with-two-values',
      'Metadata attribute with two values',
      {
        assemble: ({ metadata }) => ({
          attributes: [attribute(metadata.type, ...metadata.values, ...metadata.values)],
        }),
      },
      'valid',
    ),
    invalid('metadata-unsigned', 'Metadata among the unsigned attributes alone', {
      assemble: ({ metadata }) => ({ attributes: [], unsignedAttributes: [metadata] }),
    }),
    invalid('content-detached', 'Content that is not encapsulated', { assemble: () => ({ isEncapsulated: false }) }),
    invalid('content-tampered', 'Content changed after it was signed', {
      editOctets: (octets) => replaced(octets, 'read-only', 'read-more'),
    }),
  ];
}

function attached(setting) {
  const stranger = async (name) => {
    const keyPair = await setting.keys.pair('stranger');
    return setting.organisation({ name, signedBy: keyPair.privateKey });
  };
  return [
    valid('attached-organisation', 'Certificate of the organisation attached with that of the member', {
      assemble: ({ organisation, member }) => ({ attached: [organisation.certificate, member.certificate] }),
    }),
    valid('attached-to-org-signature', 'Certificate of the organisation attached to its own signature', {
      as: 'organisation',
      assemble: ({ organisation }) => ({ attached: [organisation.certificate] }),
    }),
    valid('attached-stranger', 'Certificate of another organisation attached, which is ignored', async () => {
      const { certificate } = await stranger('example.org.');
      return { assemble: ({ member }) => ({ attached: [certificate, member.certificate] }) };
    }),
    invalid('attached-none', 'Member signature without the certificate of the member', {
      assemble: () => ({ attached: [] }),
    }),
    invalid(
      'attached-twice',
      'Certificate of the signer attached twice',
      {
        assemble: ({ member }) => ({ attached: [member.certificate, member.certificate] }),
      },
      'valid',
    ),
  ];
}

function services() {
  return [
    invalid('service-test', 'Signature for the test service', { serviceOid: TEST_SERVICE_OID }),
    invalid('service-prefix', 'Signature for a service whose OID begins with the one of Kliento', {
      serviceOid: '1.3.6.1.4.1.58708.3.0.1',
    }),
  ];
}

function periods({ at }) {
  const period = (start, end) => ({ signaturePeriod: { start: new Date(start), end: new Date(end) } });
  const now = at.getTime();
  return [
    valid('start-with-milliseconds', 'Start with three digits of fraction', period(now - MINUTE + 461, now + MINUTE)),
    valid('start-with-tenths', 'Start with 100 milliseconds', period(now - MINUTE + 100, now + MINUTE)),
    valid('end-with-milliseconds', 'End with a fraction', period(now - MINUTE, now + MINUTE + 120)),
    valid('at-start', 'Verified at the first instant of the signature', period(now, now + MINUTE)),
    valid('at-end', 'Verified at the last instant of the signature', period(now - MINUTE, now)),
    valid('period-of-an-instant', 'Start and end are the same', period(now, now)),
    valid('period-60-minutes', 'Signature valid for 60 minutes', period(now - MINUTE, now + 59 * MINUTE)),
    invalid(
      'period-beyond-60-minutes',
      'Signature valid for 60 minutes and a second',
      period(now - MINUTE, now + 59 * MINUTE + 1000),
      'valid',
    ),
    invalid('expired', 'Signature that ended a second ago', period(now - MINUTE, now - 1000)),
    invalid('not-yet-valid', 'Signature that begins in a second', period(now + 1000, now + MINUTE)),
    invalid('starts-half-a-second-later', 'Signature that begins within the second', period(now + 500, now + MINUTE)),
  ];
}

function replaced(octets, from, to) {
  const edited = Buffer.from(octets);
  edited.write(to, edited.indexOf(from));
  return edited;
}
