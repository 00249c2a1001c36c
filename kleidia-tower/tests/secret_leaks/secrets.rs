//! The secrets of a run, and the encodings in which one could leak.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};

/// Named secrets, in all encodings.
#[derive(Default)]
pub(crate) struct Secrets {
    forms: Vec<(String, Vec<u8>)>,
}

impl Secrets {
    pub(crate) fn add(&mut self, name: &str, secret: &[u8]) {
        assert!(secret.len() >= 12, "{name} could occur by chance");
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

    /// Returns the names and encodings of the secrets in a text.
    pub(crate) fn leaked_in(&self, text: &[u8]) -> Vec<&str> {
        let leaks = |form: &[u8]| text.windows(form.len()).any(|window| window == form);
        let leaked = self.forms.iter().filter(|(_, form)| leaks(form));
        leaked.map(|(name, _)| name.as_str()).collect()
    }
}

/// Returns the part of the Base64 text that depends on the secret alone, if `offset` octets
/// precede it.
fn base64(engine: &impl base64::Engine, secret: &[u8], offset: usize) -> Vec<u8> {
    let message = [&[0; 2][..offset], secret].concat();
    let text = engine.encode(&message).into_bytes();
    let whole = message.len() * 8 / 6;
    text[(offset * 8).div_ceil(6)..whole].to_vec()
}

#[test]
fn finds_secret_in_every_encoding() {
    let secret = b"correct horse \xff\xfe?>";
    let mut secrets = Secrets::default();
    secrets.add("canary", secret);
    assert_eq!(secrets.leaked_in(b"nothing, but correct horses"), [""; 0]);
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
        assert!(!secrets.leaked_in(&text).is_empty(), "{}", text.escape_ascii());
    }
}
