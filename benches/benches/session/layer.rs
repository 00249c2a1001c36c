//! `JwtSessionLayer`, compared with a verification and a lookup, and with `axum-login`.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::RwLock;

use benches::Target::AtMost;
use benches::{Comparison, Echo, medians, rounds};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use kleidia_tower::SessionId;
use kleidia_tower::access_token::Claims;
use kleidia_tower::session::{JwtSessionLayer, SessionView};
use tower::Layer as _;

use crate::access_claims::AccessClaims;
use crate::caller::{CALLS, call, repeat, time_calls};
use crate::peer::Peer;
use crate::people::{People, SECRET};

pub(crate) fn all(people: &People, peer: &Peer) -> Vec<Comparison> {
    let layer = JwtSessionLayer::new(people.accounts.authenticator());
    let cached = JwtSessionLayer::new(people.cached().authenticator());
    let (mut layered, mut cached, mut login) =
        (layer.layer(Echo), cached.layer(Echo), peer.service());
    let baseline = Baseline::new(people);
    // Caches the session.
    call(&mut cached, people.request());
    let [layered, cached, login, baseline] = medians(
        rounds(20_000),
        &mut [
            &mut || time_calls(&mut layered, || people.request()),
            &mut || time_calls(&mut cached, || people.request()),
            &mut || time_calls(&mut login, || peer.request()),
            &mut || repeat(|| baseline.verify_and_look_up(black_box(&people.token))),
        ],
    )
    .map(|round| round / CALLS);
    let baseline = ("jsonwebtoken::decode and a lookup", baseline);
    let login = ("axum-login over tower-sessions, in memory", login);
    vec![
        Comparison::from_times(
            ("JwtSessionLayer, store in memory", layered),
            baseline,
            Some(AtMost(1.3)),
        ),
        Comparison::from_times(("JwtSessionLayer, sessions remembered", cached), baseline, None),
        Comparison::from_times(("JwtSessionLayer, store in memory", layered), login, None),
    ]
}

/// The unavoidable work of accepting JWTs whose sessions can be ended.
struct Baseline {
    key: DecodingKey,
    validation: Validation,
    sessions: RwLock<HashMap<SessionId, SessionView>>,
}

impl Baseline {
    fn new(people: &People) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[Claims::ISSUER]);
        let session = people.session.clone();
        let sessions = RwLock::new(HashMap::from([(session.session.id, session)]));
        Self { key: DecodingKey::from_secret(SECRET).expect("a secret"), validation, sessions }
    }

    fn verify_and_look_up(&self, token: &str) {
        let decoded = decode::<AccessClaims>(token, &self.key, &self.validation);
        let session = SessionId::new(decoded.expect("a token").claims.session_id);
        let sessions = self.sessions.read().expect("no panic");
        assert!(black_box(sessions.get(&session).cloned()).is_some());
    }
}
