//! One evaluation of Argon2id (RFC 9106), in memory that is lent to it.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use phc::{Output, PasswordHash, Salt};
use zeroize::Zeroizing;

use super::hasher::system;
use super::{Argon2Parameters, HashingError, Verdict};

/// A hash as it was stored.
pub(super) struct Stored {
    salt: Salt,
    output: Output,
    parameters: Params,
    is_outdated: bool,
}

impl Stored {
    pub(super) fn parse(text: &str, current: Argon2Parameters) -> Result<Self, HashingError> {
        let hash = PasswordHash::new(text).map_err(|_| HashingError::Stored("no PHC string"))?;
        let is_argon2id = hash.algorithm.as_str() == "argon2id" && hash.version == Some(19);
        if !is_argon2id {
            return Err(HashingError::Stored("another algorithm than Argon2id, version 19"));
        }
        let params = Params::try_from(&hash).map_err(|_| HashingError::Stored("parameters"))?;
        let stored = Argon2Parameters::new(params.m_cost(), params.t_cost(), params.p_cost());
        let stored = stored.map_err(|_| HashingError::Stored("parameters out of bounds"))?;
        let (salt, output) =
            hash.salt.zip(hash.hash).ok_or(HashingError::Stored("no salt or no hash"))?;
        let is_outdated = stored != current || output.len() != Argon2Parameters::OUTPUT_OCTETS;
        Ok(Self { salt, output, parameters: params, is_outdated })
    }

    pub(super) fn verify(
        &self,
        password: &Zeroizing<String>,
        memory: &mut Vec<Block>,
    ) -> Result<Verdict, HashingError> {
        let length = self.output.len();
        let output = evaluate(password, &self.salt, &self.parameters, length, memory)?;
        // `Output` compares in constant time.
        let is_right = output == self.output;
        let Self { is_outdated, .. } = *self;
        Ok(if is_right { Verdict::Right { is_outdated } } else { Verdict::Wrong })
    }
}

pub(super) fn write(
    password: &Zeroizing<String>,
    salt: &[u8],
    parameters: &Params,
    memory: &mut Vec<Block>,
) -> Result<String, HashingError> {
    let output = evaluate(password, salt, parameters, Argon2Parameters::OUTPUT_OCTETS, memory)?;
    let hash = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: parameters.try_into().map_err(system)?,
        salt: Some(Salt::new(salt).map_err(system)?),
        hash: Some(output),
    };
    Ok(hash.to_string())
}

fn evaluate(
    password: &Zeroizing<String>,
    salt: &[u8],
    parameters: &Params,
    length: usize,
    memory: &mut Vec<Block>,
) -> Result<Output, HashingError> {
    let blocks = parameters.block_count();
    if memory.len() < blocks {
        memory.try_reserve_exact(blocks - memory.len()).map_err(system)?;
        memory.resize(blocks, Block::new());
    }
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters.clone());
    let mut output = Zeroizing::new(vec![0; length]);
    let password = password.as_bytes();
    argon2
        .hash_password_into_with_memory(password, salt, &mut output, memory.as_mut_slice())
        .map_err(system)?;
    Output::new(&output).map_err(system)
}

#[cfg(test)]
mod tests {
    use super::super::PasswordHasher;
    use super::*;

    fn hasher(memory_kib: u32) -> PasswordHasher {
        let parameters = Argon2Parameters::new(memory_kib, 1, 4).unwrap();
        PasswordHasher::new(parameters, 1, 8).unwrap()
    }

    #[tokio::test]
    async fn the_right_password_is_told_from_others() {
        let hasher = hasher(7 * 1024);
        let stored = hasher.hash(&"caf\u{e9} au lait".into()).await.unwrap();
        for (password, expected) in [
            ("cafe\u{301} au lait", Verdict::Right { is_outdated: false }),
            ("caf\u{e9} au lai", Verdict::Wrong),
            ("", Verdict::Wrong),
        ] {
            assert_eq!(hasher.verify(&password.into(), &stored).await.unwrap(), expected);
        }
        assert_ne!(hasher.hash(&"caf\u{e9} au lait".into()).await.unwrap(), stored);
    }

    #[tokio::test]
    async fn what_other_parameters_hashed_is_outdated_and_renewed() {
        let stored = hasher(7 * 1024).hash(&"password".into()).await.unwrap();
        let hasher = hasher(8 * 1024);
        let renew = async |password: &str, stored: &str| {
            let permit = hasher.permit().await.unwrap();
            permit.verify_and_renew(&password.into(), stored).await.unwrap()
        };
        assert_eq!(renew("another", &stored).await, (Verdict::Wrong, None));
        let (verdict, renewed) = renew("password", &stored).await;
        assert_eq!(verdict, Verdict::Right { is_outdated: true });
        let right = (Verdict::Right { is_outdated: false }, None);
        assert_eq!(renew("password", &renewed.unwrap()).await, right);
    }

    /// From the reference implementation (`argon2` of Debian): `echo -n password | argon2
    /// somesalt -id -t 1 -k 65536 -p 4 -l 32 -e`.
    #[tokio::test]
    async fn the_reference_agrees() {
        let stored = "$argon2id$v=19$m=65536,t=1,p=4$c29tZXNhbHQ$cWczuhdHfhDA6sh4imHnld+cUIbXhbfejilbkQ/p/Uo";
        let verdict = hasher(7 * 1024).verify(&"password".into(), stored).await.unwrap();
        assert_eq!(verdict, Verdict::Right { is_outdated: true });
    }

    #[tokio::test]
    async fn stored_hashes_are_bounded() {
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
            let refused = hasher.verify(&"password".into(), &format!("{start}{end}")).await;
            assert!(matches!(refused, Err(HashingError::Stored(_))), "{start}");
        }
    }
}
