//! The normal form of passwords (NIST SP 800-63B, 3.1.1.2; Unicode, NFKC).

use icu_normalizer::ComposingNormalizerBorrowed;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

/// Returns the password in the form that is hashed, which does not depend on the keyboard.
pub(super) fn normalise(password: &SecretString) -> Zeroizing<String> {
    let normalizer = ComposingNormalizerBorrowed::new_nfkc();
    let password = password.expose_secret();
    // With this capacity it grows only for a few ligatures: growing would leave a copy in memory.
    let mut normalised = Zeroizing::new(String::with_capacity(password.len() * 4));
    normalised.extend(normalizer.normalize_iter(password.chars()));
    normalised
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equivalent_texts_are_equal() {
        let composed = SecretString::from("caf\u{e9} \u{fb01}");
        let decomposed = SecretString::from("cafe\u{301} fi");
        assert_eq!(*normalise(&composed), *normalise(&decomposed));
        assert_eq!(*normalise(&composed), "caf\u{e9} fi");
    }
}
