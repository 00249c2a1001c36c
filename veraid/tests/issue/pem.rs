//! Private keys in PEM.

use veraid::KeyAlgorithm;
use veraid::issue::{KeyError, RsaSigner, Signer as _};

#[test]
fn reads_keys_in_all_forms_that_openssl_reads() {
    let key = RsaSigner::generate(KeyAlgorithm::Rsa2048).unwrap();
    let pem = key.to_pkcs8_pem().unwrap();
    let (pem, spki) = (pem.as_str(), key.subject_public_key_info());
    let data: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let lines = |width: usize| {
        let lines = data.as_bytes().chunks(width).map(|line| str::from_utf8(line).unwrap());
        let lines: Vec<_> = lines.collect();
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"))
    };
    let public = "-----BEGIN PUBLIC KEY-----\nMAA=\n-----END PUBLIC KEY-----\n";
    for text in [
        format!("{pem}\n\n"),
        format!("\n \n{pem}"),
        format!("\u{feff}{pem}"),
        format!("Bag Attributes\n    localKeyID: 01\n{pem}more"),
        format!("{public}{pem}{public}"),
        pem.trim_end().to_owned(),
        pem.replace('\n', "\r\n"),
        pem.replace('\n', "\r"),
        pem.replace('\n', " \t\n  "),
        pem.replacen("-----END", "\n-----END", 1),
        pem.replacen("KEY-----\n", "KEY-----\nComment: a key\n\n", 1),
        pem.replace('\n', "\r\n").replacen("KEY-----\r\n", "KEY-----\r\nComment: a\r\n\r\n", 1),
        pem.replacen("KEY-----\n", "KEY-----\nComment: a key\n  \n", 1),
        format!("# my key -----BEGIN PRIVATE KEY----- below\n{pem}"),
        format!("Bag Attributes\n    friendlyName: -----BEGIN stuff\n{pem}"),
        lines(76),
        lines(data.len()),
        lines(7),
    ] {
        let read = RsaSigner::from_pem(text.as_bytes())
            .unwrap_or_else(|error| panic!("{error}: {text:?}"));
        assert_eq!(read.subject_public_key_info(), spki);
    }
    let latin_1 = [b"Schl\xfcssel\n", pem.as_bytes()].concat();
    assert!(RsaSigner::from_pem(&latin_1).is_ok());
}

#[test]
fn rejects_malformed_pem_without_quoting_it() {
    let key = RsaSigner::generate(KeyAlgorithm::Rsa2048).unwrap();
    let pem = key.to_pkcs8_pem().unwrap();
    let (pem, secret) = (pem.as_str(), &pem[60..90]);
    for text in [
        pem.replacen("KEY-----\n", "KEY\n", 1),
        pem.replacen("-----END PRIVATE", "-----END PUBLIC", 1),
        pem.replacen("-----END", "----END", 1),
        pem.replacen("\nM", "\nM!", 1),
        pem.replacen("\nM", "\nM-----BEGIN X-----", 1),
    ] {
        let error = RsaSigner::from_pem(text.as_bytes()).unwrap_err();
        let message = format!("{error} {error:?}");
        assert!(!message.contains(secret), "{message}");
    }
    let two = RsaSigner::from_pem(format!("{pem}{pem}").as_bytes()).unwrap_err();
    assert_eq!(two, KeyError::Ambiguous { found: 2 });
}
