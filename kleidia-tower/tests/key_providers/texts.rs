//! Texts of keys, as an operator writes them while a key is rotated.

pub(crate) const OLD: &str = "2026-10:x1rfFMl6eDCVKoNYKFmgvUDTSWbI1UgyeYe3Mww+pTw=";
pub(crate) const NEW: &str = "2026-11:7h2tOTk5Cz3TIrDFa1eQnqGwmlGm/tHQS7KyRr8WTu8=";
/// Every node learns the new key, and none signs with it yet.
pub(crate) const ANNOUNCED: &str = "2026-10:x1rfFMl6eDCVKoNYKFmgvUDTSWbI1UgyeYe3Mww+pTw=\n\
    2026-11:7h2tOTk5Cz3TIrDFa1eQnqGwmlGm/tHQS7KyRr8WTu8=";
pub(crate) const ROTATED: &str = "2026-11:7h2tOTk5Cz3TIrDFa1eQnqGwmlGm/tHQS7KyRr8WTu8=\n\
    2026-10:x1rfFMl6eDCVKoNYKFmgvUDTSWbI1UgyeYe3Mww+pTw=";

/// A text for each way in which a key can be wrong, and what is said of it.
pub(crate) const BAD: [(&str, &str); 5] = [
    ("", "there is no key"),
    ("2026-10:c2hvcnQ=", "the secret of key 1 has 5 octets, fewer than 32"),
    (
        "a:x1rfFMl6eDCVKoNYKFmgvUDTSWbI1UgyeYe3Mww+pTw=,\
         a:7h2tOTk5Cz3TIrDFa1eQnqGwmlGm/tHQS7KyRr8WTu8=",
        "two keys have the name \"a\"",
    ),
    ("x1rfFMl6eDCVKoNYKFmgvUDTSWbI1UgyeYe3Mww+pTw=", "key 1 is not of the form `name:secret`"),
    ("2026-10:no secret in Base64 here.", "the secret of key 1 is not in Base64"),
];
