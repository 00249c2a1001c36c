//! A hash of another system, and its evaluation.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use zeroize::Zeroizing;

use super::ImportedHashError;
use super::cost::{Cost, Digest, ScryptCost};
use crate::password::HashingError;
use crate::password::candidate::Candidate;
use crate::password::hasher::system_error;

/// The octets of a password that bcrypt uses.
const BCRYPT_OCTETS: usize = 72;

/// A hash of another system, within the bounds of an import.
pub(in crate::password) struct ForeignHash {
    pub(super) cost: Cost,
    salt: Vec<u8>,
    output: Vec<u8>,
}

impl ForeignHash {
    pub(super) fn new(
        cost: Cost,
        salt: Vec<u8>,
        output: Vec<u8>,
    ) -> Result<Self, ImportedHashError> {
        ImportedHashError::check_length("salt", salt.len(), cost.salt_octets())?;
        ImportedHashError::check_length("output", output.len(), cost.output_octets())?;
        Ok(Self { cost, salt, output })
    }

    /// Returns whether a stored hash is one of these, and not of Argon2.
    pub(in crate::password) fn has_prefix(text: &str) -> bool {
        ["$bcrypt$", "$pbkdf2-", "$scrypt$"].iter().any(|prefix| text.starts_with(prefix))
    }

    /// Parses a stored hash: what [`to_phc`](Self::to_phc) returns, and nothing else, so that equal
    /// parameters have one text.
    pub(in crate::password) fn from_phc(text: &str) -> Result<Self, ImportedHashError> {
        let mut parts = text.rsplitn(3, '$');
        let (Some(output), Some(salt), Some(cost)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(ImportedHashError::Unsupported);
        };
        let decode = |text: &str, part| {
            let decoded = BASE64_STANDARD_NO_PAD.decode(text);
            decoded.map_err(|_| ImportedHashError::Malformed(part))
        };
        Self::new(Cost::from_phc(cost)?, decode(salt, "salt")?, decode(output, "output")?)
    }

    pub(super) fn to_phc(&self) -> String {
        let [salt, output] =
            [&self.salt, &self.output].map(|octets| BASE64_STANDARD_NO_PAD.encode(octets));
        format!("{}${salt}${output}", self.cost)
    }

    /// Returns whether the password is the hashed one.
    pub(in crate::password) fn matches(&self, password: &Candidate) -> Result<bool, HashingError> {
        let output = derive(self.cost, password.typed.as_bytes(), &self.salt, self.output.len())?;
        let is_equal = verify_slices_are_equal(&output, &self.output).is_ok();
        // Libraries in C ignore what follows a NUL. The work is done nevertheless.
        let is_ambiguous =
            matches!(self.cost, Cost::Bcrypt { .. }) && password.typed.contains('\0');
        Ok(is_equal && !is_ambiguous)
    }
}

/// Does the work of a comparison, and discards the result.
pub(super) fn evaluate(cost: Cost, password: &Candidate) -> Result<(), HashingError> {
    let length = *cost.output_octets().start();
    derive(cost, password.typed.as_bytes(), &[0; 16], length).map(drop)
}

fn derive(
    cost: Cost,
    password: &[u8],
    salt: &[u8],
    length: usize,
) -> Result<Zeroizing<Vec<u8>>, HashingError> {
    let mut output = Zeroizing::new(vec![0; length]);
    match cost {
        Cost::Bcrypt { log_rounds } => {
            let salt = salt.try_into().map_err(system_error)?;
            // The password ends with a NUL, unless it is truncated.
            let mut octets: Zeroizing<Vec<u8>> =
                Zeroizing::new(Vec::with_capacity(BCRYPT_OCTETS + 1));
            octets.extend(password.iter().take(BCRYPT_OCTETS));
            octets.push(0);
            octets.truncate(BCRYPT_OCTETS);
            let hash = Zeroizing::new(bcrypt::bcrypt(log_rounds, salt, &octets));
            output.iter_mut().zip(hash.iter()).for_each(|(to, from)| *to = *from);
        }
        Cost::Pbkdf2 { digest: Digest::Sha256, iterations } => {
            pbkdf2::pbkdf2_hmac::<pbkdf2::sha2::Sha256>(password, salt, iterations, &mut output);
        }
        Cost::Pbkdf2 { digest: Digest::Sha512, iterations } => {
            pbkdf2::pbkdf2_hmac::<pbkdf2::sha2::Sha512>(password, salt, iterations, &mut output);
        }
        Cost::Scrypt(cost) => run_scrypt(cost, password, salt, &mut output)?,
    }
    Ok(output)
}

fn run_scrypt(
    ScryptCost { log_n, r, p }: ScryptCost,
    password: &[u8],
    salt: &[u8],
    output: &mut [u8],
) -> Result<(), HashingError> {
    let parameters = scrypt::Params::new(log_n, r, p).map_err(system_error)?;
    // The crate aborts the process if there is no memory: so this fails first.
    let octets = (128 << log_n) * usize::try_from(r).map_err(system_error)?;
    Vec::<u8>::new().try_reserve_exact(octets).map_err(system_error)?;
    scrypt::scrypt(password, salt, &parameters, output).map_err(system_error)
}
