// Invalid DNSSEC chains.

import { DnssecAlgorithm } from '@relaycorp/dnssec';

import { RCODE } from '../dns/message.mjs';
import { dsRecord, FLAG_REVOKE, record, SHA1, SHA256, signed, trustAnchor, ZoneKey } from '../dns/zone.mjs';
import { rsaZoneKey, withDs, zonesOf } from './chains.mjs';
import { invalid } from './case.mjs';
import { withTxt } from './txt-records.mjs';

const { ECDSAP256SHA256, ED448, RSASHA1, RSASHA256 } = DnssecAlgorithm;
const SECOND = 1000;
const HOUR = 3600 * SECOND;
const OWNER = '_veraid.example.com.';

export function cases(setting) {
  return [
    ...anchors(setting),
    ...times(setting),
    ...signatures(setting),
    ...keys(setting),
    ...weak(setting),
    ...responses(setting),
  ];
}

function anchors({ zones: [root] }) {
  const [dot, inClass, ds, tag, ...rest] = trustAnchor(root.ksk).split(' ');
  return [
    invalid('anchor-other', 'Trust anchor of another key', { trustAnchors: [`. IN DS 20326 8 2 ${'AB'.repeat(32)}`] }),
    invalid('anchor-none', 'No trust anchors', { trustAnchors: [] }),
    invalid('anchor-zone-signing-key', 'Trust anchor of a root key that does not sign the DNSKEY set', {
      trustAnchors: [trustAnchor(root.zsk)],
    }),
    invalid(
      'anchor-wrong-tag',
      'Trust anchor with another key tag than the key',
      { trustAnchors: [[dot, inClass, ds, Number(tag) ^ 1, ...rest].join(' ')] },
      'valid',
    ),
  ];
}

function times(setting) {
  const {
    at,
    zones: [root, com, example],
    dnssecPeriod,
  } = setting;
  const expired = { start: dnssecPeriod.start, end: new Date(at.getTime() - SECOND) };
  const future = { start: new Date(at.getTime() + HOUR), end: dnssecPeriod.end };
  const resign = (name, type, make) => ({
    chain: {
      edit: (list) =>
        list.map((response) =>
          response.question.name === name && response.question.getTypeName() === type
            ? { ...response, answers: make(response) }
            : response,
        ),
    },
  });
  const txt = (period) => resign(OWNER, 'TXT', ({ answers: [text] }) => signed([text], example.signers, period));
  return [
    invalid('txt-signature-expired', 'TXT signature that ended a second ago', txt(expired)),
    invalid('txt-signature-not-yet-valid', 'TXT signature that begins in an hour', txt(future)),
    invalid(
      'root-dnskey-signature-expired',
      'Signature over the DNSKEY set of the root ended a second ago',
      resign('.', 'DNSKEY', () => root.dnskeyAnswers(expired)),
    ),
    invalid(
      'com-ds-signature-expired',
      'Signature over the DS set of com ended a second ago',
      resign('com.', 'DS', () => root.dsAnswers(com, [SHA256], expired)),
    ),
    invalid(
      'zone-dnskey-signature-expired',
      'Signature over the DNSKEY set of example.com ended a second ago',
      resign('example.com.', 'DNSKEY', () => example.dnskeyAnswers(expired)),
    ),
  ];
}

function signatures({ zones: [root, com, example], dnssecPeriod }) {
  const txtBy = (key) => ({
    chain: { edit: (list) => withTxt(list, ([text]) => signed([text], [key], dnssecPeriod)) },
  });
  const wildcard = (text) => {
    const [, rrsig] = signed([text.shallowCopy({ name: '*.example.com.' })], [example.zsk], dnssecPeriod);
    return [text, rrsig.shallowCopy({ name: OWNER })];
  };
  return [
    invalid('txt-unsigned', 'TXT set without signature', {
      chain: { edit: (list) => withTxt(list, ([text]) => [text]) },
    }),
    invalid('txt-tampered', 'TXT record changed after it was signed', {
      chain: { edit: (list) => withTxt(list, ([text, rrsig]) => [record(OWNER, 'TXT', `${text.dataFields}0`), rrsig]) },
    }),
    invalid('txt-by-parent', 'TXT set signed by com although example.com is a zone', txtBy(com.zsk), 'valid'),
    invalid('txt-by-root', 'TXT set signed by the root although example.com is a zone', txtBy(root.zsk)),
    invalid('txt-by-sibling', 'TXT set signed by a zone that is none of its ancestors', async () =>
      txtBy(await ZoneKey.generate('example.org.', ECDSAP256SHA256)),
    ),
    invalid('txt-by-stranger', 'TXT set signed by a key that is not in the DNSKEY set', async () =>
      txtBy(await ZoneKey.generate('example.com.', ECDSAP256SHA256)),
    ),
    invalid('txt-from-wildcard', 'TXT set that a wildcard made', {
      chain: { edit: (list) => withTxt(list, ([text]) => wildcard(text)) },
    }),
    invalid('txt-behind-cname', 'CNAME in answer to the TXT question, TXT at its target', {
      chain: { edit: (list) => withTxt(list, ([text]) => behindCname(text, example, dnssecPeriod)) },
    }),
  ];
}

function keys({ zones: [root, com, example], dnssecPeriod }) {
  const chain = (...zones) => ({ chain: { zones } });
  const zoneKey = async (flags) => {
    const zsk = await ZoneKey.generate('example.com.', ECDSAP256SHA256, flags);
    return chain(root, com, example.with({ zsk, signers: [zsk] }));
  };
  return [
    invalid(
      'key-without-zone-flag',
      'Zone-signing key without the zone flag',
      () => zoneKey({ isZoneKey: false }),
      'valid',
    ),
    invalid('key-of-protocol-2', 'Zone-signing key of protocol 2', () => zoneKey({ protocol: 2 })),
    invalid('key-revoked', 'Zone-signing key that is revoked', () => zoneKey({ extraFlags: FLAG_REVOKE }), 'valid'),
    invalid(
      'key-set-by-zone-signing-key',
      'DNSKEY set signed by a key that no DS names',
      chain(root, com, example.with({ dnskeySigners: [example.zsk] })),
    ),
    invalid(
      'root-key-revoked',
      'Root key that is revoked, named so by the anchor',
      async () => {
        const ksk = await ZoneKey.generate('.', RSASHA256, { isSecureEntryPoint: true, extraFlags: FLAG_REVOKE });
        return chain(root.with({ ksk }), com, example);
      },
      'valid',
    ),
    invalid('ds-of-another-key', 'DS of a key that is not in the DNSKEY set', async () => {
      const delegated = [await ZoneKey.generate('example.com.', ECDSAP256SHA256, { isSecureEntryPoint: true })];
      return chain(root, com, example.with({ delegated }));
    }),
    invalid(
      'ds-wrong-tag',
      'DS with another key tag than the key',
      {
        chain: {
          edit: (list) => withDs(list, [dsRecord(example.ksk, SHA256, example.ksk.tag ^ 1)], com, dnssecPeriod),
        },
      },
      'valid',
    ),
  ];
}

function weak({ zones: [root, com, example] }) {
  return [
    invalid(
      'zones-rsasha1',
      'Zones below the root signed with RSA/SHA-1',
      async () => ({ chain: { zones: await zonesOf(RSASHA256, RSASHA1, RSASHA1) } }),
      'valid',
    ),
    invalid(
      'zones-ed448',
      'Zone signed with Ed448 alone, which counts as unknown',
      async () => ({
        chain: { zones: await zonesOf(RSASHA256, ECDSAP256SHA256, ED448) },
      }),
      'valid',
    ),
    invalid('ds-sha1', 'DS with SHA-1 alone', { chain: { digestTypes: [SHA1] } }, 'valid'),
    invalid(
      'zone-rsa768',
      'Zone-signing key RSA of 768 bits',
      async () => {
        const zsk = await rsaZoneKey('example.com.', 768);
        return { chain: { zones: [root, com, example.with({ zsk, signers: [zsk] })] } };
      },
      'valid',
    ),
  ];
}

function responses() {
  const edited = (name, reason, edit, reference) => invalid(name, reason, { chain: { edit } }, reference);
  const without = (type, name) => (list) =>
    list.filter(({ question }) => question.name !== name || question.getTypeName() !== type);
  return [
    edited('chain-empty', 'Chain of no responses', () => []),
    edited('chain-without-txt', 'Chain without TXT response', without('TXT', OWNER)),
    edited('chain-without-root-dnskey', 'Chain without the DNSKEY set of the root', without('DNSKEY', '.')),
    edited('chain-without-ds', 'Chain without the DS set of example.com', without('DS', 'example.com.')),
    edited('chain-without-dnskey', 'Chain without the DNSKEY set of example.com', without('DNSKEY', 'example.com.')),
    edited('chain-txt-twice', 'Two TXT responses', (list) => [...list, list.at(-1)]),
    edited(
      'chain-txt-nxdomain',
      'TXT response with a good answer and RCODE NXDOMAIN',
      (list) => [...list.slice(0, -1), { ...list.at(-1), rcode: RCODE.NXDOMAIN }],
      'valid',
    ),
    edited('chain-dnskey-servfail', 'DNSKEY response with a good answer and RCODE SERVFAIL', (list) =>
      list.map((response, index) => (index === 1 ? { ...response, rcode: RCODE.SERVFAIL } : response)),
    ),
    edited('chain-message-malformed', 'A malformed message in a valid chain', (list) => [
      ...list,
      Buffer.from('0000', 'hex'),
    ]),
    edited('chain-txt-in-authority', 'TXT set in the authority section', (list) => {
      const { question, answers } = list.at(-1);
      return [...list.slice(0, -1), { question, authorities: answers }];
    }),
  ];
}

function behindCname(text, zone, period) {
  const target = 'veraid.example.com.';
  return [
    ...signed([record(OWNER, 'CNAME', target)], zone.signers, period),
    ...signed([text.shallowCopy({ name: target })], zone.signers, period),
  ];
}
