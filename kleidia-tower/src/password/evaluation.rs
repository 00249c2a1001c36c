//! One evaluation of Argon2id (RFC 9106), in memory that the caller provides.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use phc::{Output, PasswordHash, Salt};
use zeroize::Zeroizing;

use super::hasher::system_error;
use super::{Argon2Parameters, HashingError, PasswordCheck};

/// A stored hash, parsed from its PHC string.
pub(super) struct ParsedHash {
    salt: Salt,
    output: Output,
    pub(super) parameters: Argon2Parameters,
    needs_rehash: bool,
}

impl ParsedHash {
    pub(super) fn parse(text: &str, current: Argon2Parameters) -> Result<Self, HashingError> {
        let (hash, parameters) = parse(text)?;
        let (salt, output) =
            hash.salt.zip(hash.hash).ok_or(HashingError::InvalidHash("missing salt or hash"))?;
        let needs_rehash = parameters != current || output.len() != Argon2Parameters::OUTPUT_OCTETS;
        Ok(Self { salt, output, parameters, needs_rehash })
    }

    pub(super) fn verify(
        &self,
        password: &Zeroizing<String>,
        memory: &mut Vec<Block>,
    ) -> Result<PasswordCheck, HashingError> {
        let length = self.output.len();
        let output = run_argon2(password, &self.salt, self.parameters, length, memory)?;
        // `Output` compares in constant time.
        if output != self.output {
            return Ok(PasswordCheck::Mismatch);
        }
        Ok(PasswordCheck::Match { needs_rehash: self.needs_rehash })
    }
}

/// Parses the parameters of a PHC string, with or without a salt and a hash.
pub(super) fn parse_parameters(text: &str) -> Result<Argon2Parameters, HashingError> {
    parse(text).map(|(_, parameters)| parameters)
}

fn parse(text: &str) -> Result<(PasswordHash, Argon2Parameters), HashingError> {
    let hash =
        PasswordHash::new(text).map_err(|_| HashingError::InvalidHash("malformed PHC string"))?;
    let is_argon2id = hash.algorithm.as_str() == "argon2id" && hash.version == Some(19);
    if !is_argon2id {
        return Err(HashingError::InvalidHash("expected Argon2id, version 19"));
    }
    let params =
        Params::try_from(&hash).map_err(|_| HashingError::InvalidHash("invalid parameters"))?;
    let parameters = Argon2Parameters::from_argon2(&params)
        .map_err(|_| HashingError::InvalidHash("parameters out of range"))?;
    Ok((hash, parameters))
}

/// Hashes a password into a PHC string.
pub(super) fn hash_to_phc(
    password: &Zeroizing<String>,
    salt: &[u8],
    parameters: Argon2Parameters,
    memory: &mut Vec<Block>,
) -> Result<String, HashingError> {
    let length = Argon2Parameters::OUTPUT_OCTETS;
    let params = parameters.to_argon2(length).map_err(system_error)?;
    let output = run_argon2(password, salt, parameters, length, memory)?;
    format_argon2id(&params, Salt::new(salt).map_err(system_error)?, output)
}

/// Writes the PHC string. Equal parameters have equal texts.
pub(super) fn format_argon2id(
    params: &Params,
    salt: Salt,
    output: Output,
) -> Result<String, HashingError> {
    let hash = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: params.try_into().map_err(system_error)?,
        salt: Some(salt),
        hash: Some(output),
    };
    Ok(hash.to_string())
}

fn run_argon2(
    password: &Zeroizing<String>,
    salt: &[u8],
    parameters: Argon2Parameters,
    length: usize,
    memory: &mut Vec<Block>,
) -> Result<Output, HashingError> {
    let parameters = parameters.to_argon2(length).map_err(system_error)?;
    let blocks = parameters.block_count();
    if memory.len() < blocks {
        memory.try_reserve_exact(blocks - memory.len()).map_err(system_error)?;
        memory.resize(blocks, Block::new());
    }
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters);
    let mut output = Zeroizing::new(vec![0; length]);
    let password = password.as_bytes();
    argon2
        .hash_password_into_with_memory(password, salt, &mut output, memory.as_mut_slice())
        .map_err(system_error)?;
    Output::new(&output).map_err(system_error)
}

#[cfg(test)]
mod tests {
    use super::super::PasswordHasher;
    use super::*;

    fn hasher(memory_kib: u32) -> PasswordHasher {
        let parameters = Argon2Parameters::default().with_memory_kib(memory_kib).unwrap();
        let options = PasswordHasher::options().with_parameters(parameters);
        options.with_permits(1).unwrap().start().unwrap()
    }

    #[tokio::test]
    async fn matches_only_the_hashed_password() {
        let hasher = hasher(7 * 1024);
        let stored = hasher.hash(&"caf\u{e9} au lait".into()).await.unwrap();
        for (password, expected) in [
            ("cafe\u{301} au lait", PasswordCheck::Match { needs_rehash: false }),
            ("caf\u{e9} au lai", PasswordCheck::Mismatch),
            ("", PasswordCheck::Mismatch),
        ] {
            assert_eq!(hasher.verify(&password.into(), &stored).await.unwrap(), expected);
        }
        assert_ne!(hasher.hash(&"caf\u{e9} au lait".into()).await.unwrap(), stored);
    }

    #[tokio::test]
    async fn rehashes_after_a_change_of_parameters() {
        let stored = hasher(7 * 1024).hash(&"password".into()).await.unwrap();
        let hasher = hasher(8 * 1024);
        let verify = async |password: &str, stored: &str| {
            let permit = hasher.permit().await.unwrap();
            permit.verify_and_rehash(&password.into(), stored).await.unwrap()
        };
        assert_eq!(verify("another", &stored).await, (PasswordCheck::Mismatch, None));
        let (check, rehashed) = verify("password", &stored).await;
        assert_eq!(check, PasswordCheck::Match { needs_rehash: true });
        let current = (PasswordCheck::Match { needs_rehash: false }, None);
        assert_eq!(verify("password", &rehashed.unwrap()).await, current);
    }

    /// From the reference implementation (`argon2` of Debian): `echo -n password | argon2
    /// somesalt -id -t 1 -k 65536 -p 4 -l 32 -e`.
    #[tokio::test]
    async fn verifies_hash_of_the_reference_implementation() {
        let stored = "$argon2id$v=19$m=65536,t=1,p=4$c29tZXNhbHQ$cWczuhdHfhDA6sh4imHnld+cUIbXhbfejilbkQ/p/Uo";
        let check = hasher(7 * 1024).verify(&"password".into(), stored).await.unwrap();
        assert_eq!(check, PasswordCheck::Match { needs_rehash: true });
    }

    #[tokio::test]
    async fn rejects_other_algorithms_and_costs() {
        let hasher = hasher(7 * 1024);
        let end = "c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        for start in [
            "$argon2id$v=19$m=4194304,t=1,p=4$",
            "$argon2id$v=19$m=1024,t=1,p=4$",
            "$argon2id$v=19$m=65536,t=100,p=4$",
            "$argon2id$v=19$m=65536,t=1,p=64$",
            "$argon2id$v=16$m=65536,t=1,p=4$",
            "$argon2i$v=19$m=65536,t=1,p=4$",
            "$5$",
            "",
        ] {
            let check = hasher.verify(&"password".into(), &format!("{start}{end}")).await;
            assert!(matches!(check, Err(HashingError::InvalidHash(_))), "{start}");
        }
    }
}
