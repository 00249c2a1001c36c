//! No part of an access token leaks into a log, a response or a `Debug` form.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests may panic")]

// Alone in its process, since the subscribers of other tests would change which events are enabled.
#[path = "../../../http-guard/tests/captured_log/mod.rs"]
mod captured_log;
#[path = "../support/mod.rs"]
mod support;

use std::fmt::Write as _;

use http::Request;
use kleidia_tower::Rejection;
use kleidia_tower::session::CredentialPolicy;
use tower::{Layer as _, ServiceExt as _, service_fn};
use tracing::Level;

use crate::captured_log::CapturedLog;
use crate::support::Fixture;
use crate::support::http::{WhoamiService, request, send};

/// Returns what this thread logs while the future runs.
fn logged(future: impl Future<Output = ()>) -> String {
    let log = CapturedLog::default();
    let _guard = log.start(Level::TRACE);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(future);
    log.take()
}

/// Returns a part of the token in the text, of a length that does not occur by chance.
fn find_leak<'t>(token: &str, text: &'t str) -> Option<&'t str> {
    const LENGTH: usize = 12;
    let parts: std::collections::HashSet<&[u8]> = token.as_bytes().windows(LENGTH).collect();
    let position = text.as_bytes().windows(LENGTH).position(|window| parts.contains(window))?;
    text.get(position..position + LENGTH)
}

#[test]
fn leaks_no_part_of_a_token() {
    let (mut output, mut token) = (String::new(), String::new());
    let log = logged(async {
        let fixture = Fixture::new().await;
        let bearer = fixture.bearer("alice").await;
        token = bearer.strip_prefix("Bearer ").unwrap().to_owned();
        let (message, signature) = token.rsplit_once('.').unwrap();
        let flipped = format!("Bearer {message}.{}", signature.to_ascii_lowercase());
        let list = format!("{bearer}, {bearer}");
        for is_unavailable in [false, true] {
            fixture.store.set_unavailable(is_unavailable);
            for policy in [CredentialPolicy::Required, CredentialPolicy::AllowMissingOrInvalid] {
                let layer = fixture.layer().with_policy(policy);
                let _ = write!(output, "{layer:?} {:?}", layer.layer(0));
                for values in
                    [vec![bearer.as_str()], vec![&flipped], vec![&list], vec![&bearer, &bearer]]
                {
                    let response = send(layer.clone(), request(&values)).await;
                    let _ = write!(output, "{response:?}");
                    if let Some(rejection) = response.extensions().get::<Rejection>() {
                        let _ = write!(output, "{rejection} {rejection:?}");
                    }
                }
            }
        }
        fixture.store.set_unavailable(false);
        // The inner service may log the request.
        let service = service_fn(|request: Request<String>| {
            tracing::trace!(?request, extensions = ?request.extensions(), "called");
            tower::Service::call(&mut WhoamiService, request)
        });
        fixture.layer().layer(service).oneshot(request(&[&bearer])).await.unwrap();
    });
    assert!(
        log.contains("request rejected") && log.contains("authenticated") && log.contains("called")
    );
    assert!(log.contains("Sensitive"), "{log}");
    assert_eq!(find_leak(&token, &log), None);
    assert_eq!(find_leak(&token, &output), None);
}

#[test]
fn finds_leaks() {
    let token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0.c2lnbmF0dXJl";
    assert_eq!(find_leak(token, "x bGciOiJIUzI1 y"), Some("bGciOiJIUzI1"));
    assert_eq!(find_leak(token, "bGciOiJIUzI"), None);
}
