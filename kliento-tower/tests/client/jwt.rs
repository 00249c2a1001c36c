//! Sources of the JWTs to exchange.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use kliento_tower::client::{
    ExchangeError, JwtEnvVar, JwtFile, JwtSource, SourceError, TokenBundleSource as _,
};
use secrecy::{ExposeSecret as _, SecretString};

use crate::authority::{JWT, MockAuthority, granted, status};

#[tokio::test]
async fn file_is_reread_for_each_exchange() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("token");
    let authority = MockAuthority::new([granted(), granted()]).await;
    let exchange = authority.exchange_with(JwtFile::new(&path));
    for jwt in ["a.b.c", "d.e.f"] {
        std::fs::write(&path, format!("{jwt}\n")).unwrap();
        exchange.token_bundle(None).await.unwrap();
        let requests = authority.requests();
        assert_eq!(requests.last().unwrap()["authorization"], format!("Bearer {jwt}"));
    }
}

#[tokio::test]
async fn function_is_called_for_each_attempt() {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let jwt = move || {
        let number = counted.fetch_add(1, Ordering::SeqCst);
        async move { Ok(SecretString::from(format!("a.{number}.c"))) }
    };
    let authority = MockAuthority::new([status(503), granted()]).await;
    authority.exchange_with(jwt).token_bundle(None).await.unwrap();
    let sent: Vec<_> =
        authority.requests().iter().map(|headers| headers["authorization"].clone()).collect();
    assert_eq!(sent, ["Bearer a.0.c", "Bearer a.1.c"]);
}

#[tokio::test]
async fn reads_environment_variable() {
    // Cargo sets it for tests.
    let jwt = JwtEnvVar::new("CARGO_PKG_NAME").jwt().await.unwrap();
    assert_eq!(jwt.expose_secret(), "kliento-tower");
}

#[tokio::test]
async fn sends_no_request_without_a_jwt() {
    let authority = MockAuthority::new([granted()]).await;
    let failing = || async { Err(SourceError::new("metadata server unavailable")) };
    let sources: [Arc<dyn JwtSource>; 3] = [
        Arc::new(JwtEnvVar::new("KLIENTO_NOT_SET")),
        Arc::new(JwtFile::new("/nowhere/token")),
        Arc::new(failing),
    ];
    for source in sources {
        let error = authority.exchange_with(source).token_bundle(None).await.unwrap_err();
        let cause = std::error::Error::source(&error).unwrap();
        assert!(matches!(cause.downcast_ref(), Some(ExchangeError::Jwt(_))), "{error}");
    }
    for jwt in ["", "a b", "a.b.c\r\nx: y", JWT.repeat(2).replace('.', ",").as_str()] {
        let error = authority.exchange_with(SecretString::from(jwt)).token_bundle(None).await;
        let error = error.unwrap_err();
        let cause = std::error::Error::source(&error).unwrap();
        assert!(matches!(cause.downcast_ref(), Some(ExchangeError::InvalidJwt)), "{error}");
    }
    assert!(authority.requests().is_empty());
}
