// The outer structure and size of a token bundle.

import { invalid, malformed, valid } from './case.mjs';
import { CLAIMS } from './setting.mjs';

const MAX_OCTETS = 16_384;
const VERSION_OFFSET = 6;

export function cases() {
  return [
    valid('size-maximum', 'Bundle of 16,384 octets', (setting) => ofSize(setting, MAX_OCTETS)),
    malformed('size-beyond-maximum', 'Bundle of 16,385 octets', (setting) => ofSize(setting, MAX_OCTETS + 1)),
    malformed('version-1', 'Bundle of version 1', { editOctets: (octets) => withOctet(octets, VERSION_OFFSET, 1) }),
    malformed('empty', 'No octets', { editOctets: () => Buffer.alloc(0) }),
    malformed('truncated', 'Bundle without its last octet', { editOctets: (octets) => octets.subarray(0, -1) }),
    malformed(
      'trailing-octet',
      'Octet after the bundle',
      { editOctets: (octets) => Buffer.concat([octets, Buffer.alloc(1)]) },
      'valid',
    ),
    malformed('base64', 'Bundle in Base64', { editOctets: (octets) => Buffer.from(octets.toString('base64')) }),
    invalid(
      'member-id-bundle',
      'Member id bundle where a token bundle is due',
      async (setting) => {
        const { octets } = await setting.memberIdBundle();
        return { editOctets: () => octets };
      },
      'malformed',
    ),
  ];
}

// All lengths in the bundle keep their number of octets here, so one correction is exact.
async function ofSize(setting, size) {
  const claims = (length) => ({ token: { claims: { ...CLAIMS, padding: 'x'.repeat(length) } } });
  const guess = size - 6000;
  const { octets } = await setting.tokenBundle(claims(guess));
  return claims(guess + size - octets.length);
}

function withOctet(octets, offset, value) {
  const edited = Buffer.from(octets);
  edited[offset] = value;
  return edited;
}
