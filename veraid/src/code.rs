//! The stable codes of all errors.

use crate::{
    CertificateError, DnssecError, MalformedBundle, MalformedChain, SignatureError,
    VerificationError,
};

impl MalformedBundle {
    /// Returns a stable code in kebab case, for programs and logs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Structure(_) => "bundle-malformed",
            Self::Version { .. } => "bundle-version",
            Self::OrganisationCertificate(_) => "organisation-certificate-malformed",
            Self::MemberCertificate(_) => "member-certificate-malformed",
            Self::Limit(_) => "limit-exceeded",
        }
    }
}

impl MalformedChain {
    /// Returns a stable code in kebab case, for programs and logs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Structure(_) => "chain-malformed",
            Self::Limit(_) => "limit-exceeded",
        }
    }
}

impl VerificationError {
    /// Returns a stable code in kebab case, for programs and logs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Dnssec(error) => error.code(),
            Self::OrganisationCertificate(error) => organisation_certificate_code(error),
            Self::MemberCertificate(error) => member_certificate_code(error),
            Self::Signature(error) => error.code(),
            Self::KeyNotPublished { .. } => "key-not-published",
            Self::KeyPublishedTwice { .. } => "key-published-twice",
            Self::TtlOverride { .. } => "ttl-override",
            Self::NoCommonInstant { .. } => "no-instant",
        }
    }
}

impl DnssecError {
    /// Returns a stable code in kebab case, for programs and logs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::InvalidOwner(_) => "dnssec-owner",
            Self::NoTrustAnchor => "dnssec-no-trust-anchor",
            Self::Message { .. } => "dnssec-message-malformed",
            Self::TxtResponses { .. } => "dnssec-txt-responses",
            Self::ResponseCode { .. } => "dnssec-response-code",
            Self::MissingResponse { .. } => "dnssec-response-missing",
            Self::NoRecords { .. } => "dnssec-no-records",
            Self::Alias { .. } => "dnssec-alias",
            Self::UnusableDelegation { .. } => "dnssec-delegation-unusable",
            Self::UntrustedKeys { .. } => "dnssec-keys-untrusted",
            Self::Unsigned { .. } => "dnssec-unsigned",
            Self::Signer { .. } => "dnssec-signer",
            Self::Wildcard { .. } => "dnssec-wildcard",
            Self::UnknownKey { .. } => "dnssec-key-unknown",
            Self::OutsideValidity { .. } => "dnssec-time",
            Self::Signature { .. } => "dnssec-signature",
            Self::Limit(_) => "limit-exceeded",
        }
    }
}

impl SignatureError {
    /// Returns a stable code in kebab case, for programs and logs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Der(_) => "signature-malformed",
            Self::ContentType { .. } => "signature-content-type",
            Self::Version { .. } => "signature-version",
            Self::SignerCount { .. } => "signature-signer-count",
            Self::Detached => "signature-detached",
            Self::Algorithm(_) => "signature-algorithm",
            Self::MissingAttribute(_) => "signature-attribute-missing",
            Self::DuplicateAttribute(_) => "signature-attribute-duplicate",
            Self::AttributeValues { .. } => "signature-attribute-values",
            Self::MessageDigest { .. } => "signature-message-digest",
            Self::Metadata(_) => "signature-metadata-malformed",
            Self::Service { .. } => "signature-service",
            Self::Period { .. } => "signature-period",
            Self::PeriodTooLong { .. } => "signature-period-too-long",
            Self::NotValid { .. } => "signature-time",
            Self::Attribution(_) => "signature-attribution",
            Self::SignerNotOrganisation => "signature-signer-not-organisation",
            Self::SignerNotMember => "signature-signer-not-member",
            Self::SignerCertificateMissing => "signature-certificate-missing",
            Self::SignerCertificateAmbiguous { .. } => "signature-certificate-ambiguous",
            Self::OrganisationCertificate(error) => organisation_certificate_code(error),
            Self::MemberCertificate(error) => member_certificate_code(error),
            Self::Signature => "signature-mismatch",
            Self::Limit(_) => "limit-exceeded",
        }
    }
}

/// One table for both kinds of certificate.
macro_rules! certificate_code {
    ($name:ident, $prefix:literal) => {
        const fn $name(error: &CertificateError) -> &'static str {
            match error {
                CertificateError::Der(_) => concat!($prefix, "malformed"),
                CertificateError::Version { .. } => concat!($prefix, "version"),
                CertificateError::AlgorithmMismatch => concat!($prefix, "algorithm-mismatch"),
                CertificateError::SignatureAlgorithm(_) => concat!($prefix, "algorithm"),
                CertificateError::PublicKeyAlgorithm(_) => concat!($prefix, "key-algorithm"),
                CertificateError::ModulusBits { .. } => concat!($prefix, "key-size"),
                CertificateError::ExponentBits { .. } => concat!($prefix, "key-exponent"),
                CertificateError::CommonNameCount { .. } => concat!($prefix, "common-name-count"),
                CertificateError::OrganisationName(_) | CertificateError::UserName(_) => {
                    concat!($prefix, "common-name")
                }
                CertificateError::Validity { .. } => concat!($prefix, "period"),
                CertificateError::NotValid { .. } => concat!($prefix, "time"),
                CertificateError::DuplicateExtension(_) => concat!($prefix, "extension-duplicate"),
                CertificateError::CriticalExtension(_) => concat!($prefix, "extension-unknown"),
                CertificateError::BasicConstraints => concat!($prefix, "basic-constraints"),
                CertificateError::CertificateAuthority { .. } => concat!($prefix, "ca"),
                CertificateError::KeyUsage(_) => concat!($prefix, "key-usage"),
                CertificateError::Issuer { .. } => concat!($prefix, "issuer"),
                CertificateError::SubjectKeyId { .. } => concat!($prefix, "subject-key-id"),
                CertificateError::AuthorityKeyId { .. } => concat!($prefix, "authority-key-id"),
                CertificateError::Signature => concat!($prefix, "signature"),
                CertificateError::Limit(_) => "limit-exceeded",
            }
        }
    };
}

certificate_code!(organisation_certificate_code, "organisation-certificate-");
certificate_code!(member_certificate_code, "member-certificate-");
