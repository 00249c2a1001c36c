//! reqwest's client as a Tower service, over sockets.

use axum::Router;
use axum::routing::get;
use http::HeaderMap;
use kliento_tower::client::KlientoClientLayer;
use reqwest::{Client, Request, Url};
use tower::{Layer as _, ServiceExt as _};

use crate::scripted_source::{ManualClock, ScriptedSource, valid_for, value};
use crate::server::serve;

async fn echo(headers: HeaderMap) -> String {
    let value = headers.get("authorization");
    value.map_or_else(|| "none".to_owned(), |value| value.to_str().unwrap().to_owned())
}

#[tokio::test]
async fn attaches_bundle_to_requests_to_the_origin() {
    let (here, there) = (
        serve(Router::new().route("/", get(echo))).await,
        serve(Router::new().route("/", get(echo))).await,
    );
    let layer = KlientoClientLayer::new(ScriptedSource::new([valid_for(1, 300)]));
    let layer =
        layer.with_clock(ManualClock::new()).with_origin(&format!("http://{here}")).unwrap();
    let client = layer.layer(Client::builder().no_proxy().build().unwrap());
    for (address, expected) in [(here, value(1)), (there, None)] {
        let url: Url = format!("http://{address}/").parse().unwrap();
        let request = Request::new(http::Method::GET, url);
        let response = client.clone().oneshot(request).await.unwrap();
        let expected = expected.as_ref().map_or("none", |value| value.to_str().unwrap());
        assert_eq!(response.text().await.unwrap(), expected);
    }
}
