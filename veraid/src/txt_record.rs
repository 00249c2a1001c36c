//! The TXT records at `_veraid.<organisation>` (<https://veraid.net/spec>).

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

use crate::crypto::Hash;
use crate::{Excerpt, ObjectIdentifier};

/// The RSA key sizes that an organisation can publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyAlgorithm {
    /// `1`: RSA with a modulus of 2048 bits.
    Rsa2048,
    /// `2`: RSA with a modulus of 3072 bits.
    Rsa3072,
    /// `3`: RSA with a modulus of 4096 bits.
    Rsa4096,
}

impl KeyAlgorithm {
    /// Returns the algorithm for a modulus of `bits` bits.
    #[must_use]
    pub const fn from_modulus_bits(bits: usize) -> Option<Self> {
        match bits {
            2048 => Some(Self::Rsa2048),
            3072 => Some(Self::Rsa3072),
            4096 => Some(Self::Rsa4096),
            _ => None,
        }
    }

    /// Returns the hash that identifies such a key in the deployed form.
    const fn deployed_hash(self) -> Hash {
        match self {
            Self::Rsa2048 => Hash::Sha256,
            Self::Rsa3072 => Hash::Sha384,
            Self::Rsa4096 => Hash::Sha512,
        }
    }

    const fn number(self) -> u8 {
        match self {
            Self::Rsa2048 => 1,
            Self::Rsa3072 => 2,
            Self::Rsa4096 => 3,
        }
    }
}

/// The form of a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// `<algorithm> <padded key id> <ttl override> [<service>]`, which deployed verifiers read.
    #[default]
    Deployed,
    /// `<algorithm> <key id type> <unpadded key id> <ttl override> [<service>]`, as specified.
    Spec,
}

/// A TXT record: the digest of an organisation's key, the TTL override, and the service.
///
/// ```
/// use veraid::{Dialect, TxtRecord};
///
/// let value = "1 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU= 3600";
/// let record: TxtRecord = value.parse()?;
/// assert_eq!(record.ttl_override().as_secs(), 3600);
/// assert_eq!(record.to_value(Dialect::Deployed), value);
/// assert_eq!(
///     record.to_value(Dialect::Spec),
///     "1 1 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU 3600",
/// );
/// # Ok::<(), veraid::TxtRecordError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TxtRecord {
    algorithm: KeyAlgorithm,
    hash: Hash,
    key_id: Vec<u8>,
    ttl_override: Duration,
    service: Option<ObjectIdentifier>,
}

/// The error of an invalid [`TxtRecord`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TxtRecordError {
    /// The number of fields is wrong.
    #[error("expected three to five fields, found {0}")]
    FieldCount(usize),
    /// The algorithm is not 1, 2 or 3.
    #[error("unsupported key algorithm {:?}", Excerpt(.0))]
    KeyAlgorithm(String),
    /// The key id type is not 1, 2 or 3.
    #[error("unsupported key id type {:?}", Excerpt(.0))]
    KeyIdType(String),
    /// The key id is not the Base64 of a digest of the right length.
    #[error("invalid key id {:?}", Excerpt(.0))]
    KeyId(String),
    /// The TTL override is not from 1 to 7,776,000 whole seconds.
    #[error("invalid TTL override {:?}: expected 1 to 7776000 seconds", Excerpt(.0))]
    TtlOverride(String),
    /// The service is not a valid object identifier.
    #[error("invalid service {:?}: expected an object identifier", Excerpt(.0))]
    Service(String),
}

impl TxtRecord {
    /// The maximum TTL override: 90 days.
    pub const MAX_TTL_OVERRIDE: Duration = Duration::from_secs(7_776_000);

    /// Creates a record for the key of a DER `SubjectPublicKeyInfo`, in the deployed form.
    ///
    /// # Errors
    /// [`TxtRecordError::TtlOverride`] unless the TTL override is in whole seconds, from one second
    /// to [`Self::MAX_TTL_OVERRIDE`].
    pub fn new(
        algorithm: KeyAlgorithm,
        subject_public_key_info: &[u8],
        ttl_override: Duration,
        service: Option<ObjectIdentifier>,
    ) -> Result<Self, TxtRecordError> {
        let hash = algorithm.deployed_hash();
        let key_id = hash.digest(subject_public_key_info).as_ref().to_vec();
        if ttl_override.subsec_nanos() != 0 || !is_valid_ttl_override(ttl_override) {
            return Err(TxtRecordError::TtlOverride(format!("{ttl_override:?}")));
        }
        Ok(Self { algorithm, hash, key_id, ttl_override, service })
    }

    /// Returns the maximum age of the key's signatures before the end of a verified period, in
    /// whole seconds.
    #[must_use]
    pub const fn ttl_override(&self) -> Duration {
        self.ttl_override
    }

    /// Returns the size of the key.
    #[must_use]
    pub const fn key_algorithm(&self) -> KeyAlgorithm {
        self.algorithm
    }

    /// Returns the service of the record, or `None` if it is for any.
    #[must_use]
    pub const fn service(&self) -> Option<&ObjectIdentifier> {
        self.service.as_ref()
    }

    /// Returns whether the record is for this key.
    #[must_use]
    pub fn identifies(&self, algorithm: KeyAlgorithm, subject_public_key_info: &[u8]) -> bool {
        self.algorithm == algorithm
            && self.hash.digest(subject_public_key_info).as_ref() == self.key_id
    }

    /// Returns the SHA-256 of the key, if the record has this digest.
    pub(crate) fn sha256_key_id(&self) -> Option<&[u8]> {
        (self.hash == Hash::Sha256).then_some(&self.key_id)
    }

    /// Returns the text of the record.
    ///
    /// The deployed form implies the hash by the key's size, so a record with another hash is
    /// written in the specified form.
    #[must_use]
    pub fn to_value(&self, dialect: Dialect) -> String {
        let number = self.algorithm.number();
        let key = if dialect == Dialect::Deployed && self.hash == self.algorithm.deployed_hash() {
            STANDARD.encode(&self.key_id)
        } else {
            format!("{} {}", key_id_type(self.hash), STANDARD_NO_PAD.encode(&self.key_id))
        };
        let service = self.service.as_ref().map(|service| format!(" {service}"));
        format!("{number} {key} {}{}", self.ttl_override.as_secs(), service.unwrap_or_default())
    }
}

const fn key_id_type(hash: Hash) -> u8 {
    match hash {
        Hash::Sha256 => 1,
        Hash::Sha384 => 2,
        Hash::Sha512 => 3,
    }
}

/// Reads either form, with spaces or tabs between the fields.
impl FromStr for TxtRecord {
    type Err = TxtRecordError;

    fn from_str(text: &str) -> Result<Self, TxtRecordError> {
        let fields: Vec<&str> = text.split([' ', '\t']).filter(|field| !field.is_empty()).collect();
        let (algorithm, rest) = match fields.as_slice() {
            [algorithm, rest @ ..] if (2..=4).contains(&rest.len()) => {
                (parse_algorithm(algorithm)?, rest)
            }
            _ => return Err(TxtRecordError::FieldCount(fields.len())),
        };
        // The second field is one digit in the specified form, and a digest in the deployed one.
        let (hash, key_id, rest) = match rest {
            [kind, key_id, rest @ ..] if is_single_digit(kind) => {
                let hash = parse_key_id_type(kind)?;
                (hash, parse_key_id(key_id, hash, &STANDARD_NO_PAD)?, rest)
            }
            [key_id, rest @ ..] => {
                let hash = algorithm.deployed_hash();
                (hash, parse_key_id(key_id, hash, &STANDARD)?, rest)
            }
            [] => return Err(TxtRecordError::FieldCount(fields.len())),
        };
        let (ttl_override, service) = match rest {
            [ttl_override] => (ttl_override, None),
            [ttl_override, service] => (ttl_override, Some(parse_service(service)?)),
            _ => return Err(TxtRecordError::FieldCount(fields.len())),
        };
        let ttl_override = parse_ttl_override(ttl_override)?;
        Ok(Self { algorithm, hash, key_id, ttl_override, service })
    }
}

fn is_single_digit(field: &str) -> bool {
    matches!(field.as_bytes(), [digit] if digit.is_ascii_digit())
}

fn parse_algorithm(field: &str) -> Result<KeyAlgorithm, TxtRecordError> {
    match field {
        "1" => Ok(KeyAlgorithm::Rsa2048),
        "2" => Ok(KeyAlgorithm::Rsa3072),
        "3" => Ok(KeyAlgorithm::Rsa4096),
        _ => Err(TxtRecordError::KeyAlgorithm(field.to_owned())),
    }
}

fn parse_key_id_type(field: &str) -> Result<Hash, TxtRecordError> {
    match field {
        "1" => Ok(Hash::Sha256),
        "2" => Ok(Hash::Sha384),
        "3" => Ok(Hash::Sha512),
        _ => Err(TxtRecordError::KeyIdType(field.to_owned())),
    }
}

fn parse_key_id(
    field: &str,
    hash: Hash,
    base64: &impl base64::Engine,
) -> Result<Vec<u8>, TxtRecordError> {
    let key_id = base64.decode(field).ok().filter(|key_id| key_id.len() == hash.length());
    key_id.ok_or_else(|| TxtRecordError::KeyId(field.to_owned()))
}

fn parse_ttl_override(field: &str) -> Result<Duration, TxtRecordError> {
    let is_number = field.bytes().all(|digit| digit.is_ascii_digit());
    let ttl_override = field.parse().ok().filter(|_| is_number).map(Duration::from_secs);
    let ttl_override = ttl_override.filter(|ttl_override| is_valid_ttl_override(*ttl_override));
    ttl_override.ok_or_else(|| TxtRecordError::TtlOverride(field.to_owned()))
}

fn is_valid_ttl_override(ttl_override: Duration) -> bool {
    (Duration::from_secs(1)..=TxtRecord::MAX_TTL_OVERRIDE).contains(&ttl_override)
}

fn parse_service(field: &str) -> Result<ObjectIdentifier, TxtRecordError> {
    field.parse().map_err(|_| TxtRecordError::Service(field.to_owned()))
}

/// Writes the deployed form.
impl fmt::Display for TxtRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_value(Dialect::Deployed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU";

    #[test]
    fn reads_both_forms() {
        let deployed: TxtRecord = format!(" 1\t{ID}=  60 1.2.3 ").parse().unwrap();
        let spec: TxtRecord = format!("1 1 {ID} 60 1.2.3").parse().unwrap();
        assert_eq!(deployed, spec);
        assert!(deployed.identifies(KeyAlgorithm::Rsa2048, b""));
        assert!(!deployed.identifies(KeyAlgorithm::Rsa2048, b"x"));
        assert!(!deployed.identifies(KeyAlgorithm::Rsa3072, b""));
    }

    #[test]
    fn specified_form_allows_any_hash() {
        let record: TxtRecord = format!("3 1 {ID} 60").parse().unwrap();
        assert!(record.identifies(KeyAlgorithm::Rsa4096, b""));
        assert_eq!(record.to_value(Dialect::Deployed), format!("3 1 {ID} 60"));
    }

    #[test]
    fn rejects_invalid_records() {
        use TxtRecordError as E;
        let rejected = |text: &str| text.parse::<TxtRecord>().unwrap_err();
        assert_eq!(rejected(""), E::FieldCount(0));
        assert_eq!(rejected(&format!("1 {ID}=")), E::FieldCount(2));
        assert_eq!(rejected(&format!("1 {ID}= 60 1.2.3 x")), E::FieldCount(5));
        assert_eq!(rejected(&format!("1 1 {ID} 60 1.2.3 x")), E::FieldCount(6));
        assert_eq!(rejected(&format!("4 {ID}= 60")), E::KeyAlgorithm("4".into()));
        assert_eq!(rejected(&format!("1 0 {ID} 60")), E::KeyIdType("0".into()));
        assert_eq!(rejected(&format!("1 {ID} 60")), E::KeyId(ID.into()));
        assert_eq!(rejected(&format!("1 1 {ID}= 60")), E::KeyId(format!("{ID}=")));
        assert_eq!(rejected(&format!("2 {ID}= 60")), E::KeyId(format!("{ID}=")));
        for ttl in ["0", "7776001", "-1", "+1", "1.5", "99999999999"] {
            assert_eq!(rejected(&format!("1 {ID}= {ttl}")), E::TtlOverride(ttl.into()));
        }
        assert_eq!(rejected(&format!("1 {ID}= 60 x")), E::Service("x".into()));
    }
}
