// Zones that the reference's ZoneSigner signs, with a key of each role as in real zones.

import { DnsClass, DnsRecord, DnssecAlgorithm, RrSet } from '@relaycorp/dnssec';
import { DnskeyData } from '@relaycorp/dnssec/build/lib/lib/records/DnskeyData.js';
import { DsData } from '@relaycorp/dnssec/build/lib/lib/records/DsData.js';
import { ZoneSigner } from '@relaycorp/dnssec/build/lib/lib/testing/ZoneSigner.js';

export const TTL = 300;
export const FLAG_REVOKE = 0x0080;

export const SHA1 = 1;
export const SHA256 = 2;
export const SHA384 = 4;

/** A zone with a key-signing key and a zone-signing key of `algorithm`. */
export class Zone {
  static async generate(name, algorithm = DnssecAlgorithm.ECDSAP256SHA256) {
    const [ksk, zsk] = await Promise.all([
      ZoneKey.generate(name, algorithm, { isSecureEntryPoint: true }),
      ZoneKey.generate(name, algorithm),
    ]);
    return new Zone(name, ksk, zsk);
  }

  /**
   * `extraKeys` and `extraRecords` are in the DNSKEY set too; `dnskeySigners` sign it, `signers` everything
   * else, and `delegated` are the keys that the parent's DS set names.
   */
  constructor(name, ksk, zsk, options = {}) {
    this.name = name;
    this.ksk = ksk;
    this.zsk = zsk;
    Object.assign(this, {
      extraKeys: [],
      extraRecords: [],
      dnskeySigners: [ksk],
      signers: [zsk],
      delegated: [ksk],
      ...options,
    });
  }

  /** The same zone with other `options`. */
  with(options) {
    return new Zone(this.name, options.ksk ?? this.ksk, options.zsk ?? this.zsk, options);
  }

  /** The DNSKEY set and its signatures, as in an answer section. */
  dnskeyAnswers(period) {
    const keys = [...new Set([this.ksk, this.zsk, ...this.extraKeys])].map((key) => key.record);
    return signed([...keys, ...this.extraRecords], this.dnskeySigners, period);
  }

  /** The DS set of `child` and its signatures by this zone. */
  dsAnswers(child, digestTypes, period) {
    const records = child.delegated.flatMap((key) => digestTypes.map((type) => dsRecord(key, type)));
    return signed(records, this.signers, period);
  }

  /** SOA and NSEC with their signatures, for the authority section of a response without records. */
  negativeAuthorities(name, period) {
    const soa = record(this.name, 'SOA', {
      mname: `ns1.${this.name === '.' ? '' : this.name}`,
      rname: `hostmaster.${this.name === '.' ? '' : this.name}`,
      serial: 1,
      refresh: 3600,
      retry: 600,
      expire: 1_209_600,
      minimum: TTL,
    });
    const nsec = record(name, 'NSEC', { nextDomain: `\u0000.${name}`, rrtypes: ['TXT', 'RRSIG', 'NSEC'] });
    return [...signed([soa], this.signers, period), ...signed([nsec], this.signers, period)];
  }
}

/** A DNSKEY with its private half. */
export class ZoneKey {
  static async generate(zoneName, algorithm, flags) {
    return new ZoneKey(await ZoneSigner.generate(algorithm, zoneName), flags);
  }

  constructor(signer, { isSecureEntryPoint = false, isZoneKey = true, extraFlags = 0, protocol = 3 } = {}) {
    this.signer = signer;
    const flags = { zoneKey: isZoneKey, secureEntryPoint: isSecureEntryPoint };
    const rdata = new DnskeyData(signer.publicKey, signer.algorithm, flags).serialise();
    rdata.writeUInt16BE(rdata.readUInt16BE(0) | extraFlags, 0);
    this.record = record(signer.zoneName, 'DNSKEY', rdata);
    rdata.writeUInt8(protocol, 2); // after construction, since the constructor only accepts protocol 3
    this.tag = DnskeyData.initFromPacket(this.record.dataFields, rdata).calculateKeyTag();
  }
}

export function record(name, type, data, ttl = TTL) {
  return new DnsRecord(name, type, DnsClass.IN, ttl, data);
}

/** The RRset `records`, followed by one RRSIG per key. */
export function signed(records, keys, { start, end }) {
  const rrset = RrSet.init(records[0].makeQuestion(), records);
  const times = { signatureInception: start, signatureExpiry: end };
  const rrsigs = keys.map((key) => key.signer.generateRrsig(rrset, key.tag, times).record);
  return [...records, ...rrsigs];
}

export function dsRecord(key, digestType, tag = key.tag) {
  const digest = DsData.calculateDnskeyDigest({ record: key.record }, digestType);
  return record(key.record.name, 'DS', new DsData(tag, key.signer.algorithm, digestType, digest).serialise());
}

/** A key in the presentation form of a DS record of the root, which is the form of trust anchors. */
export function trustAnchor(key, digestType = SHA256) {
  const digest = DsData.calculateDnskeyDigest({ record: key.record }, digestType).toString('hex');
  return `. IN DS ${key.tag} ${key.signer.algorithm} ${digestType} ${digest.toUpperCase()}`;
}
