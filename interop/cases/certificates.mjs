// The certificates of the organisation and its members: issuer, validity and key usage.

import { Certificate } from '@relaycorp/veraid';
import { NODE_ENGINE } from '@relaycorp/veraid/build/lib/lib/utils/pkijs.js';

import { spkiDigest } from '../pki/certificate.mjs';
import { invalid, valid } from './case.mjs';
import { TTL_OVERRIDE } from './setting.mjs';

const HOUR = 3_600_000;
const NOT_MINIMAL_SERIAL = Buffer.from('003f1a2b3c4d5e6f', 'hex');

export function cases(setting) {
  return [...serialNumbers(setting), ...periods(setting), ...issuers(setting), ...keys(setting)];
}

function serialNumbers(setting) {
  return [
    valid('member-serial-not-minimal', 'Serial number of the member with a needless zero octet, as one in 512 has', {
      member: (organisation) => withSerial(NOT_MINIMAL_SERIAL, () => setting.member(organisation, 'alice')),
    }),
    valid('organisation-serial-not-minimal', 'Serial number of the organisation with a needless zero octet', {
      as: 'organisation',
      organisation: () => withSerial(NOT_MINIMAL_SERIAL, () => setting.organisation()),
    }),
  ];
}

function periods(setting) {
  const at = setting.at.getTime();
  const period = (start, end) => ({ period: { start: new Date(at + start), end: new Date(at + end) } });
  return [
    valid('member-outlives-organisation-start', 'Member certificate that begins before the one of the organisation', {
      organisation: period(-HOUR, HOUR),
      member: period(-2 * HOUR, HOUR),
    }),
    invalid('member-expired', 'Member certificate that ended a second ago', { member: period(-HOUR, -1000) }),
    invalid('member-not-yet-valid', 'Member certificate that begins in an hour', { member: period(HOUR, 2 * HOUR) }),
    invalid('organisation-expired', 'Organisation certificate that ended a second ago, organisation signature', {
      as: 'organisation',
      organisation: period(-HOUR, -1000),
    }),
    invalid('organisation-not-yet-valid', 'Organisation certificate that begins in an hour, organisation signature', {
      as: 'organisation',
      organisation: period(HOUR, 2 * HOUR),
    }),
  ];
}

function issuers(setting) {
  const forged = async () => setting.organisation({ signedBy: (await setting.keys.pair('stranger')).privateKey });
  return [
    invalid(
      'organisation-forged-member',
      'Organisation certificate signed by another key, member signature',
      {
        organisation: forged,
      },
      'valid',
    ),
    invalid(
      'organisation-forged',
      'Organisation certificate signed by another key, organisation signature',
      {
        as: 'organisation',
        organisation: forged,
      },
      'valid',
    ),
    invalid('organisation-issued-by-another', 'Organisation certificate issued by a certificate authority', {
      as: 'organisation',
      organisation: () => issuedOrganisation(setting),
    }),
    invalid('organisation-without-ca', 'Organisation certificate without cA, organisation signature', {
      as: 'organisation',
      organisation: () => withoutCa(setting),
    }),
    invalid(
      'member-with-ca',
      'Member certificate with cA',
      {
        member: (organisation) => issuedMember(setting, organisation, { isCa: true }),
      },
      'valid',
    ),
    invalid('member-of-member', 'Member certificate issued by another member that has cA', async () => {
      const organisation = await setting.organisation();
      const intermediate = await issuedMember(setting, organisation, { isCa: true, pathLenConstraint: 1 }, 'manager');
      const member = await issuedMember(setting, intermediate, {});
      return {
        organisation: () => organisation,
        member: () => member,
        assemble: () => ({ attached: [intermediate.certificate, member.certificate] }),
      };
    }),
  ];
}

function keys(setting) {
  return [
    invalid('organisation-rsa1024', 'Organisation with an RSA key of 1024 bits, whose digest the TXT record has', {
      organisation: { key: { modulus: 1024 } },
      chain: (organisation) =>
        setting.chain(organisation, {
          txt: [`1 ${spkiDigest(organisation.certificate, 'sha256')} ${TTL_OVERRIDE}`],
        }),
    }),
    invalid('organisation-pkcs1', 'Organisation certificate signed with RSASSA-PKCS1-v1_5', async () => {
      const { privateKey } = await setting.keys.pair('organisation', { scheme: 'RSASSA-PKCS1-v1_5' });
      return { as: 'organisation', organisation: { signedBy: privateKey } };
    }),
  ];
}

async function issuedOrganisation(setting) {
  const authority = await setting.organisation({ name: 'authority' });
  const keyPair = await setting.keys.pair('organisation');
  const options = { isCa: true, commonName: 'example.com.', subjectPublicKey: keyPair.publicKey };
  return { name: 'example.com.', keyPair, certificate: await issue(setting, options, authority) };
}

async function withoutCa(setting) {
  const keyPair = await setting.keys.pair('organisation');
  const options = { commonName: 'example.com.', subjectPublicKey: keyPair.publicKey };
  return { name: 'example.com.', keyPair, certificate: await issue(setting, options, { keyPair }) };
}

async function issuedMember(setting, issuer, options, keyOwner = 'member') {
  const keyPair = await setting.keys.pair(keyOwner);
  const commonName = keyOwner === 'member' ? 'alice' : keyOwner;
  const certificate = await issue(setting, { commonName, subjectPublicKey: keyPair.publicKey, ...options }, issuer);
  return { user: commonName, keyPair, certificate };
}

function issue(setting, options, issuer) {
  const { start, end } = setting.certificatePeriod;
  return Certificate.issue({
    issuerCertificate: issuer.certificate,
    issuerPrivateKey: issuer.keyPair.privateKey,
    validityStartDate: start,
    validityEndDate: end,
    ...options,
  });
}

// The reference gets serial numbers from its crypto engine; this replaces the random octets.
async function withSerial(serial, make) {
  NODE_ENGINE.getRandomValues = (octets) => {
    octets.set(serial);
    return octets;
  };
  try {
    return await make();
  } finally {
    delete NODE_ENGINE.getRandomValues;
  }
}
