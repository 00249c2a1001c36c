// The shared parts of cases: an instant, keys, a mock root and zones, an organisation with its members, and defaults.

import { MockChain } from '@relaycorp/dnssec';
import {
  generateTxtRdata,
  issueMemberCertificate,
  selfIssueOrganisationCertificate,
  VeraidDnssecChain,
} from '@relaycorp/veraid';

import { mockChain, resolverChain, retrievedMockChain } from '../dns/chain.mjs';
import { Zone } from '../dns/zone.mjs';
import { KeyPool } from '../pki/keys.mjs';
import {
  assembleBundle,
  attributionAttribute,
  memberSigner,
  metadataAttribute,
  organisationSigner,
  signBundle,
} from '../pki/signature.mjs';

export const KLIENTO_OID = '1.3.6.1.4.1.58708.3.0';
export const TEST_SERVICE_OID = '1.3.6.1.4.1.58708.1.1';
export const AUDIENCE = 'https://api.example.com';
export const CLAIMS = { permission: 'read-only' };
export const TTL_OVERRIDE = 86_400;

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const RSASHA256 = 8;

export class Setting {
  static async prepare(at) {
    const keys = new KeyPool();
    const [root, com, example, mock] = await Promise.all([
      Zone.generate('.', RSASHA256),
      Zone.generate('com.'),
      Zone.generate('example.com.'),
      MockChain.generate('example.com.'),
      ...[4096, 3072, 2048].flatMap((modulus) =>
        ['organisation', 'member'].map((owner) => keys.pair(owner, { modulus })),
      ),
    ]);
    return new Setting(at, keys, [root, com, example], mock);
  }

  constructor(at, keys, zones, mock) {
    this.at = at;
    this.keys = keys;
    this.zones = zones;
    this.mock = mock;
    this.dnssecPeriod = { start: this.later(-DAY), end: this.later(14 * DAY) };
    this.certificatePeriod = { start: this.later(-DAY), end: this.later(80 * DAY) };
    this.signaturePeriod = { start: this.later(-MINUTE), end: this.later(29 * MINUTE) };
  }

  later(milliseconds) {
    return new Date(this.at.getTime() + milliseconds);
  }

  async organisation({ name = 'example.com.', key, period = this.certificatePeriod, signedBy } = {}) {
    const keyPair = await this.keys.pair('organisation', key);
    const signingPair = { publicKey: keyPair.publicKey, privateKey: signedBy ?? keyPair.privateKey };
    const certificate = await selfIssueOrganisationCertificate(name, signingPair, period.end, {
      startDate: period.start,
    });
    return { name, keyPair, certificate };
  }

  /** Without `user`, the member is a bot. */
  async member(organisation, user, { key, period = this.certificatePeriod } = {}) {
    const keyPair = await this.keys.pair('member', key);
    const {
      certificate: issuer,
      keyPair: { privateKey },
    } = organisation;
    const certificate = await issueMemberCertificate(user, keyPair.publicKey, issuer, privateKey, period.end, {
      startDate: period.start,
    });
    return { user, keyPair, certificate };
  }

  txt(organisation, { ttlOverride = TTL_OVERRIDE, serviceOid } = {}) {
    return generateTxtRdata(organisation.keyPair.publicKey, ttlOverride, serviceOid);
  }

  /** A chain for `organisation`: by default in the form of a resolver, with `kind` in the form of MockChain. */
  async chain(organisation, { kind = 'resolver', ...options } = {}) {
    const make = { resolver: resolverChain, mock: mockChain, retrieved: retrievedMockChain }[kind];
    return make({
      zones: this.zones,
      mock: this.mock,
      organisation: organisation.name,
      txt: options.txt ?? [await this.txt(organisation)],
      period: this.dnssecPeriod,
      at: this.at,
      ...options,
    });
  }

  /** One token bundle with its expected result; `options` replaces any part. */
  async tokenBundle(options = {}) {
    const parts = await this.#parts(options);
    const { organisation, member, isMemberSignature, chain } = parts;
    const token = { audience: AUDIENCE, claims: CLAIMS, ...options.token };
    const signature = {
      plaintext: Buffer.from(options.plaintext ?? JSON.stringify(token)),
      serviceOid: options.serviceOid ?? KLIENTO_OID,
      signer: parts.signer,
      key: options.signingKey ?? (isMemberSignature ? member : organisation).keyPair.privateKey,
      ...this.signaturePeriod,
      ...options.signaturePeriod,
    };
    const octets = await (options.assemble
      ? this.#assemble(signature, parts, options.assemble)
      : signBundle(signature));
    return {
      octets: options.editOctets?.(octets) ?? octets,
      audience: options.audience ?? token.audience,
      subject: subjectOf(member.user, organisation.name),
      claims: token.claims ?? {},
      signer: isMemberSignature ? 'member' : 'organisation',
      trust_anchors: options.trustAnchors ?? chain.trustAnchors,
    };
  }

  /** One member id bundle with its member. */
  async memberIdBundle(options = {}) {
    const { organisation, member, signer, chain } = await this.#parts(options);
    const octets = Buffer.from(signer.serialise());
    return {
      octets: options.editOctets?.(octets) ?? octets,
      audience: null,
      subject: subjectOf(member.user, organisation.name),
      claims: null,
      signer: null,
      trust_anchors: options.trustAnchors ?? chain.trustAnchors,
    };
  }

  async #parts(options) {
    const organisation = await this.#resolve(options.organisation, (value) => this.organisation(value));
    const isMemberSignature = options.as !== 'organisation';
    const user = 'user' in options ? options.user : 'alice';
    const member = isMemberSignature
      ? await this.#resolve(options.member, (value) => this.member(organisation, user, value), organisation, user)
      : { user };
    const chain = await this.#resolve(options.chain, (value) => this.chain(organisation, value), organisation);
    const dnssecChain = new VeraidDnssecChain(organisation.name, chain.responses);
    const signer = isMemberSignature
      ? memberSigner(dnssecChain, organisation.certificate, member.certificate)
      : organisationSigner(dnssecChain, organisation.certificate, user);
    return { organisation, isMemberSignature, member, chain, signer };
  }

  #resolve(option, make, ...args) {
    return typeof option === 'function' ? option(...args) : make(option);
  }

  #assemble(signature, { organisation, member, isMemberSignature }, change) {
    const { serviceOid, start, end } = signature;
    const metadata = metadataAttribute(serviceOid, start, end);
    const defaults = isMemberSignature
      ? { signerCertificate: member.certificate, attached: [member.certificate], attributes: [metadata] }
      : {
          signerCertificate: organisation.certificate,
          attached: [],
          attributes: [metadata, attributionAttribute(member.user ?? '@')],
        };
    return assembleBundle({ ...signature, ...defaults, ...change({ ...defaults, metadata, organisation, member }) });
  }
}

function subjectOf(user, organisationName) {
  const organisation = organisationName.replace(/\.$/u, '').toLowerCase();
  return user === undefined ? organisation : `${user}@${organisation}`;
}
