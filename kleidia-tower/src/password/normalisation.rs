//! One form for passwords that look the same (NIST SP 800-63B, 3.1.1.2; Unicode, NFKC).

use icu_normalizer::ComposingNormalizerBorrowed;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

/// The password as it is hashed, whatever keyboard it was typed on.
pub(super) fn normalised(password: &SecretString) -> Zeroizing<String> {
    let normalizer = ComposingNormalizerBorrowed::new_nfkc();
    let password = password.expose_secret();
    // Enough for all that NFKC makes of it but a few ligatures, so that no copy is left behind.
    let mut form = Zeroizing::new(String::with_capacity(password.len() * 4));
    form.extend(normalizer.normalize_iter(password.chars()));
    form
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_word_is_the_same_password() {
        let composed = SecretString::from("caf\u{e9} \u{fb01}");
        let decomposed = SecretString::from("cafe\u{301} fi");
        assert_eq!(*normalised(&composed), *normalised(&decomposed));
        assert_eq!(*normalised(&composed), "caf\u{e9} fi");
    }
}
