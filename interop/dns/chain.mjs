// DNSSEC chains from a mock root to `_veraid.<organisation>`, in the forms of resolvers and of MockChain.

import { dnssecLookUp, Message, MockChain, Question, RrSet, SecurityStatus } from '@relaycorp/dnssec';

import { encodeResponse } from './message.mjs';
import { record, SHA256, signed, trustAnchor } from './zone.mjs';

/**
 * One response for each query of the reference, in its order: DNSKEY of the root and of each label
 * below it, DS of each but the root, then the TXT set. `zones` goes from the root to the zone that holds
 * the TXT set. `edit` may change the list of responses before they are encoded.
 */
export function resolverChain({ zones, organisation, txt, period, digestTypes = [SHA256], edit, paddedTo }) {
  const owner = ownerOf(organisation);
  const names = namesDownTo(owner);
  const responses = [
    ...names.map((name) => dnskeyResponse(zones, name, period)),
    ...names.slice(1).map((name) => dsResponse(zones, name, digestTypes, period)),
    txtResponse(zones.at(-1), owner, txt, period),
  ];
  const final = edit?.(responses, zones) ?? responses;
  return {
    responses: final.map((response) =>
      Buffer.isBuffer(response) ? response : encodeResponse({ paddedTo, ...response }),
    ),
    trustAnchors: [trustAnchor(zones[0].ksk)],
  };
}

/** The chain of a MockChain as its fixture lists it, including the root's DS. */
export function mockChain({ mock, organisation, txt, period }) {
  const fixture = mockFixture(mock, organisation, txt, period);
  return {
    responses: fixture.responses.map((message) => Buffer.from(message.serialise())),
    trustAnchors: fixture.trustAnchors.map(formatTrustAnchor),
  };
}

/** The chain of a MockChain as the reference retrieves it, with empty NXDOMAIN for names without a zone. */
export async function retrievedMockChain({ mock, organisation, txt, period, at }) {
  const fixture = mockFixture(mock, organisation, txt, period);
  const responses = [];
  const recorder = async (question) => {
    const response = await fixture.resolver(question);
    responses.push(Buffer.from(response.serialise()));
    return response;
  };
  const question = new Question(ownerOf(organisation), 'TXT');
  const { status } = await dnssecLookUp(question, recorder, { trustAnchors: fixture.trustAnchors, dateOrPeriod: at });
  if (status !== SecurityStatus.SECURE) {
    throw new Error(`the mock chain of ${organisation} is ${status}`);
  }
  return { responses, trustAnchors: fixture.trustAnchors.map(formatTrustAnchor) };
}

/** A response in the re-encoded form of the reference: ID 0, flags = RCODE, no compression, no OPT. */
export function reencoded(response) {
  return Buffer.from(Message.deserialise(encodeResponse(response)).serialise());
}

export function ownerOf(organisation) {
  return `_veraid.${organisation.replace(/\.$/u, '')}.`;
}

function dnskeyResponse(zones, name, period) {
  const question = new Question(name, 'DNSKEY');
  const zone = zones.find((candidate) => candidate.name === name);
  return zone ? { question, answers: zone.dnskeyAnswers(period) } : noData(zones, question, period);
}

function dsResponse(zones, name, digestTypes, period) {
  const question = new Question(name, 'DS');
  const index = zones.findIndex((candidate) => candidate.name === name);
  return index > 0
    ? { question, answers: zones[index - 1].dsAnswers(zones[index], digestTypes, period) }
    : noData(zones, question, period);
}

function txtResponse(zone, owner, txt, period) {
  const records = txt.map((rdata) => record(owner, 'TXT', rdata));
  return { question: new Question(owner, 'TXT'), answers: signed(records, zone.signers, period) };
}

function noData(zones, question, period) {
  const enclosing = zones.findLast(({ name }) => name === '.' || question.name.endsWith(`.${name}`));
  return { question, authorities: enclosing.negativeAuthorities(question.name, period) };
}

function namesDownTo(owner) {
  const labels = owner.split('.').filter((label) => label !== '');
  return ['.', ...labels.map((_, index) => `${labels.slice(-index - 1).join('.')}.`)];
}

function mockFixture(mock, organisation, txt, period) {
  const records = txt.map((rdata) => record(ownerOf(organisation), 'TXT', rdata));
  const rrset = RrSet.init(records[0].makeQuestion(), records);
  return mock.generateFixture(rrset, SecurityStatus.SECURE, period);
}

function formatTrustAnchor({ keyTag, algorithm, digestType, digest }) {
  return `. IN DS ${keyTag} ${algorithm} ${digestType} ${digest.toString('hex').toUpperCase()}`;
}
