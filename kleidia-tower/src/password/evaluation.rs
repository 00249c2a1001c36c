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
