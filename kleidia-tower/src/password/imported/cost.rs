//! The cost of a hash of another system, within the bounds of an import.

use std::fmt;
use std::ops::RangeInclusive;

use super::ImportedHashError;

/// The algorithm of a hash and its cost, within the bounds. `Display` writes the part of the PHC
/// string before the salt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cost {
    Bcrypt { log_rounds: u32 },
    Pbkdf2 { digest: Digest, iterations: u32 },
    Scrypt(ScryptCost),
}

/// The digest of PBKDF2's HMAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Digest {
    Sha256,
    Sha512,
}

/// The cost of scrypt (RFC 7914, 2), with the binary logarithm of N.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ScryptCost {
    pub(super) log_n: u8,
    pub(super) r: u32,
    pub(super) p: u32,
}

const BCRYPT_COSTS: RangeInclusive<u64> = 4..=14;
const PBKDF2_ITERATIONS: RangeInclusive<u64> = 1_000..=4_000_000;
const SCRYPT_LOG_N: RangeInclusive<u64> = 10..=20;
const SCRYPT_R: RangeInclusive<u64> = 1..=32;
const SCRYPT_P: RangeInclusive<u64> = 1..=16;
/// The maximum of N * r * p. The memory is 128 * N * r octets, and the time grows with the product.
const SCRYPT_WORK: u64 = 1 << 20;

impl Cost {
    pub(super) fn bcrypt(cost: u64) -> Result<Self, ImportedHashError> {
        Ok(Self::Bcrypt { log_rounds: check("cost", cost, BCRYPT_COSTS)? })
    }

    pub(super) fn pbkdf2(digest: Digest, iterations: u64) -> Result<Self, ImportedHashError> {
        let iterations = check("iterations", iterations, PBKDF2_ITERATIONS)?;
        Ok(Self::Pbkdf2 { digest, iterations })
    }

    pub(super) fn scrypt(log_n: u64, r: u64, p: u64) -> Result<Self, ImportedHashError> {
        let log_n: u8 = check("ln", log_n, SCRYPT_LOG_N)?;
        let (r, p) = (check::<u32>("r", r, SCRYPT_R)?, check::<u32>("p", p, SCRYPT_P)?);
        let work = (1_u64 << log_n) * u64::from(r) * u64::from(p);
        ImportedHashError::check_cost("N * r * p", work, 1..=SCRYPT_WORK)?;
        Ok(Self::Scrypt(ScryptCost { log_n, r, p }))
    }

    /// Parses what `Display` writes, and nothing else.
    pub(super) fn from_phc(text: &str) -> Result<Self, ImportedHashError> {
        let (algorithm, parameters) = text
            .strip_prefix('$')
            .and_then(|text| text.split_once('$'))
            .ok_or(ImportedHashError::Unsupported)?;
        let single = |name| assigned(parameters, [name]).map(|[value]| value);
        match algorithm {
            "bcrypt" => Self::bcrypt(single("r")?),
            "pbkdf2-sha256" => Self::pbkdf2(Digest::Sha256, single("i")?),
            "pbkdf2-sha512" => Self::pbkdf2(Digest::Sha512, single("i")?),
            "scrypt" => {
                let [log_n, r, p] = assigned(parameters, ["ln", "r", "p"])?;
                Self::scrypt(log_n, r, p)
            }
            _ => Err(ImportedHashError::Unsupported),
        }
    }

    /// Returns the bounds of a salt's length.
    pub(super) const fn salt_octets(self) -> RangeInclusive<usize> {
        match self {
            Self::Bcrypt { .. } => 16..=16,
            Self::Pbkdf2 { .. } | Self::Scrypt(_) => 8..=48,
        }
    }

    /// Returns the bounds of the output's length: for PBKDF2 one block, since more would multiply
    /// the work.
    pub(super) const fn output_octets(self) -> RangeInclusive<usize> {
        match self {
            Self::Bcrypt { .. } => 23..=23,
            Self::Pbkdf2 { digest: Digest::Sha256, .. } => 16..=32,
            Self::Pbkdf2 { digest: Digest::Sha512, .. } | Self::Scrypt(_) => 16..=64,
        }
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bcrypt { log_rounds } => write!(f, "$bcrypt$r={log_rounds}"),
            Self::Pbkdf2 { digest: Digest::Sha256, iterations } => {
                write!(f, "$pbkdf2-sha256$i={iterations}")
            }
            Self::Pbkdf2 { digest: Digest::Sha512, iterations } => {
                write!(f, "$pbkdf2-sha512$i={iterations}")
            }
            Self::Scrypt(ScryptCost { log_n, r, p }) => write!(f, "$scrypt$ln={log_n},r={r},p={p}"),
        }
    }
}

/// Parses `name=number` for exactly these names, in this order, separated by commas.
pub(super) fn assigned<const N: usize>(
    text: &str,
    names: [&str; N],
) -> Result<[u64; N], ImportedHashError> {
    let (mut values, mut fields) = ([0; N], text.split(','));
    for (value, name) in values.iter_mut().zip(names) {
        let field = fields.next().and_then(|field| field.strip_prefix(name)?.strip_prefix('='));
        *value = field.and_then(decimal).ok_or(ImportedHashError::Malformed("parameters"))?;
    }
    if fields.next().is_some() {
        return Err(ImportedHashError::Malformed("parameters"));
    }
    Ok(values)
}

/// Parses a decimal number without a sign or leading zeros.
pub(super) fn decimal(text: &str) -> Option<u64> {
    let is_canonical =
        text.bytes().all(|octet| octet.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if is_canonical { text.parse().ok() } else { None }
}

fn check<T: TryFrom<u64>>(
    parameter: &'static str,
    found: u64,
    bounds: RangeInclusive<u64>,
) -> Result<T, ImportedHashError> {
    let found = ImportedHashError::check_cost(parameter, found, bounds)?;
    T::try_from(found).map_err(|_| ImportedHashError::Malformed("parameters"))
}
