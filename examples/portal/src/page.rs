//! The page, whose files are embedded in the executable.

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::HeaderValue;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};

/// Allows scripts, styles and requests of the same origin only (CSP 3), and never turns text into
/// markup or script (Trusted Types).
const CONTENT_SECURITY_POLICY_VALUE: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; \
    frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// The path, media type and text of each file.
const FILES: &[(&str, &str, &str)] = &[
    ("/", "text/html; charset=utf-8", include_str!("../page/index.html")),
    ("/page/style.css", "text/css; charset=utf-8", include_str!("../page/style.css")),
    ("/page/account.js", JAVASCRIPT, include_str!("../page/account.js")),
    ("/page/api.js", JAVASCRIPT, include_str!("../page/api.js")),
    ("/page/app.js", JAVASCRIPT, include_str!("../page/app.js")),
    ("/page/audit.js", JAVASCRIPT, include_str!("../page/audit.js")),
    ("/page/dialog.js", JAVASCRIPT, include_str!("../page/dialog.js")),
    ("/page/element.js", JAVASCRIPT, include_str!("../page/element.js")),
    ("/page/event_stream.js", JAVASCRIPT, include_str!("../page/event_stream.js")),
    ("/page/form.js", JAVASCRIPT, include_str!("../page/form.js")),
    ("/page/format.js", JAVASCRIPT, include_str!("../page/format.js")),
    ("/page/http.js", JAVASCRIPT, include_str!("../page/http.js")),
    ("/page/live_events.js", JAVASCRIPT, include_str!("../page/live_events.js")),
    ("/page/login.js", JAVASCRIPT, include_str!("../page/login.js")),
    ("/page/messages.js", JAVASCRIPT, include_str!("../page/messages.js")),
    ("/page/notices.js", JAVASCRIPT, include_str!("../page/notices.js")),
    ("/page/panel.js", JAVASCRIPT, include_str!("../page/panel.js")),
    ("/page/password.js", JAVASCRIPT, include_str!("../page/password.js")),
    ("/page/sessions.js", JAVASCRIPT, include_str!("../page/sessions.js")),
    ("/page/sign_in.js", JAVASCRIPT, include_str!("../page/sign_in.js")),
    ("/page/store.js", JAVASCRIPT, include_str!("../page/store.js")),
    ("/page/user_dialogs.js", JAVASCRIPT, include_str!("../page/user_dialogs.js")),
    ("/page/users.js", JAVASCRIPT, include_str!("../page/users.js")),
];

/// Returns the routes of the page.
pub(crate) fn routes() -> Router {
    FILES.iter().fold(Router::new(), |router, &(path, media_type, text)| {
        router.route(path, get(move || async move { file(media_type, text) }))
    })
}

fn file(media_type: &'static str, text: &'static str) -> Response {
    let headers = [
        (CONTENT_TYPE, media_type),
        (CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY_VALUE),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // A new version of the portal has new files under the same names.
        (CACHE_CONTROL, "no-cache"),
    ];
    (headers.map(|(name, value)| (name, HeaderValue::from_static(value))), text).into_response()
}
