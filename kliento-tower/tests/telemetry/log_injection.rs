//! Text from clients must not forge log lines.

use http::HeaderValue;
use kliento_core::{Period, Token};
use kliento_tower::{FixedClock, KlientoAuthLayer, TrustAnchors};
use veraid::testing::{MockEnvironment, MockMember};

use crate::log::text;
use crate::mock::exchange::send;
use crate::mock::{credentials, period, sign};

/// A line break, a colour, a sequence that hides the text before it, and right-to-left text.
const FORGED: &str =
    "x\n2026-11-22T18:00:00Z  INFO \u{1b}[31mforged\r\u{1b}[2K\u{9b}1mforged\u{202e}";

/// A user name may contain quotes, but no control characters.
const USER: &str = "eve\" outcome=\"accepted\" forged=\"";

fn hour() -> Period {
    period("2026-11-22T18:00:00Z", "2026-11-22T19:00:00Z")
}

fn eve(environment: &MockEnvironment) -> MockMember {
    environment.organisation("example.com").unwrap().member(USER).unwrap()
}

/// Returns the log of an accepted request, and of one with an audience that the client chose.
fn lines(is_coloured: bool) -> String {
    let environment = MockEnvironment::new(hour()).unwrap();
    let eve = eve(&environment);
    let anchors: TrustAnchors = environment.trust_anchors().unwrap().into();
    let layer = KlientoAuthLayer::new("https://api.example.com")
        .with_trust_anchors(anchors)
        .with_clock(FixedClock(hour().start()));
    let bundle = |audience: &str| -> HeaderValue {
        let token = Token::new(audience).with_claim(FORGED, FORGED);
        credentials(sign(&eve, &token, hour()))
    };
    let (good, bad) = (bundle("https://api.example.com"), bundle(FORGED));
    text(is_coloured, async {
        let identity = send(&layer, &good).await.unwrap();
        assert_eq!(identity.user().unwrap().as_str(), USER);
        let rejection = send(&layer, &bad).await.unwrap_err();
        assert_eq!(rejection.reason(), "audience-mismatch");
        // A service may log its identities and rejections.
        tracing::info!(?identity, ?rejection, %rejection, "logged by the service");
    })
}

#[test]
fn clients_cannot_forge_log_lines() {
    let log = lines(false);
    assert_eq!(log.lines().count(), 3, "{log}");
    // The three line breaks are the only invisible characters.
    let is_invisible = |c: &char| c.is_control() || "\u{2028}\u{2029}\u{202e}".contains(*c);
    assert_eq!(log.chars().filter(is_invisible).collect::<String>(), "\n\n\n", "{log:?}");
    // The forged text is visible, so that the attempt can be detected.
    assert!(log.matches("forged").count() >= 3, "{log}");
    assert!(!log.contains(r#" outcome="accepted" forged"#), "{log}");
}

/// A name may have thousands of characters, none of which can be printed.
#[test]
fn long_text_of_clients_is_cut() {
    let environment = MockEnvironment::new(hour()).unwrap();
    let name = "\u{202e}".repeat(3_000);
    let member = environment.organisation("example.com").unwrap().member(&name).unwrap();
    let anchors: TrustAnchors = environment.trust_anchors().unwrap().into();
    let layer = KlientoAuthLayer::new("https://api.example.com")
        .with_trust_anchors(anchors)
        .with_clock(FixedClock(hour().start()));
    let bundle = |audience: &str| -> HeaderValue {
        let token = Token::new(audience).with_claim("claim", "\u{202e}".repeat(500));
        credentials(sign(&member, &token, hour()))
    };
    let (good, bad) = (bundle("https://api.example.com"), bundle(&name[..1_500]));
    let log = text(false, async {
        let identity = send(&layer, &good).await.unwrap();
        let denial = send(&layer.clone().with_authorizer(|_| false), &good).await.unwrap_err();
        let rejection = send(&layer, &bad).await.unwrap_err();
        assert_eq!(rejection.reason(), "audience-mismatch");
        tracing::info!(?identity, %denial, "logged by the service");
    });
    assert_eq!(log.lines().count(), 4, "{log}");
    for line in log.lines() {
        assert!(line.len() < 1_000, "{} octets: {line}", line.len());
    }
}

#[test]
fn clients_cannot_forge_terminal_escapes() {
    let log = lines(true);
    assert_eq!(log.lines().count(), 3, "{log}");
    assert!(log.contains("\u{1b}["), "the log is in colours");
    for sequence in ["\u{1b}[31m", "\u{1b}[2K", "\u{9b}", "\r"] {
        assert!(!log.contains(&format!("{sequence}forged")), "{log:?}");
    }
    assert!(!log.contains("\u{1b}[31mforged") && !log.contains('\u{9b}') && !log.contains('\r'));
}
