//! Randomness from the operating system.

/// Returns random octets, or `None` if the operating system provides none.
pub(crate) fn random_octets<const LENGTH: usize>() -> Option<[u8; LENGTH]> {
    let mut octets = [0; LENGTH];
    aws_lc_rs::rand::fill(&mut octets).ok()?;
    Some(octets)
}
