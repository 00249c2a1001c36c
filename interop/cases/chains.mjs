// Valid DNSSEC chains: every form of responses, every algorithm, key rollovers.

import { generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';

import { DnssecAlgorithm, MockChain } from '@relaycorp/dnssec';
import { ZoneSigner } from '@relaycorp/dnssec/build/lib/lib/testing/ZoneSigner.js';

import { encodeResponse, RCODE } from '../dns/message.mjs';
import { reencoded } from '../dns/chain.mjs';
import {
  dsRecord,
  FLAG_REVOKE,
  record,
  SHA1,
  SHA256,
  SHA384,
  signed,
  trustAnchor,
  Zone,
  ZoneKey,
} from '../dns/zone.mjs';
import { valid } from './case.mjs';
import { withTxt } from './txt-records.mjs';

const { RSASHA256, RSASHA512, ECDSAP256SHA256, ECDSAP384SHA384, ED25519, ED448 } = DnssecAlgorithm;
const rsaPair = promisify(generateKeyPair);
const PRIVATE_ALGORITHM = 253;
const UNASSIGNED_DIGEST = 250;

export function cases(setting) {
  return [...mockChains(), ...forms(), ...algorithms(), ...digests(setting), ...keySets(setting), ...unknowns(setting)];
}

function mockChains() {
  const signers = {
    'member-user': {},
    'member-bot': { user: undefined },
    'org-user': { as: 'organisation' },
    'org-bot': { as: 'organisation', user: undefined },
  };
  return Object.entries(signers).flatMap(([name, options]) => [
    valid(
      `mock-chain-${name}`,
      'Chain as the fixture of MockChain lists it, root DS included, flags 256 under the DS',
      {
        ...options,
        chain: { kind: 'mock' },
      },
    ),
    valid(`retrieved-mock-chain-${name}`, 'Chain of MockChain as the reference retrieves it, with empty NXDOMAIN', {
      ...options,
      chain: { kind: 'retrieved' },
    }),
  ]);
}

function forms() {
  const edited = (edit, reference) => [{ chain: { edit } }, reference];
  const isNegative = ({ answers = [] }) => answers.length === 0;
  return [
    valid('chain-padded', 'Responses padded to 468 octets, as over HTTPS', { chain: { paddedTo: 468 } }),
    valid('chain-reversed', 'Responses in reverse order', ...edited((responses) => responses.toReversed())),
    valid(
      'chain-sorted',
      'Responses in the order of a DER SET',
      ...edited((responses) => responses.map((response) => encodeResponse(response)).sort(derOrder)),
    ),
    valid(
      'chain-reencoded',
      'Responses without compression, ID and flags, as the reference re-encodes them',
      ...edited((responses) => responses.map(reencoded)),
    ),
    valid(
      'chain-without-negatives',
      'No response for the names without a zone',
      ...edited((responses) => responses.filter((response) => !isNegative(response))),
    ),
    valid(
      'chain-with-nxdomain',
      'NXDOMAIN for the names without a zone',
      ...edited((responses) =>
        responses.map((response) => (isNegative(response) ? { ...response, rcode: RCODE.NXDOMAIN } : response)),
      ),
    ),
    valid(
      'chain-ttl-counted-down',
      'Answers from a cache: TTLs below those that were signed',
      ...edited((responses) =>
        responses.map(({ answers = [], ...rest }, index) => ({ ...rest, answers: withTtl(answers, 17 + index) })),
      ),
    ),
    valid(
      'chain-ttl-differs',
      'RRSIG in the TXT answer with another TTL than its set',
      ...edited((responses) => withTxt(responses, ([txt, rrsig]) => [txt, ...withTtl([rrsig], 17)]), 'invalid'),
    ),
    valid(
      'chain-answers-unrelated',
      'Answer section with a record of another name and type',
      ...edited((responses) =>
        withTxt(responses, (answers) => [...answers, record('www.example.com.', 'A', '192.0.2.1')]),
      ),
    ),
    valid(
      'chain-servfail-first',
      'DNSKEY response with SERVFAIL before the one that counts',
      ...edited((responses) => [{ question: responses[1].question, rcode: RCODE.SERVFAIL }, ...responses], 'invalid'),
    ),
    valid(
      'chain-question-twice',
      'The same DNSKEY response twice',
      ...edited((responses) => [responses[1], ...responses]),
    ),
  ];
}

function algorithms() {
  const all = { RSASHA256, RSASHA512, ECDSAP256SHA256, ECDSAP384SHA384, ED25519 };
  return [
    ...Object.entries(all).map(([name, algorithm]) =>
      valid(`zones-${name.toLowerCase()}`, `All zones signed with ${name} (${algorithm})`, async () => ({
        chain: { zones: await zonesOf(algorithm, algorithm, algorithm) },
      })),
    ),
    valid('zones-mixed', 'Root RSA/SHA-512, com Ed25519, example.com P-384', async () => ({
      chain: { zones: await zonesOf(RSASHA512, ED25519, ECDSAP384SHA384) },
    })),
    valid('mock-zones-mixed', 'MockChain with ZoneSigners of P-256, P-384 and Ed25519', async () => ({
      chain: { kind: 'mock', mock: await mixedMock(ECDSAP256SHA256, ECDSAP384SHA384, ED25519) },
    })),
  ];
}

function digests({ zones: [root] }) {
  return [
    valid('ds-sha384', 'DS with SHA-384', { chain: { digestTypes: [SHA384] } }),
    valid('ds-sha256-and-sha384', 'DS of the same key with SHA-256 and SHA-384', {
      chain: { digestTypes: [SHA256, SHA384] },
    }),
    valid('ds-sha1-beside-sha256', 'DS with SHA-1 with one with SHA-256', { chain: { digestTypes: [SHA1, SHA256] } }),
    valid('anchor-sha384', 'Trust anchor with SHA-384', { trustAnchors: [trustAnchor(root.ksk, SHA384)] }),
    valid('anchor-among-others', 'Trust anchor with another one without a key', {
      trustAnchors: [`. IN DS 38696 8 2 ${'AB'.repeat(32)}`, trustAnchor(root.ksk)],
    }),
  ];
}

function keySets({ zones: [root, com, example] }) {
  const chain = (...zones) => ({ chain: { zones } });
  return [
    valid('zone-single-key', 'Zone with one key for everything', chain(root, com, example.with({ zsk: example.ksk }))),
    valid('root-key-rollover', 'Root with two key-signing keys that both sign, only the older an anchor', async () => {
      const newer = await ZoneKey.generate('.', RSASHA256, { isSecureEntryPoint: true });
      return chain(root.with({ extraKeys: [newer], dnskeySigners: [newer, root.ksk] }), com, example);
    }),
    valid('zone-key-rollover', 'TXT set signed by two zone-signing keys', async () => {
      const newer = await ZoneKey.generate('example.com.', ECDSAP256SHA256);
      return chain(root, com, example.with({ extraKeys: [newer], signers: [newer, example.zsk] }));
    }),
    valid('zone-algorithm-rollover', 'Zone with keys, DS and signatures of P-256 and RSA/SHA-256', async () => {
      const [ksk, zsk] = await Promise.all([
        ZoneKey.generate('example.com.', RSASHA256, { isSecureEntryPoint: true }),
        ZoneKey.generate('example.com.', RSASHA256),
      ]);
      return chain(
        root,
        com,
        example.with({
          extraKeys: [ksk, zsk],
          dnskeySigners: [ksk, example.ksk],
          signers: [zsk, example.zsk],
          delegated: [ksk, example.ksk],
        }),
      );
    }),
    valid('zone-revoked-key-beside', 'Revoked key in the DNSKEY set, which it signs too', async () => {
      const revoked = await ZoneKey.generate('example.com.', ECDSAP256SHA256, {
        isSecureEntryPoint: true,
        extraFlags: FLAG_REVOKE,
      });
      return chain(root, com, example.with({ extraKeys: [revoked], dnskeySigners: [revoked, example.ksk] }));
    }),
    valid('zone-rsa1024', 'Zone-signing key RSA of 1024 bits', async () => {
      const zsk = await rsaZoneKey('example.com.', 1024);
      return chain(root, com, example.with({ zsk, signers: [zsk] }));
    }),
  ];
}

function unknowns({ zones: [root, com, example], dnssecPeriod }) {
  const privateKey = record('example.com.', 'DNSKEY', Buffer.from([1, 0, 3, PRIVATE_ALGORITHM, 1, 2, 3, 4]));
  return [
    valid(
      'unknown-key-beside',
      'DNSKEY of an algorithm that is unknown, with valid ones',
      {
        chain: { zones: [root, com, example.with({ extraRecords: [privateKey] })] },
      },
      'invalid',
    ),
    valid(
      'unknown-ds-digest-beside',
      'DS of an unassigned digest type with a valid one',
      {
        chain: {
          edit: (responses) =>
            withDs(responses, [unassignedDs(example.ksk), dsRecord(example.ksk, SHA256)], com, dnssecPeriod),
        },
      },
      'invalid',
    ),
    valid('unknown-signature-beside', 'RRSIG of an unknown algorithm before the valid one', {
      chain: {
        edit: (responses) =>
          withTxt(responses, ([txt, rrsig]) => [txt, withAlgorithm(rrsig, PRIVATE_ALGORITHM), rrsig]),
      },
    }),
    valid('ed448-beside', 'Zone signed with Ed448 and P-256', async () => {
      const zsk = await ZoneKey.generate('example.com.', ED448);
      return { chain: { zones: [root, com, example.with({ extraKeys: [zsk], signers: [zsk, example.zsk] })] } };
    }),
  ];
}

export async function zonesOf(...algorithms) {
  const names = ['.', 'com.', 'example.com.'];
  return Promise.all(algorithms.map((algorithm, index) => Zone.generate(names[index], algorithm)));
}

/** Replaces the DS set of example.com. */
export function withDs(responses, records, parent, period) {
  return responses.map((response) =>
    response.question.key === records[0].makeQuestion().key
      ? { ...response, answers: signed(records, parent.signers, period) }
      : response,
  );
}

export async function rsaZoneKey(name, modulusLength) {
  const { privateKey, publicKey } = await rsaPair('rsa', { modulusLength });
  return new ZoneKey(new ZoneSigner(privateKey, publicKey, name, RSASHA256));
}

async function mixedMock(...algorithms) {
  const names = ['.', 'com.', 'example.com.'];
  const signers = await Promise.all(algorithms.map((algorithm, index) => ZoneSigner.generate(algorithm, names[index])));
  return new MockChain(signers);
}

function unassignedDs(key) {
  const rdata = Buffer.from(dsRecord(key, SHA256).dataSerialised);
  rdata[3] = UNASSIGNED_DIGEST;
  return record(key.record.name, 'DS', rdata);
}

function withAlgorithm(rrsig, algorithm) {
  const rdata = Buffer.from(rrsig.dataSerialised);
  rdata[2] = algorithm;
  return rrsig.shallowCopy({ data: rdata });
}

function withTtl(records, ttl) {
  return records.map((each) => each.shallowCopy({ ttl }));
}

// X.690, 11.6: encodings of a SET OF ascend; of OCTET STRINGs below 64 KiB the shorter length comes first.
function derOrder(one, other) {
  return one.length - other.length || Buffer.compare(one, other);
}
