// The reference's verdict on a bundle, in the terms of the `kliento` command.

import { MemberIdBundle, SignatureBundle } from '@relaycorp/veraid';
import { VERAID_OIDS } from '@relaycorp/veraid/build/lib/lib/oids.js';

import { parseInstant } from './instant.mjs';

const KLIENTO_OID = '1.3.6.1.4.1.58708.3.0';
const MAX_TOKEN_BUNDLE_OCTETS = 16_384;
const TRUST_ANCHOR =
  /^(?:\.\s+)?(?:IN\s+)?(?:DS\s+)?(?<tag>\d+)\s+(?<algorithm>\d+)\s+(?<type>\d+)\s+(?<digest>[\dA-F]+)$/iu;

/** Verifies one bundle; returns `status` and, if it is valid, `subject`, `claims` and `signer`. */
export async function verdictOf(octets, { kind = 'token-bundle', audience, at, trust_anchors: anchors }) {
  const read = { 'token-bundle': readTokenBundle, 'member-id-bundle': readMemberIdBundle }[kind];
  if (read === undefined) {
    throw new Error(`unknown kind ${kind}`);
  }
  const context = { audience, at: parseInstant(at), trustAnchors: anchors.map(parseTrustAnchor) };
  let bundle;
  try {
    bundle = read(octets);
  } catch (error) {
    return { status: 'malformed', error: causes(error) };
  }
  try {
    return { status: 'valid', ...(await bundle(context)) };
  } catch (error) {
    return { status: 'invalid', error: causes(error) };
  }
}

function readTokenBundle(octets) {
  if (octets.length > MAX_TOKEN_BUNDLE_OCTETS) {
    throw new Error(`${octets.length} octets are more than ${MAX_TOKEN_BUNDLE_OCTETS}`);
  }
  const bundle = SignatureBundle.deserialise(arrayBuffer(octets));
  return async ({ audience, at, trustAnchors }) => {
    const { plaintext, member, wasSignedByMember } = await bundle.verify(undefined, KLIENTO_OID, at, trustAnchors);
    const claims = claimsOf(plaintext, audience);
    return { subject: subjectOf(member), claims, signer: wasSignedByMember ? 'member' : 'organisation' };
  };
}

function readMemberIdBundle(octets) {
  const bundle = MemberIdBundle.deserialise(arrayBuffer(octets));
  return async ({ at, trustAnchors }) => {
    const period = { start: at, end: at };
    const member = await bundle.verify(VERAID_OIDS.TEST_SERVICE, period, trustAnchors);
    return { subject: subjectOf(member), claims: null, signer: null };
  };
}

// The steps of `Token.deserialise` and `TokenBundle.verify` in @veraid/kliento, with the same leniency.
function claimsOf(plaintext, audience) {
  const token = JSON.parse(new TextDecoder().decode(plaintext));
  if (!isObject(token) || typeof token.audience !== 'string') {
    throw new Error('the token has no audience');
  }
  const claims = 'claims' in token ? token.claims : {};
  if (!isObject(claims) || !Object.values(claims).every((value) => typeof value === 'string')) {
    throw new Error('the claims are not an object of strings');
  }
  if (token.audience !== audience) {
    throw new Error(`the audience is ${token.audience}, not ${audience}`);
  }
  return claims;
}

function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

// An empty user name yields the organisation's name, as in the reference. Therefore this implementation rejects it.
function subjectOf({ user, organisation }) {
  return user ? `${user}@${organisation}` : organisation;
}

function parseTrustAnchor(text) {
  const fields = TRUST_ANCHOR.exec(text)?.groups;
  if (fields === undefined) {
    throw new Error(`${text} is not a DS record`);
  }
  return {
    keyTag: Number(fields.tag),
    algorithm: Number(fields.algorithm),
    digestType: Number(fields.type),
    digest: Buffer.from(fields.digest, 'hex'),
  };
}

function causes(error) {
  const messages = [];
  for (let current = error; current instanceof Error; current = current.cause) {
    messages.push(current.message);
  }
  return messages.join(': ');
}

function arrayBuffer(octets) {
  return new Uint8Array(octets).buffer;
}
