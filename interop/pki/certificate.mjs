// Certificates of the reference, changed and signed again by the same key.

import { createHash } from 'node:crypto';

import { Certificate } from '@relaycorp/veraid';
import { NODE_ENGINE } from '@relaycorp/veraid/build/lib/lib/utils/pkijs.js';
import { AttributeTypeAndValue, Extension } from 'pkijs';

const COMMON_NAME = '2.5.4.3';

/** `certificate` after `edit`, which receives the certificate of PKI.js, signed with `issuerKey`. */
export async function edited(certificate, issuerKey, edit) {
  const copy = Certificate.deserialize(certificate.serialize()).pkijsCertificate;
  edit(copy);
  await copy.sign(issuerKey, issuerKey.algorithm.hash.name, NODE_ENGINE);
  return Certificate.deserialize(copy.toSchema().toBER());
}

export function commonName(value, StringType) {
  return nameAttribute(COMMON_NAME, value, StringType);
}

export function nameAttribute(type, value, StringType) {
  return new AttributeTypeAndValue({ type, value: new StringType({ value }) });
}

export function extension(extnID, critical, value) {
  return new Extension({ extnID, critical, extnValue: value.toBER() });
}

/** The digest of the whole SubjectPublicKeyInfo in padded Base64, as a TXT record has it. */
export function spkiDigest(certificate, hash) {
  const spki = certificate.pkijsCertificate.subjectPublicKeyInfo.toSchema().toBER();
  return createHash(hash).update(new Uint8Array(spki)).digest('base64');
}
