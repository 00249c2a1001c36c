//! The digests of limits' keys, which are the same on every node.

use std::fmt;
use std::hash::Hasher;

use aws_lc_rs::hmac;

use super::LimitKey;

/// The secret of the digests. Without it, a digest tells nothing about its key.
#[derive(Clone)]
pub(crate) struct DigestKey(hmac::Key);

/// Hashes a key by HMAC-SHA-256.
///
/// Integers are hashed as little-endian octets, and `usize` as 64 bits, so that the platform does
/// not matter.
#[derive(Clone)]
pub(crate) struct DigestHasher(hmac::Context);

impl DigestKey {
    pub(crate) fn new(secret: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// Starts the digest of a key of the limit with this label.
    pub(crate) fn hasher(&self, label: &[u8]) -> DigestHasher {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(label);
        DigestHasher(context)
    }
}

impl DigestHasher {
    /// Returns the digest, truncated to 128 bits.
    pub(crate) fn digest(self) -> [u8; LimitKey::DIGEST_OCTETS] {
        let mut digest = [0; LimitKey::DIGEST_OCTETS];
        digest.iter_mut().zip(self.0.sign().as_ref()).for_each(|(to, from)| *to = *from);
        digest
    }
}

macro_rules! write_little_endian {
    ($($method:ident($integer:ty as $written:ty)),+) => {
        $(fn $method(&mut self, value: $integer) {
            self.write(&(value as $written).to_le_bytes());
        })+
    };
}

impl Hasher for DigestHasher {
    fn write(&mut self, octets: &[u8]) {
        self.0.update(octets);
    }

    write_little_endian!(
        write_u16(u16 as u16),
        write_u32(u32 as u32),
        write_u64(u64 as u64),
        write_u128(u128 as u128),
        write_usize(usize as u64),
        write_i16(i16 as i16),
        write_i32(i32 as i32),
        write_i64(i64 as i64),
        write_i128(i128 as i128),
        write_isize(isize as i64)
    );

    /// Returns no part of the digest: [`Self::digest`] does.
    fn finish(&self) -> u64 {
        0
    }
}

impl fmt::Debug for DigestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DigestKey")
    }
}

#[cfg(test)]
mod tests {
    use std::hash::Hash as _;

    use super::*;

    /// Nodes of any platform and version must agree, so the digests are written down here. They are
    /// those of Python's `hmac`.
    #[test]
    fn digests_are_stable() {
        let digest = |value: &dyn Fn(&mut DigestHasher)| {
            let mut hasher = DigestKey::new(&[7; 32]).hasher(b"label");
            value(&mut hasher);
            hasher.digest()
        };
        let number = digest(&|hasher| 0x0102_u128.hash(hasher));
        assert_eq!(hex(number), NUMBER);
        assert_eq!(digest(&|hasher| hasher.write_usize(5)), digest(&|hasher| hasher.write_u64(5)));
        assert_eq!(hex(digest(&|hasher| "alice".hash(hasher))), TEXT);
    }

    const NUMBER: &str = "6c6280ace3790b35b20801a115e02e3f";
    const TEXT: &str = "b82e8d87b7ed99d7d0243b7635802879";

    fn hex(digest: [u8; LimitKey::DIGEST_OCTETS]) -> String {
        format!("{:032x}", u128::from_be_bytes(digest))
    }
}
