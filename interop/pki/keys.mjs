// RSA keys that are generated once and imported with the scheme and hash of each case.

import { generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';

import {
  derDeserializeRsaPrivateKey,
  derDeserializeRsaPublicKey,
} from '@relaycorp/veraid/build/lib/lib/utils/keys/serialisation.js';

const generate = promisify(generateKeyPair);

/** Key pairs by owner and size: generating an RSA-4096 key takes longer than all cases together. */
export class KeyPool {
  #ders = new Map();

  /** The pair of `owner`, ready to sign with `scheme` and `hash`. */
  async pair(owner, { modulus = 2048, hash = 'SHA-256', scheme = 'RSA-PSS' } = {}) {
    const { privateKey, publicKey } = await this.#der(owner, modulus);
    const algorithm = { name: scheme, hash: { name: hash } };
    return {
      privateKey: await derDeserializeRsaPrivateKey(privateKey, algorithm),
      publicKey: await derDeserializeRsaPublicKey(publicKey, algorithm),
    };
  }

  #der(owner, modulus) {
    const id = `${owner}/${modulus}`;
    if (!this.#ders.has(id)) {
      const pair = generate('rsa', {
        modulusLength: modulus,
        publicKeyEncoding: { type: 'spki', format: 'der' },
        privateKeyEncoding: { type: 'pkcs8', format: 'der' },
      });
      this.#ders.set(id, pair);
    }
    return this.#ders.get(id);
  }
}
