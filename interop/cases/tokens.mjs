// The token: audience and claims, and malformed JSON.

import { invalid, valid } from './case.mjs';
import { AUDIENCE, CLAIMS } from './setting.mjs';

const MANY_CLAIMS = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`claim-${index}`, `value ${index}`]));
const BYTE_ORDER_MARK = '\uFEFF';

export function cases() {
  return [...accepted(), ...rejectedClaims(), ...rejectedAudiences(), ...rejectedJson()];
}

function accepted() {
  const unicode = {
    ключ: 'значение',
    '🔑': '🦀',
    '': 'a claim may have no name',
    'a "quoted"\\name': '\u0000\u001f\u2028',
  };
  return [
    valid('claims-none', 'Token without claims', { token: { claims: undefined } }),
    valid('claims-empty', 'Token with an empty object of claims', { token: { claims: {} } }),
    valid('claims-many', 'Token with a hundred claims', { token: { claims: MANY_CLAIMS } }),
    valid('claims-unicode', 'Claims with names and values of any character', { token: { claims: unicode } }),
    valid('claims-named-as-properties', 'Claims with names that scripts treat as special', {
      ...json(`{"audience":"${AUDIENCE}","claims":{"__proto__":"a","constructor":"b","toString":"c"}}`),
      token: { claims: JSON.parse('{"__proto__":"a","constructor":"b","toString":"c"}') },
    }),
    valid('audience-not-url', 'Audience that is not a URL', { token: { audience: 'the door, with spaces & Ünïcode' } }),
    valid('audience-empty-claims-value', 'Claim whose value is empty', { token: { claims: { note: '' } } }),
    valid('json-escapes', 'Members and strings in escaped form', {
      ...json(
        `{"\\u0061udience":"https:\\/\\/api.example.com","claims":{"permission":"read\\u002donly","crab":"\\ud83e\\udd80"}}`,
      ),
      token: { claims: { ...CLAIMS, crab: '🦀' } },
    }),
    valid(
      'json-white-space',
      'White space wherever JSON allows it',
      json(`\r\n\t { "claims" : { "permission" : "read-only" } ,\n"audience" : "${AUDIENCE}" } \n`),
    ),
    valid(
      'json-other-members',
      'Members that are unknown, of every type',
      json(JSON.stringify({ audience: AUDIENCE, claims: CLAIMS, exp: 1, nested: [{ deep: [null, true, 1.5e3] }] })),
    ),
  ];
}

function rejectedClaims() {
  const claims = (value) => json(JSON.stringify({ audience: AUDIENCE, claims: value }));
  return [
    invalid('claims-null', 'Claims that are null', claims(null)),
    invalid('claims-array', 'Claims that are an array', claims(['read-only'])),
    invalid('claims-string', 'Claims that are a string', claims('read-only')),
    invalid('claim-number', 'Claim whose value is a number', claims({ level: 1 })),
    invalid('claim-null', 'Claim whose value is null', claims({ level: null })),
    invalid('claim-object', 'Claim whose value is an object', claims({ level: { read: 'only' } })),
  ];
}

function rejectedAudiences() {
  const audience = (value) => json(JSON.stringify({ audience: value, claims: CLAIMS }));
  return [
    invalid('audience-mismatch', 'Token for another audience', { audience: 'https://other.example.com' }),
    invalid('audience-trailing-slash', 'Token for an audience with a slash at its end', audience(`${AUDIENCE}/`)),
    invalid('audience-case', 'Token for the audience in capitals', audience(AUDIENCE.toUpperCase())),
    invalid('audience-decomposed', 'Token whose audience is in another normal form', {
      token: { audience: 'cafe\u0301' },
      audience: 'caf\u00E9',
    }),
    invalid('audience-missing', 'Token without audience', json(JSON.stringify({ claims: CLAIMS }))),
    invalid('audience-null', 'Token whose audience is null', audience(null)),
    invalid('audience-array', 'Token whose audience is an array', audience([AUDIENCE])),
  ];
}

function rejectedJson() {
  const token = JSON.stringify({ audience: AUDIENCE, claims: CLAIMS });
  const notUtf8 = Buffer.from(token.replace('read-only', 'read-onl\u007f'));
  notUtf8[notUtf8.indexOf(0x7f)] = 0xff;
  return [
    invalid('json-not', 'Content that is not JSON', json('alice')),
    invalid('json-empty', 'Content of no octets', json('')),
    invalid('json-array', 'Token that is an array', json(`[${token}]`)),
    invalid('json-trailing', 'Something after the token', json(`${token}{}`)),
    invalid('json-trailing-comma', 'Comma after the last member', json(token.replace(/\}$/u, ',}'))),
    invalid('json-byte-order-mark', 'Byte order mark before the token', json(BYTE_ORDER_MARK + token), 'valid'),
    invalid('json-not-utf8', 'Octet that UTF-8 does not have', json(notUtf8), 'valid'),
    invalid(
      'json-lone-surrogate',
      'Escape of half a surrogate pair',
      json(token.replace('read-only', '\\ud83e')),
      'valid',
    ),
    invalid(
      'json-audience-twice',
      'Member "audience" twice',
      json(token.replace('{', '{"audience":"https://other.example.com",')),
      'valid',
    ),
    invalid(
      'json-claims-twice',
      'Member "claims" twice',
      json(token.replace('{', '{"claims":{"permission":"write"},')),
      'valid',
    ),
    invalid(
      'json-claim-twice',
      'The same claim twice',
      json(token.replace('"permission"', '"permission":"write","permission"')),
      'valid',
    ),
  ];
}

function json(text) {
  return { plaintext: text };
}
