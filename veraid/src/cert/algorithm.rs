//! Algorithm identifiers of hashes and of RSASSA-PSS (RFC 4055, RFC 5754).

use super::AlgorithmError;
use crate::crypto::Hash;
use crate::der::{ObjectIdentifier, Reader, Tag, Value, oid_contents};

pub(crate) const RSASSA_PSS: &[u8] = oid_contents!("1.2.840.113549.1.1.10");
pub(crate) const MGF1: &[u8] = oid_contents!("1.2.840.113549.1.1.8");
pub(crate) const SHA256: &[u8] = oid_contents!("2.16.840.1.101.3.4.2.1");
pub(crate) const SHA384: &[u8] = oid_contents!("2.16.840.1.101.3.4.2.2");
pub(crate) const SHA512: &[u8] = oid_contents!("2.16.840.1.101.3.4.2.3");

/// Reads the `AlgorithmIdentifier` of a hash, with NULL or absent parameters.
pub(crate) fn read_hash(algorithm: &Value<'_>) -> Result<Hash, AlgorithmError> {
    let mut fields = algorithm.reader();
    let oid = fields.object_identifier()?;
    if let Some(null) = fields.optional(Tag::NULL)? {
        if !null.contents.is_empty() {
            return Err(null.error("NULL").into());
        }
    }
    let hash = match oid {
        SHA256 => Hash::Sha256,
        SHA384 => Hash::Sha384,
        SHA512 => Hash::Sha512,
        other => return Err(unknown(other)),
    };
    fields.end()?;
    Ok(hash)
}

/// Reads the `AlgorithmIdentifier` of RSASSA-PSS, and returns the hash of all its parameters.
///
/// ```text
/// RSASSA-PSS-params ::= SEQUENCE {
///     hashAlgorithm    [0] EXPLICIT HashAlgorithm,     maskGenAlgorithm [1] EXPLICIT MaskGenAlgorithm,
///     saltLength       [2] EXPLICIT INTEGER,           trailerField     [3] EXPLICIT INTEGER (1) OPTIONAL }
/// ```
pub(crate) fn read_pss_hash(algorithm: &Value<'_>) -> Result<Hash, AlgorithmError> {
    let mut fields = algorithm.reader();
    let oid = fields.object_identifier()?;
    if oid != RSASSA_PSS {
        return Err(unknown(oid));
    }
    let mut parameters = fields.nested(Tag::SEQUENCE)?;
    fields.end()?;
    let hash = read_hash(&explicit(&mut parameters, 0, Tag::SEQUENCE)?)?;
    let mask_hash = read_mask_hash(&explicit(&mut parameters, 1, Tag::SEQUENCE)?)?;
    if mask_hash != hash {
        return Err(AlgorithmError::MaskHash { expected: hash, found: mask_hash });
    }
    let salt_length = small_integer(&mut parameters, 2)?;
    if usize::from(salt_length) != hash.length() {
        return Err(AlgorithmError::SaltLength { expected: hash.length(), found: salt_length });
    }
    if !parameters.is_empty() {
        let trailer = small_integer(&mut parameters, 3)?;
        if trailer != 1 {
            return Err(AlgorithmError::Trailer(trailer));
        }
    }
    parameters.end()?;
    Ok(hash)
}

fn read_mask_hash(algorithm: &Value<'_>) -> Result<Hash, AlgorithmError> {
    let mut fields = algorithm.reader();
    let oid = fields.object_identifier()?;
    if oid != MGF1 {
        return Err(unknown(oid));
    }
    let hash = read_hash(&fields.read(Tag::SEQUENCE)?)?;
    fields.end()?;
    Ok(hash)
}

fn explicit<'a>(
    parameters: &mut Reader<'a>,
    number: u8,
    tag: Tag,
) -> Result<Value<'a>, AlgorithmError> {
    let mut wrapped = parameters.nested(Tag::constructed(number))?;
    let value = wrapped.read(tag)?;
    wrapped.end()?;
    Ok(value)
}

fn small_integer(parameters: &mut Reader<'_>, number: u8) -> Result<u8, AlgorithmError> {
    let mut wrapped = parameters.nested(Tag::constructed(number))?;
    let integer = wrapped.small_integer(Tag::INTEGER)?;
    wrapped.end()?;
    Ok(integer)
}

/// An algorithm that VeraId does not support.
pub(super) fn unknown(oid: &[u8]) -> AlgorithmError {
    AlgorithmError::Unknown(ObjectIdentifier::from_contents(oid))
}
