// The signers: users, bots and organisations, and their names.

import { Certificate } from '@relaycorp/veraid';
import * as asn1js from 'asn1js';

import { Zone } from '../dns/zone.mjs';
import { attributionAttribute } from '../pki/signature.mjs';
import { invalid, valid } from './case.mjs';

const USER_NAMES = {
  'user-astral': ['🦀crab', 'User name beyond the BMP: surrogate pairs in the BMPString'],
  'user-cjk': ['用户', 'User name of characters of the BMP'],
  'user-right-to-left': ['عائشة', 'User name in a script that runs right to left'],
  'user-decomposed': ['Zoe\u0308', 'User name with a combining mark, returned as it is, not normalised'],
  'user-with-spaces': ['Alice B. Smith', 'User name with U+0020'],
  'user-with-punctuation': ['"<a>\\&\'%2F:/..;=,+#', 'User name of characters that other syntaxes escape'],
  'user-of-one-letter': ['a', 'User name of one letter'],
  'user-of-255-letters': ['x'.repeat(255), 'User name of 255 letters: lengths above 127 and 255 octets'],
};

const REJECTED_USER_NAMES = {
  'user-empty': ['', 'Empty user name, which deployed software takes for the bot', 'valid'],
  'user-with-bell': ['ali\u0007ce', 'User name with a control character', 'valid'],
  'user-with-no-break-space': ['ali\u00A0ce', 'User name with white space other than U+0020', 'valid'],
  'user-with-lone-surrogate': ['ali\uD83Dce', 'User name that is not valid Unicode', 'valid'],
  'user-with-at-sign': ['alice@example.org', 'User name with an at sign'],
  'user-with-line-feed': ['ali\nce', 'User name with a line feed'],
};

export function cases(setting) {
  return [
    valid(
      'member-user',
      'Member signature by a user; RSA root, ECDSA com and example.com, responses as resolvers send them',
    ),
    valid('member-bot', 'Member signature by a bot: its certificate is for "@", the subject is the domain', {
      user: undefined,
    }),
    valid('org-user', 'Organisation signature attributed to a user', { as: 'organisation' }),
    valid('org-bot', 'Organisation signature attributed to the bot', { as: 'organisation', user: undefined }),
    ...acceptedUserNames(),
    ...rejectedUserNames(setting),
    ...attributions(setting),
    ...organisationNames(setting),
  ];
}

function acceptedUserNames() {
  return Object.entries(USER_NAMES).flatMap(([name, [user, reason]]) => [
    valid(name, reason, { user }),
    valid(`org-${name}`, `${reason}; attributed by the organisation`, { user, as: 'organisation' }),
  ]);
}

function rejectedUserNames(setting) {
  return Object.entries(REJECTED_USER_NAMES).flatMap(([name, [user, reason, reference]]) => {
    const member = (organisation) => uncheckedMember(setting, organisation, user);
    return [
      invalid(name, reason, { user, member }, reference),
      invalid(`org-${name}`, `${reason}; attributed by the organisation`, { user, as: 'organisation' }, reference),
    ].filter((candidate) => candidate.name !== 'org-user-with-lone-surrogate'); // UTF-8 can't encode it
  });
}

function attributions(setting) {
  return [
    invalid(
      'member-attributes-to-another',
      'Member signature that bears an attribution, which only the organisation can give',
      {
        assemble: ({ metadata }) => ({ attributes: [metadata, attributionAttribute('bob')] }),
      },
    ),
    valid('attribution-unsigned', 'Attribution among the unsigned attributes: ignored, the signer is the member', {
      assemble: () => ({ unsignedAttributes: [attributionAttribute('bob')] }),
    }),
    invalid('attribution-in-bmp-string', 'Attribution that is not a UTF8String', {
      as: 'organisation',
      assemble: ({ metadata }) => ({ attributes: [metadata, attributionAttribute('alice', asn1js.BmpString)] }),
    }),
    invalid(
      'organisation-as-member',
      'No attribution, and the signer is the certificate of the organisation itself',
      {
        member: (organisation) => ({ user: organisation.name, ...organisation }),
      },
      'valid',
    ),
    invalid('member-of-namesake', 'Member certificate issued by another organisation of the same name', {
      member: async (organisation) => {
        const { privateKey } = await setting.keys.pair('stranger');
        return setting.member({ ...organisation, keyPair: { privateKey } }, 'alice');
      },
    }),
  ];
}

function organisationNames(setting) {
  const named = (name) => ({ organisation: { name } });
  const chainOfExample = (organisation, options) => setting.chain({ ...organisation, name: 'example.com.' }, options);
  return [
    valid('organisation-with-dot', 'Organisation whose CN ends in a dot', named('example.com.')),
    valid('organisation-without-dot', 'Organisation whose CN has no dot at its end', named('example.com')),
    valid('organisation-subdomain', 'Organisation two labels below its zone', named('payments.eu.example.com.')),
    valid('organisation-of-one-label', 'Organisation that is a top-level domain', {
      ...named('com.'),
      chain: { zones: setting.zones.slice(0, 2) },
    }),
    valid('organisation-a-label', 'Organisation with an internationalised label', named('xn--bcher-kva.example.com.')),
    valid('organisation-subzone', 'Organisation in a zone of its own, three zones below the root', async () => ({
      ...named('eu.example.com.'),
      chain: { zones: [...setting.zones, await Zone.generate('eu.example.com.')] },
    })),
    valid(
      'organisation-skips-label',
      'Zone delegated two labels below its parent (jp, then example.co.jp)',
      async () => ({
        ...named('example.co.jp.'),
        chain: { zones: [setting.zones[0], await Zone.generate('jp.'), await Zone.generate('example.co.jp.')] },
      }),
      'invalid',
    ),
    valid(
      'organisation-in-capitals',
      'Organisation whose CN is in another case than the names of the chain',
      {
        ...named('Example.COM.'),
        chain: chainOfExample,
      },
      'invalid',
    ),
    valid(
      'organisation-in-capitals-throughout',
      'CN and names in capitals, canonical form under the signatures',
      {
        ...named('Example.COM.'),
        chain: (organisation) => chainOfExample(organisation, { edit: capitalise }),
      },
      'invalid',
    ),
    invalid('organisation-name-mismatch', 'Organisation certificate for another domain than the chain', {
      ...named('example.org.'),
      chain: chainOfExample,
    }),
    invalid('organisation-name-suffix', 'Organisation certificate for a subdomain, chain for its parent', {
      ...named('eu.example.com.'),
      chain: chainOfExample,
    }),
  ];
}

async function uncheckedMember(setting, organisation, user) {
  const keyPair = await setting.keys.pair('member');
  const { start, end } = setting.certificatePeriod;
  const certificate = await Certificate.issue({
    commonName: user,
    subjectPublicKey: keyPair.publicKey,
    issuerCertificate: organisation.certificate,
    issuerPrivateKey: organisation.keyPair.privateKey,
    validityStartDate: start,
    validityEndDate: end,
  });
  return { user, keyPair, certificate };
}

function capitalise(responses) {
  const rename = (name) => name.replace(/example\.com\.$/u, 'Example.COM.');
  return responses.map(({ question, answers = [], ...rest }) => ({
    ...rest,
    question: question.shallowCopy({ name: rename(question.name) }),
    answers: answers.map((record) => record.shallowCopy({ name: rename(record.name) })),
  }));
}
