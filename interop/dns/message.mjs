// DNS responses in the form of resolvers: compressed names, flags, an OPT record.

const TYPE_OPT = 41;
const OPTION_PADDING = 12;
const DNSSEC_OK = 0x8000;
const UDP_SIZE = 1232;
const MAX_POINTER_TARGET = 0x3fff;

export const RCODE = { NOERROR: 0, SERVFAIL: 2, NXDOMAIN: 3 };

/** QR, RD, RA, AD and CD: the flags of a validating resolver's response to a query with RD and CD. */
const RESOLVER_FLAGS = 0x81b0;

/**
 * Encodes one response (RFC 1035, section 4) whose records have `name`, `typeId`, `classId`, `ttl` and
 * `dataSerialised`, like the reference's `DnsRecord`; pads it to a multiple of `paddedTo` octets (RFC 7830).
 */
export function encodeResponse({ question, rcode = RCODE.NOERROR, answers = [], authorities = [], paddedTo = 0 }) {
  const writer = new MessageWriter();
  writer.u16(0, RESOLVER_FLAGS | rcode, 1, answers.length, authorities.length, 1);
  writer.name(question.name);
  writer.u16(question.typeId, question.classId);
  for (const record of [...answers, ...authorities]) {
    writer.record(record);
  }
  writer.opt(paddedTo);
  return writer.toBuffer();
}

class MessageWriter {
  #octets = [];
  #offsets = new Map();

  u16(...values) {
    for (const value of values) {
      this.#octets.push((value >> 8) & 0xff, value & 0xff);
    }
  }

  name(name) {
    const labels = name.split('.').filter((label) => label !== '');
    while (labels.length > 0) {
      const suffix = labels.join('.');
      const target = this.#offsets.get(suffix);
      if (target !== undefined) {
        this.u16(0xc000 | target);
        return;
      }
      if (this.#octets.length <= MAX_POINTER_TARGET) {
        this.#offsets.set(suffix, this.#octets.length);
      }
      const label = Buffer.from(labels.shift());
      this.#octets.push(label.length, ...label);
    }
    this.#octets.push(0);
  }

  record({ name, typeId, classId, ttl, dataSerialised }) {
    this.name(name);
    this.u16(typeId, classId, ttl >>> 16, ttl & 0xffff, dataSerialised.length);
    this.#octets.push(...dataSerialised);
  }

  opt(paddedTo) {
    const optionHeader = 4;
    this.#octets.push(0);
    this.u16(TYPE_OPT, UDP_SIZE, 0, DNSSEC_OK);
    if (paddedTo === 0) {
      this.u16(0);
      return;
    }
    const unpadded = this.#octets.length + 2 + optionHeader;
    const padding = (paddedTo - (unpadded % paddedTo)) % paddedTo;
    this.u16(optionHeader + padding, OPTION_PADDING, padding);
    this.#octets.push(...new Uint8Array(padding));
  }

  toBuffer() {
    return Buffer.from(this.#octets);
  }
}
