//! The rules of `docs/protocol.md` that cases test.

#[derive(serde::Serialize)]
pub(crate) struct Rule {
    #[serde(rename = "rule")]
    pub(crate) name: &'static str,
    /// The section of `docs/protocol.md`.
    pub(crate) section: &'static str,
    pub(crate) text: &'static str,
}

const fn rule(name: &'static str, section: &'static str, text: &'static str) -> Rule {
    Rule { name, section, text }
}

const KLIENTO: &str = "Kliento";
const BUNDLES: &str = "Bundles";
const CERTIFICATES: &str = "Certificates";
const CMS: &str = "CMS";
const TXT: &str = "TXT records at `_veraid.<organisation>`";
const BOUNDS: &str = "Bounds";
const DNSSEC: &str = "DNSSEC";

pub(crate) const RULES: &[Rule] = &[
    rule(
        "header",
        KLIENTO,
        "The value is the scheme Kliento, in any case, one or more spaces, and Base64.",
    ),
    rule(
        "header-base64",
        KLIENTO,
        "Base64 has the standard alphabet, complete padding or none, no set bits after the last octet, and nothing else.",
    ),
    rule(
        "header-length",
        KLIENTO,
        "A value longer than that of a maximum bundle is rejected before it is decoded.",
    ),
    rule("token-bundle-size", KLIENTO, "A token bundle has at most 16,384 octets."),
    rule(
        "token-json",
        KLIENTO,
        "A token is a JSON object in UTF-8 without a byte-order mark; unknown members are ignored.",
    ),
    rule("token-duplicates", KLIENTO, "Neither the token nor the claims have duplicate members."),
    rule("token-surrogates", KLIENTO, "There are no lone surrogates."),
    rule("token-claims", KLIENTO, "Claims, if present, are an object of string members."),
    rule(
        "token-audience",
        KLIENTO,
        "The audience is a string, required, and compared octet for octet with the configured one.",
    ),
    rule(
        "time-limit",
        KLIENTO,
        "The period of a token's signature is at most 60 minutes, unless another limit is set.",
    ),
    rule("time-instant", KLIENTO, "All parts are valid at one instant; periods include both ends."),
    rule(
        "time-clock-skew",
        KLIENTO,
        "With a clock skew, the signature and the certificates are valid before they start, by the skew, but not after they end; DNSSEC signatures have none.",
    ),
    rule(
        "signature-kinds",
        CMS,
        "Members and organisations sign, for users and bots, in the forms that deployed libraries write.",
    ),
    rule("member-id", BUNDLES, "A member id bundle proves a member without a signature."),
    rule(
        "metadata-time",
        BUNDLES,
        "The metadata's times have seconds, a Z, and a fraction of one to three digits, of which the last is not zero, or none.",
    ),
    rule(
        "certificate-time",
        CERTIFICATES,
        "Certificates are valid from their start to their end, both included, however long that is; periods are intersected.",
    ),
    rule(
        "certificate-time-form",
        CERTIFICATES,
        "A certificate's times are UTCTime or GeneralizedTime, with seconds and a Z, without a fraction.",
    ),
    rule(
        "chain-messages",
        DNSSEC,
        "The chain is a response to each question from the root down to the TXT records.",
    ),
    rule(
        "chain-recorded",
        DNSSEC,
        "Chains of the real DNS are secure under IANA's trust anchors, within their validity.",
    ),
    rule("bundle-version", BUNDLES, "The version is present, one octet, and zero."),
    rule(
        "bundle-der",
        BUNDLES,
        "Nothing has an indefinite or padded length, trailing octets, surplus fields or another tag.",
    ),
    rule("chain-order", BUNDLES, "The messages of the chain are in any order."),
    rule(
        "certificate-der",
        CERTIFICATES,
        "Certificates are in DER, without missing or surplus fields.",
    ),
    rule(
        "certificate-serial",
        CERTIFICATES,
        "Serial numbers may have superfluous leading zeros, and are compared as numbers.",
    ),
    rule("certificate-version", CERTIFICATES, "Certificates are of version 3."),
    rule(
        "certificate-signature-algorithm",
        CERTIFICATES,
        "RSASSA-PSS with explicit parameters: SHA-256, 384 or 512, MGF1 with the same hash, a salt as long as it, the trailer absent or 1.",
    ),
    rule(
        "certificate-key",
        CERTIFICATES,
        "Keys are rsaEncryption with NULL, of 2048, 3072 or 4096 bits, with exponents of at most 33 bits; a higher minimum can be set.",
    ),
    rule(
        "certificate-issuer",
        CERTIFICATES,
        "Organisations' certificates are issued and signed by themselves, members' by the organisation, without intermediates.",
    ),
    rule(
        "common-name-count",
        CERTIFICATES,
        "A subject has exactly one common name, which may be among other attributes.",
    ),
    rule(
        "common-name-string",
        CERTIFICATES,
        "Common names are BMPString, UTF8String or PrintableString, with contents that these allow.",
    ),
    rule(
        "organisation-name",
        CERTIFICATES,
        "An organisation is a domain name in A-labels, with or without the final dot, in any case.",
    ),
    rule(
        "user-name",
        CERTIFICATES,
        "User names are not empty and have no @, no control characters and no white space except U+0020.",
    ),
    rule(
        "basic-constraints",
        CERTIFICATES,
        "Organisations have critical basic constraints with cA; members have no cA.",
    ),
    rule("key-usage", CERTIFICATES, "Key usage, where present, allows what the key is used for."),
    rule(
        "key-identifiers",
        CERTIFICATES,
        "Key identifiers are the SHA-256 digest of the whole SubjectPublicKeyInfo.",
    ),
    rule(
        "other-extensions",
        CERTIFICATES,
        "Unknown extensions are ignored unless they are critical; none occurs twice.",
    ),
    rule("cms-version", CMS, "SignedData is of version 1 or 3, SignerInfo of version 1."),
    rule("cms-content", CMS, "The content is id-data, in an OCTET STRING within signed-data."),
    rule(
        "cms-constructed-content",
        BUNDLES,
        "The content may be a constructed OCTET STRING with definite lengths and one or more primitive chunks.",
    ),
    rule(
        "cms-digest-algorithms",
        CMS,
        "digestAlgorithms are well-formed algorithm identifiers, of any algorithms, with any parameters.",
    ),
    rule(
        "set-order",
        BUNDLES,
        "Digest algorithms, attached certificates and the attributes in a part of a name are in any order, also repeated.",
    ),
    rule("not-read", BUNDLES, "Parts that are listed as not read may have any contents."),
    rule(
        "object-identifiers",
        BUNDLES,
        "Object identifiers are in their shortest form, also unknown ones.",
    ),
    rule("cms-der", CMS, "CMS is in DER, without missing or surplus fields."),
    rule("cms-signer", CMS, "There is one SignerInfo, by issuer and serial number."),
    rule(
        "cms-digest-algorithm",
        CMS,
        "The digest is SHA-256, 384 or 512, with or without NULL, independent of the hash of the signature.",
    ),
    rule("cms-signature-algorithm", CMS, "The signature is RSASSA-PSS, as in certificates."),
    rule(
        "cms-signature",
        BUNDLES,
        "The signature covers the signed attributes as they were sent, in any order, with their tag replaced by that of a SET.",
    ),
    rule(
        "cms-attributes",
        CMS,
        "contentType, messageDigest and metadata occur once among the signed attributes, each with one value.",
    ),
    rule("cms-other-attributes", CMS, "Other signed attributes, and unsigned ones, are ignored."),
    rule(
        "cms-attribution",
        CMS,
        "With an attribution among the signed attributes, only the organisation is the signer; without it, only a member.",
    ),
    rule(
        "cms-certificates",
        CMS,
        "A member's certificate is attached; two that are the signer's make the bundle invalid; others, and malformed ones, are ignored.",
    ),
    rule("cms-metadata", CMS, "The metadata are in DER, and for the requested service."),
    rule(
        "txt-deployed-form",
        TXT,
        "<algorithm> <key id> <ttl override> [<service>], with a padded key id by the hash of the algorithm.",
    ),
    rule(
        "txt-specified-form",
        TXT,
        "<algorithm> <key id type> <key id> <ttl override> [<service>], with an unpadded key id by the hash of the type.",
    ),
    rule(
        "txt-fields",
        TXT,
        "Fields are separated by ASCII spaces and tabs; records with surplus fields or several character-strings are not VeraId records.",
    ),
    rule(
        "txt-ttl-override",
        TXT,
        "The TTL override is 1 to 7,776,000 in digits, and has no effect at an instant.",
    ),
    rule(
        "txt-service",
        TXT,
        "A record may be bound to a service, and then counts for that service only.",
    ),
    rule(
        "txt-choice",
        TXT,
        "Records for other keys and services are ignored; a bound record takes precedence over an unbound one; two of the same kind make the bundle invalid.",
    ),
    rule(
        "period",
        TXT,
        "Over a period, all parts are valid at the same time for at least one second.",
    ),
    rule(
        "period-ttl-override",
        TXT,
        "Over a period, all parts are valid at a time that is at most the TTL override before its end.",
    ),
    rule(
        "chain-txt-response",
        DNSSEC,
        "There is exactly one response to the TXT question, and its code is NOERROR.",
    ),
    rule(
        "chain-first-response",
        DNSSEC,
        "Of the responses to a DNSKEY or DS question, the first with NOERROR counts.",
    ),
    rule("chain-message-form", DNSSEC, "A malformed message makes the chain invalid."),
    rule("chain-answer-sections", DNSSEC, "Only the answer sections count."),
    rule("chain-aliases", DNSSEC, "Aliases are rejected."),
    rule(
        "chain-time",
        DNSSEC,
        "Signatures are valid from their inception to their expiration, both included, by serial-number arithmetic.",
    ),
    rule(
        "chain-signer",
        DNSSEC,
        "Each RRset is signed by the responsible zone: its keys by a trusted one, a delegation by the parent, TXT by the zone that contains it.",
    ),
    rule("chain-signature", DNSSEC, "Each RRset is signed as a whole."),
    rule(
        "chain-canonical-form",
        DNSSEC,
        "Signatures cover the canonical form: names in lower case, records in order and without duplicates, the original TTL.",
    ),
    rule(
        "chain-labels",
        DNSSEC,
        "A signature has as many labels as the owner: there are no wildcards.",
    ),
    rule(
        "chain-other-signatures",
        DNSSEC,
        "Unusable signatures beside a valid one are ignored; of several valid ones, the one that expires last counts.",
    ),
    rule(
        "chain-algorithms",
        DNSSEC,
        "Algorithms 8, 10, 13, 14 and 15 are known; SHA-1 and others are ignored.",
    ),
    rule(
        "chain-rsa-keys",
        DNSSEC,
        "RSA keys below 1024 bits or with exponents above 33 bits are ignored.",
    ),
    rule(
        "chain-key-flags",
        DNSSEC,
        "Keys that are revoked, without the zone flag or with another protocol than 3 are ignored.",
    ),
    rule(
        "chain-delegation",
        DNSSEC,
        "A delegation names a key by tag, algorithm and a digest of type 2 or 4; SHA-1 and others are ignored.",
    ),
    rule(
        "chain-unknown-beside",
        DNSSEC,
        "Unknown digests, algorithms and keys beside valid ones are ignored.",
    ),
    rule(
        "chain-trust-anchors",
        DNSSEC,
        "The root is authenticated by a trust anchor; without trust anchors, no chain is valid.",
    ),
    rule(
        "chain-skipped-labels",
        DNSSEC,
        "Labels that are not zones are skipped, above a delegation and below a zone.",
    ),
    rule(
        "chain-deepest-zone",
        DNSSEC,
        "The TXT records are signed by the deepest zone that is authenticated.",
    ),
    rule("limit-signatures-per-set", BOUNDS, "At most 8 signatures are tried over one set."),
    rule("limit-keys-per-tag", BOUNDS, "At most 4 keys are tried for one signature."),
    rule("limit-operations", BOUNDS, "A bundle costs at most 32 public-key operations."),
    rule(
        "limit-sizes",
        BOUNDS,
        "Records and signatures of a set, messages, records and octets of a chain, and attached certificates are bounded; these bounds are choices of this implementation.",
    ),
];
