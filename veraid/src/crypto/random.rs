//! Randomness from the operating system.

/// Random octets, or `None` if the operating system has none.
pub(crate) fn random_octets<const LENGTH: usize>() -> Option<[u8; LENGTH]> {
    let mut octets = [0; LENGTH];
    aws_lc_rs::rand::fill(&mut octets).ok()?;
    Some(octets)
}
