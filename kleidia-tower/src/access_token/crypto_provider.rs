//! The cryptographic provider of `jsonwebtoken`.

use jsonwebtoken::crypto::{CryptoProvider, aws_lc};

/// Makes sure that `jsonwebtoken` has a provider.
///
/// It panics without one: when other crates enable both of its back-ends, and the application
/// installed neither. A provider that the application installed before is used.
pub(super) fn ensure() {
    if CryptoProvider::try_get_default().is_none() {
        // An error means that another thread installed a provider in the meantime.
        let _: Result<_, _> = aws_lc::DEFAULT_PROVIDER.install_default();
    }
}
