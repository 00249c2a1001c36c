// Signature bundles: from the reference's `SignatureBundle.sign`, or from its parts for cases with another structure.

import { ContentInfo } from '@peculiar/asn1-cms';
import { AsnParser, AsnSerializer } from '@peculiar/asn1-schema';
import { MemberIdBundle, OrganisationSigner, SignatureBundle } from '@relaycorp/veraid';
import { VERAID_OIDS } from '@relaycorp/veraid/build/lib/lib/oids.js';
import { DatePeriodSchema } from '@relaycorp/veraid/build/lib/lib/schemas/DatePeriodSchema.js';
import { SignatureMetadataSchema } from '@relaycorp/veraid/build/lib/lib/schemas/SignatureMetadataSchema.js';
import { SignedData } from '@relaycorp/veraid/build/lib/lib/utils/cms/SignedData.js';
import * as asn1js from 'asn1js';
import { Attribute, SignedAndUnsignedAttributes } from 'pkijs';

/** A signature by a member or the organisation, with the reference's documented function. */
export async function signBundle({ plaintext, serviceOid, signer, key, start, end }) {
  const options = { shouldEncapsulatePlaintext: true, startDate: start };
  const bundle = await SignatureBundle.sign(arrayBuffer(plaintext), serviceOid, signer, key, end, options);
  return Buffer.from(bundle.serialise());
}

export function memberSigner(dnssecChain, organisationCertificate, memberCertificate) {
  return new MemberIdBundle(dnssecChain, organisationCertificate, memberCertificate);
}

export function organisationSigner(dnssecChain, organisationCertificate, user) {
  return new OrganisationSigner(dnssecChain, organisationCertificate, user);
}

/**
 * A bundle whose SignedData is composed here: `attached` certificates, `attributes` (signed, in order),
 * `unsignedAttributes`, the CMS `digest` and whether the content is encapsulated.
 */
export async function assembleBundle({
  plaintext,
  signer,
  signerCertificate,
  key,
  attached,
  attributes,
  unsignedAttributes,
  digest,
  isEncapsulated = true,
}) {
  const signedData = await SignedData.sign(arrayBuffer(plaintext), key, signerCertificate, attached, {
    extraSignedAttrs: attributes,
    shouldEncapsulatePlaintext: isEncapsulated,
    hashingAlgorithmName: digest,
  });
  if (unsignedAttributes) {
    const [signerInfo] = signedData.pkijsSignedData.signerInfos;
    signerInfo.unsignedAttrs = new SignedAndUnsignedAttributes({ type: 1, attributes: unsignedAttributes });
  }
  const contentInfo = AsnParser.parse(signedData.serialize(), ContentInfo);
  return Buffer.from(new SignatureBundle(signer.dnssecChain, signer.orgCertificate, contentInfo).serialise());
}

export function metadataAttribute(serviceOid, start, end) {
  const metadata = new SignatureMetadataSchema();
  metadata.serviceOid = serviceOid;
  metadata.validityPeriod = Object.assign(new DatePeriodSchema(), { start, end });
  return attribute(VERAID_OIDS.SIGNATURE_METADATA_ATTR, asn1js.fromBER(AsnSerializer.serialize(metadata)).result);
}

export function attributionAttribute(user, StringType = asn1js.Utf8String) {
  return attribute(VERAID_OIDS.MEMBER_ATTRIBUTION_ATTR, new StringType({ value: user }));
}

export function attribute(type, ...values) {
  return new Attribute({ type, values });
}

function arrayBuffer(octets) {
  return new Uint8Array(octets).buffer;
}
