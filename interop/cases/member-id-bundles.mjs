// Member id bundles, which an organisation issues to its members.

import { invalid, malformed, valid } from './case.mjs';

const VERSION_OFFSET = 6;

export function cases(setting) {
  const all = [
    valid('member-user', 'Member id bundle of a user'),
    valid('member-bot', 'Member id bundle of a bot', { user: undefined }),
    valid('user-astral', 'Member id bundle of a user whose name is beyond the BMP', { user: '🦀crab' }),
    valid('mock-chain', 'Member id bundle with the chain of MockChain', { chain: { kind: 'mock' } }),
    valid('rsa4096', 'Member id bundle with RSA-4096 and PSS SHA-512 throughout', {
      organisation: { key: { modulus: 4096, hash: 'SHA-512' } },
      member: { key: { modulus: 4096, hash: 'SHA-512' } },
    }),
    invalid('member-of-namesake', 'Member id bundle whose member another organisation of the same name issued', {
      member: async (organisation) => {
        const { privateKey } = await setting.keys.pair('stranger');
        return setting.member({ ...organisation, keyPair: { privateKey } }, 'alice');
      },
    }),
    invalid('wrong-anchor', 'Member id bundle under another trust anchor', {
      trustAnchors: [`. IN DS 20326 8 2 ${'AB'.repeat(32)}`],
    }),
    malformed(
      'version-1',
      'Member id bundle of version 1',
      {
        editOctets: (octets) => Object.assign(Buffer.from(octets), { [VERSION_OFFSET]: 1 }),
      },
      'valid',
    ),
  ];
  return all.map(({ name, ...rest }) => ({ ...rest, name: `${name}.member-id`, kind: 'member-id-bundle' }));
}
