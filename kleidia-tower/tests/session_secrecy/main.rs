//! The token, of which no piece is told to any log, response or `Debug`.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may end by a panic"
)]

// Alone in its process, for what others log first decides what a subscriber of one thread sees.
#[path = "../stage/mod.rs"]
mod stage;

use std::fmt::Write as _;
use std::io;
use std::sync::{Arc, Mutex};

use http::Request;
use kleidia_tower::Rejection;
use kleidia_tower::session::CredentialPolicy;
use tower::{Layer as _, ServiceExt as _, service_fn};
use tracing::subscriber::with_default;
use tracing_subscriber::fmt::Subscriber;

use crate::stage::World;
use crate::stage::http::{Tell, request, send};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// All that is logged meanwhile, on this thread.
fn logged(future: impl Future<Output = ()>) -> String {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = Subscriber::builder()
        .with_ansi(false)
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    with_default(subscriber, || runtime.block_on(future));
    String::from_utf8(std::mem::take(&mut log.0.lock().unwrap())).unwrap()
}

/// A piece of the token, as long as chance does not make one.
fn told_piece<'t>(token: &str, text: &'t str) -> Option<&'t str> {
    const PIECE: usize = 12;
    let pieces: std::collections::HashSet<&[u8]> = token.as_bytes().windows(PIECE).collect();
    let place = text.as_bytes().windows(PIECE).position(|window| pieces.contains(window))?;
    text.get(place..place + PIECE)
}

#[test]
fn no_piece_of_a_token_is_told() {
    let (mut told, mut token) = (String::new(), String::new());
    let log = logged(async {
        let world = World::new().await;
        let bearer = world.bearer("alice").await;
        token = bearer.strip_prefix("Bearer ").unwrap().to_owned();
        let (message, signature) = token.rsplit_once('.').unwrap();
        let flipped = format!("Bearer {message}.{}", signature.to_ascii_lowercase());
        let list = format!("{bearer}, {bearer}");
        for is_broken in [false, true] {
            world.store.set_broken(is_broken);
            for policy in [CredentialPolicy::Required, CredentialPolicy::AllowMissingOrInvalid] {
                let layer = world.layer().with_policy(policy);
                let _ = write!(told, "{layer:?} {:?}", layer.layer(0));
                for values in
                    [vec![bearer.as_str()], vec![&flipped], vec![&list], vec![&bearer, &bearer]]
                {
                    let response = send(layer.clone(), request(&values)).await;
                    let _ = write!(told, "{response:?}");
                    if let Some(rejection) = response.extensions().get::<Rejection>() {
                        let _ = write!(told, "{rejection} {rejection:?}");
                    }
                }
            }
        }
        world.store.set_broken(false);
        // What the service may print of the request, too.
        let service = service_fn(|request: Request<String>| {
            tracing::trace!(?request, extensions = ?request.extensions(), "called");
            tower::Service::call(&mut Tell, request)
        });
        world.layer().layer(service).oneshot(request(&[&bearer])).await.unwrap();
    });
    assert!(log.contains("refused") && log.contains("authenticated") && log.contains("called"));
    assert!(log.contains("Sensitive"), "{log}");
    assert_eq!(told_piece(&token, &log), None);
    assert_eq!(told_piece(&token, &told), None);
}

/// The search finds what it is for.
#[test]
fn pieces_are_found() {
    let token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0.c2lnbmF0dXJl";
    assert_eq!(told_piece(token, "x bGciOiJIUzI1 y"), Some("bGciOiJIUzI1"));
    assert_eq!(told_piece(token, "bGciOiJIUzI"), None);
}
