// Certificate fields that are forbidden, or allowed but not written by the reference.

import * as asn1js from 'asn1js';

import { commonName, edited, extension, nameAttribute } from '../pki/certificate.mjs';
import { invalid, valid } from './case.mjs';

const ORGANISATION_NAME = '2.5.4.10';
const KEY_USAGE = '2.5.29.15';
const AUTHORITY_KEY = '2.5.29.35';
const UNKNOWN_EXTENSION = '1.3.6.1.4.1.58708.9.9.9';
const GENERALIZED_TIME = 1;

export function cases(setting) {
  return [...names(setting), ...times(setting), ...extensions(setting), ...versions(setting)];
}

function names(setting) {
  const member = (...attributes) => memberWith(setting, ({ subject }) => rename(subject, attributes));
  const organisation = (...attributes) =>
    organisationWith(setting, ({ subject, issuer }) => {
      rename(subject, attributes);
      rename(issuer, attributes);
    });
  const unit = nameAttribute(ORGANISATION_NAME, 'Example Ltd', asn1js.Utf8String);
  const domain = commonName('example.com.', asn1js.BmpString);
  const alice = commonName('alice', asn1js.BmpString);
  return [
    valid('member-cn-utf8', 'CN of the member in a UTF8String', {
      user: 'älice🦀',
      ...member(commonName('älice🦀', asn1js.Utf8String)),
    }),
    valid(
      'member-cn-printable',
      'CN of the member in a PrintableString',
      member(commonName('alice', asn1js.PrintableString)),
    ),
    valid(
      'organisation-cn-utf8',
      'CN of the organisation in a UTF8String',
      organisation(commonName('example.com', asn1js.Utf8String)),
    ),
    valid(
      'organisation-cn-printable',
      'CN of the organisation in a PrintableString',
      organisation(commonName('example.com', asn1js.PrintableString)),
    ),
    valid('member-cn-beside-others', 'CN of the member after another attribute', member(unit, alice)),
    valid(
      'organisation-cn-beside-others',
      'CN of the organisation after another attribute',
      organisation(unit, domain),
    ),
    invalid(
      'member-cn-twice',
      'Two CNs in the certificate of the member',
      member(alice, commonName('bob', asn1js.BmpString)),
      'valid',
    ),
    invalid('member-cn-missing', 'No CN in the certificate of the member', member(unit)),
  ];
}

function times(setting) {
  const generalized = ({ notBefore, notAfter }) => {
    notBefore.type = GENERALIZED_TIME;
    notAfter.type = GENERALIZED_TIME;
  };
  return [
    valid('member-generalized-time', 'Validity of the member in GeneralizedTime', memberWith(setting, generalized)),
    valid(
      'organisation-until-2051',
      'Organisation certificate that ends past 2049, in GeneralizedTime',
      organisationWith(setting, (certificate) => {
        generalized(certificate);
        certificate.notAfter.value = new Date('2051-02-03T04:05:06Z');
      }),
    ),
  ];
}

function extensions(setting) {
  const member = (...added) =>
    memberWith(setting, ({ extensions: list }) => {
      list.push(...added);
    });
  const organisation = (...added) =>
    organisationWith(setting, ({ extensions: list }) => {
      list.push(...added);
    });
  const usage = (octet, unusedBits) =>
    extension(KEY_USAGE, true, new asn1js.BitString({ unusedBits, valueHex: Uint8Array.of(octet).buffer }));
  const unknown = (critical) => extension(UNKNOWN_EXTENSION, critical, new asn1js.Null());
  return [
    valid('member-key-usage', 'Key usage of the member: digitalSignature', member(usage(0x80, 7))),
    valid(
      'organisation-key-usage',
      'Key usage of the organisation: digitalSignature, keyCertSign and cRLSign',
      organisation(usage(0x86, 1)),
    ),
    invalid(
      'member-key-usage-forbids',
      'Key usage of the member: keyEncipherment alone',
      member(usage(0x20, 5)),
      'valid',
    ),
    invalid(
      'organisation-key-usage-forbids',
      'Key usage of the organisation: digitalSignature alone, member signature',
      organisation(usage(0x80, 7)),
    ),
    valid(
      'member-extension-unknown',
      'Extension of the member that is unknown, not critical',
      member(unknown(false)),
    ),
    invalid(
      'member-extension-critical',
      'Critical extension of the member that is unknown',
      member(unknown(true)),
      'valid',
    ),
    invalid(
      'organisation-extension-critical',
      'Critical extension of the organisation that is unknown',
      organisation(unknown(true)),
      'valid',
    ),
    invalid(
      'member-authority-key-differs',
      'Authority key identifier of the member is of another key',
      memberWith(setting, ({ extensions: list }) => {
        const keyIdentifier = new asn1js.Primitive({
          idBlock: { tagClass: 3, tagNumber: 0 },
          valueHex: new ArrayBuffer(32),
        });
        list.splice(1, 1, extension(AUTHORITY_KEY, false, new asn1js.Sequence({ value: [keyIdentifier] })));
      }),
    ),
    invalid(
      'member-extension-twice',
      'The same extension of the member twice',
      member(unknown(false), unknown(false)),
      'valid',
    ),
  ];
}

function versions(setting) {
  const first = (certificate) => {
    certificate.version = 0;
    delete certificate.extensions;
  };
  return [invalid('member-version-1', 'Member certificate of version 1', memberWith(setting, first), 'valid')];
}

// PKI.js writes the cached encoding of a name if it has one.
function rename(name, attributes) {
  name.typesAndValues = attributes;
  name.valueBeforeDecode = new ArrayBuffer(0);
}

function memberWith(setting, edit) {
  return {
    member: async (organisation, user) => {
      const member = await setting.member(organisation, user);
      return { ...member, certificate: await edited(member.certificate, organisation.keyPair.privateKey, edit) };
    },
  };
}

function organisationWith(setting, edit) {
  return {
    organisation: async () => {
      const organisation = await setting.organisation();
      return {
        ...organisation,
        certificate: await edited(organisation.certificate, organisation.keyPair.privateKey, edit),
      };
    },
  };
}
