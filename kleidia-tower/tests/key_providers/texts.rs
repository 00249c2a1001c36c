//! Texts of keys, as an operator writes them during a rotation.

pub(crate) const OLD: &str = "2026-10:x1rfFMl6eDCVKoNYKFmgvUDTSWbI1UgyeYe3Mww+pTw=";
pub(crate) const NEW: &str = "2026-11:7h2tOTk5Cz3TIrDFa1eQnqGwmlGm/tHQS7KyRr8WTu8=";
pub(crate) const THIRD: &str = "2026-12:mkBPjvZ9CFRH8JuTkH3H6Twk5DB1tYw4bAyeIZS/VGo=";
/// Every node verifies with the new key, and none signs with it yet.
pub(crate) const ANNOUNCED: &str = "2026-10:x1rfFMl6eDCVKoNYKFmgvUDTSWbI1UgyeYe3Mww+pTw=\n\
    2026-11:7h2tOTk5Cz3TIrDFa1eQnqGwmlGm/tHQS7KyRr8WTu8=";
pub(crate) const ROTATED: &str = "2026-11:7h2tOTk5Cz3TIrDFa1eQnqGwmlGm/tHQS7KyRr8WTu8=\n\
    2026-10:x1rfFMl6eDCVKoNYKFmgvUDTSWbI1UgyeYe3Mww+pTw=";

/// Invalid texts, and their errors.
pub(crate) const INVALID: [(&str, &str); 5] = [
    ("", "no keys"),
    ("2026-10:c2hvcnQ=", "the secret of key 1 has 5 octets, expected at least 32"),
    (
        "a:x1rfFMl6eDCVKoNYKFmgvUDTSWbI1UgyeYe3Mww+pTw=,\
         a:7h2tOTk5Cz3TIrDFa1eQnqGwmlGm/tHQS7KyRr8WTu8=",
        "duplicate key ID \"a\"",
    ),
    ("x1rfFMl6eDCVKoNYKFmgvUDTSWbI1UgyeYe3Mww+pTw=", "key 1 does not have the form `id:secret`"),
    ("2026-10:no secret in Base64 here.", "the secret of key 1 is not Base64"),
];
