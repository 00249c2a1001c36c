//! Secrets that a run knows, and all the forms in which one could be seen.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};

/// Secrets by name, and how each would look.
#[derive(Default)]
pub(crate) struct Secrets {
    forms: Vec<(String, Vec<u8>)>,
}

impl Secrets {
    pub(crate) fn add(&mut self, name: &str, secret: &[u8]) {
        assert!(secret.len() >= 12, "{name} could be found by chance");
        let mut add = |form: &str, octets: Vec<u8>| {
            self.forms.push((format!("{name}, {form}"), octets));
        };
        add("plain", secret.to_vec());
        let hex = secret.iter().map(|octet| format!("{octet:02x}")).collect::<Vec<_>>().concat();
        add("upper-case hex", hex.to_uppercase().into_bytes());
        add("hex", hex.into_bytes());
        let list = secret.iter().map(u8::to_string).collect::<Vec<_>>();
        add("list", list.join(", ").into_bytes());
        for offset in 0..3 {
            add("Base64", base64(&BASE64_STANDARD_NO_PAD, secret, offset));
            add("Base64 for URLs", base64(&BASE64_URL_SAFE_NO_PAD, secret, offset));
        }
    }

    /// The secrets that are in a text, and in which form.
    pub(crate) fn seen_in(&self, text: &[u8]) -> Vec<&str> {
        let is_seen = |form: &[u8]| text.windows(form.len()).any(|window| window == form);
        let seen = self.forms.iter().filter(|(_, form)| is_seen(form));
        seen.map(|(name, _)| name.as_str()).collect()
    }
}

/// What all texts have in common in which the secret comes after so many octets of others.
fn base64(engine: &impl base64::Engine, secret: &[u8], offset: usize) -> Vec<u8> {
    let message = [&[0; 2][..offset], secret].concat();
    let text = engine.encode(&message).into_bytes();
    let whole = message.len() * 8 / 6;
    text[(offset * 8).div_ceil(6)..whole].to_vec()
}

#[test]
fn a_secret_is_seen_in_every_form() {
    let secret = b"correct horse \xff\xfe?>";
    let mut secrets = Secrets::default();
    secrets.add("canary", secret);
    assert_eq!(secrets.seen_in(b"nothing, but correct horses"), [""; 0]);
    let within = |before: &[u8]| [before, secret, b"..."].concat();
    for text in [
        within(b"log: "),
        format!("{secret:02x?}").replace(", ", "").into_bytes(),
        format!("{secret:02X?}").replace(", ", "").into_bytes(),
        format!("{secret:?}").into_bytes(),
        BASE64_STANDARD_NO_PAD.encode(within(b"")).into_bytes(),
        BASE64_STANDARD_NO_PAD.encode(within(b"1")).into_bytes(),
        BASE64_URL_SAFE_NO_PAD.encode(within(b"12")).into_bytes(),
        BASE64_URL_SAFE_NO_PAD.encode(within(b"123")).into_bytes(),
    ] {
        assert!(!secrets.seen_in(&text).is_empty(), "{}", text.escape_ascii());
    }
}
