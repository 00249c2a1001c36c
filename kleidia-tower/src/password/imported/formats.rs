//! The texts of hashes of other systems.

use argon2::Params;
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD};
use phc::{Output, PasswordHash};

use super::cost::{Cost, Digest, assigned, decimal};
use super::foreign_hash::ForeignHash;
use super::{ImportedHash, ImportedHashError};
use crate::password::Argon2Parameters;
use crate::password::evaluation::format_argon2id;

/// The characters of a bcrypt salt. The hash follows without a separator.
const BCRYPT_SALT_CHARACTERS: usize = 22;
/// The maximum memory of an Argon2id hash in KiB, as scrypt's.
const ARGON2_MEMORY_KIB: u64 = 128 * 1024;
const ARGON2_PASSES: u64 = 4;

/// Returns the PHC string that is stored for the text of a hash.
pub(super) fn parse(text: &str) -> Result<String, ImportedHashError> {
    if text.len() > ImportedHash::MAX_OCTETS {
        return Err(ImportedHashError::TooLong);
    }
    let parts: Vec<&str> = text.split('$').collect();
    let hash = match *parts.as_slice() {
        ["", "2a" | "2b" | "2y", cost, salt_and_hash]
        | ["bcrypt", "", "2a" | "2b" | "2y", cost, salt_and_hash] => bcrypt(cost, salt_and_hash),
        ["", "pbkdf2-sha256", cost, salt, hash] => pbkdf2(Digest::Sha256, cost, salt, hash),
        ["", "pbkdf2-sha512", cost, salt, hash] => pbkdf2(Digest::Sha512, cost, salt, hash),
        ["pbkdf2_sha256", iterations, salt, hash] => {
            let cost = Cost::pbkdf2(Digest::Sha256, number(iterations, "iterations")?)?;
            django(cost, salt, hash)
        }
        ["", "scrypt", cost, salt, hash] => scrypt(cost, salt, hash),
        ["scrypt", n, salt, r, p, hash] => django_scrypt(salt, [n, r, p], hash),
        ["", "bcrypt", ..] => ForeignHash::from_phc(text),
        ["", "argon2id", ..] => return argon2id(text),
        ["argon2", "argon2id", ..] => return argon2id(text.trim_start_matches("argon2")),
        _ => Err(ImportedHashError::Unsupported),
    };
    hash.map(|hash| hash.to_phc())
}

/// Parses the part after the version: a cost of two digits, and the salt and the hash in bcrypt's
/// own Base64.
fn bcrypt(cost: &str, salt_and_hash: &str) -> Result<ForeignHash, ImportedHashError> {
    let is_cost = cost.len() == 2 && cost.bytes().all(|octet| octet.is_ascii_digit());
    let cost = cost.parse().ok().filter(|_| is_cost).ok_or(ImportedHashError::Malformed("cost"))?;
    let cost = Cost::bcrypt(cost)?;
    let malformed = ImportedHashError::Malformed("salt or output");
    let (salt, hash) = salt_and_hash.split_at_checked(BCRYPT_SALT_CHARACTERS).ok_or(malformed)?;
    let decode = |text| bcrypt::BASE_64.decode(text).map_err(|_| malformed);
    ForeignHash::new(cost, decode(salt)?, decode(hash)?)
}

/// Parses the form of PHC (`i=N`, `i=N,l=N`) and that of passlib (`N`). In the latter `.` stands for
/// `+`.
fn pbkdf2(
    digest: Digest,
    cost: &str,
    salt: &str,
    hash: &str,
) -> Result<ForeignHash, ImportedHashError> {
    let (iterations, length) = match cost.bytes().filter(|octet| *octet == b'=').count() {
        0 => (number(cost, "iterations")?, None),
        1 => {
            let [iterations] = assigned(cost, ["i"])?;
            (iterations, None)
        }
        _ => {
            let [iterations, length] = assigned(cost, ["i", "l"])?;
            (iterations, Some(length))
        }
    };
    let cost = Cost::pbkdf2(digest, iterations)?;
    let (salt, output) = (base64(salt, "salt")?, base64(hash, "output")?);
    if length.is_some_and(|length| length != output.len() as u64) {
        return Err(ImportedHashError::Malformed("output length"));
    }
    ForeignHash::new(cost, salt, output)
}

fn scrypt(cost: &str, salt: &str, hash: &str) -> Result<ForeignHash, ImportedHashError> {
    let [log_n, r, p] = assigned(cost, ["ln", "r", "p"])?;
    let cost = Cost::scrypt(log_n, r, p)?;
    ForeignHash::new(cost, base64(salt, "salt")?, base64(hash, "output")?)
}

fn django_scrypt(
    salt: &str,
    [n, r, p]: [&str; 3],
    hash: &str,
) -> Result<ForeignHash, ImportedHashError> {
    let n = number(n, "N")?;
    if !n.is_power_of_two() {
        return Err(ImportedHashError::Malformed("N"));
    }
    let cost = Cost::scrypt(n.ilog2().into(), number(r, "r")?, number(p, "p")?)?;
    django(cost, salt, hash)
}

/// Django's salts are text, and its Base64 has padding.
fn django(cost: Cost, salt: &str, hash: &str) -> Result<ForeignHash, ImportedHashError> {
    let output = BASE64_STANDARD.decode(hash);
    let output = output.map_err(|_| ImportedHashError::Malformed("output"))?;
    ForeignHash::new(cost, salt.as_bytes().to_vec(), output)
}

/// Argon2id is stored as it is, within narrower bounds than those of the service.
fn argon2id(text: &str) -> Result<String, ImportedHashError> {
    let malformed = ImportedHashError::Malformed("PHC string");
    let (version, rest) =
        text.strip_prefix("$argon2id$").and_then(|rest| rest.split_once('$')).ok_or(malformed)?;
    if version != "v=19" {
        return Err(ImportedHashError::Unsupported);
    }
    let (cost, _) = rest.split_once('$').ok_or(malformed)?;
    let [memory, passes, lanes] = assigned(cost, ["m", "t", "p"])?;
    let min = u64::from(Argon2Parameters::MIN_MEMORY_KIB);
    ImportedHashError::check_cost("m", memory, min..=ARGON2_MEMORY_KIB)?;
    ImportedHashError::check_cost("t", passes, 1..=ARGON2_PASSES)?;
    ImportedHashError::check_cost("p", lanes, 1..=u64::from(Argon2Parameters::MAX_LANES))?;
    let hash = PasswordHash::new(text).map_err(|_| malformed)?;
    let params = Params::try_from(&hash).map_err(|_| malformed)?;
    // The parser of PHC strings bounds the salt: 8 to 48 octets.
    let (salt, output) = hash.salt.zip(hash.hash).ok_or(malformed)?;
    ImportedHashError::check_length("output", output.len(), 16..=Output::MAX_LENGTH)?;
    format_argon2id(&params, salt, output).map_err(|_| malformed)
}

fn number(text: &str, part: &'static str) -> Result<u64, ImportedHashError> {
    decimal(text).ok_or(ImportedHashError::Malformed(part))
}

fn base64(text: &str, part: &'static str) -> Result<Vec<u8>, ImportedHashError> {
    let decoded = BASE64_STANDARD_NO_PAD.decode(text.replace('.', "+"));
    decoded.map_err(|_| ImportedHashError::Malformed(part))
}
