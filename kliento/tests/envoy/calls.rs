//! gRPC calls through Envoy.

use tonic::metadata::MetadataValue;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use crate::proxied::Proxied;
use crate::requests::check_identity;

/// Calls the service behind Envoy, which is gRPC's health service.
async fn call(channel: &Channel, credentials: &[String]) -> Result<HealthCheckResponse, Status> {
    let mut request = Request::new(HealthCheckRequest::default());
    for value in credentials {
        request.metadata_mut().append("authorization", MetadataValue::try_from(value).unwrap());
    }
    let mut client = HealthClient::new(channel.clone());
    client.check(request).await.map(tonic::Response::into_inner)
}

async fn connect(proxied: &Proxied) -> Channel {
    Endpoint::try_from(proxied.envoy.url()).unwrap().connect().await.unwrap()
}

#[tokio::test]
async fn passes_calls_with_the_identity() {
    let Some(proxied) = Proxied::start().await else { return };
    let channel = connect(&proxied).await;
    let response = call(&channel, &[proxied.issuer.valid()]).await.unwrap();
    assert_eq!(response.status(), ServingStatus::Serving);
    check_identity(&proxied.received().1);
    let (largest, _) = proxied.issuer.largest();
    call(&channel, &[largest]).await.unwrap();
}

#[tokio::test]
async fn rejects_calls_with_a_status_and_the_detail() {
    let Some(proxied) = Proxied::start().await else { return };
    let channel = connect(&proxied).await;
    for (code, credentials) in proxied.issuer.rejected() {
        let status = call(&channel, &credentials).await.unwrap_err();
        let detail = match code {
            "credentials_missing" => "Kliento credentials are required",
            "credentials_malformed" => "The Authorization header is malformed",
            _ => "The token bundle is not valid for this service at this time",
        };
        assert_eq!((status.code(), status.message()), (Code::Unauthenticated, detail), "{code}");
        assert_eq!(proxied.backend.take().len(), 0);
    }
}

#[tokio::test]
async fn rejects_calls_as_unavailable_without_the_authorizer() {
    let Some(mut proxied) = Proxied::start().await else { return };
    let channel = connect(&proxied).await;
    proxied.authorizer.kill();
    let status = call(&channel, &[proxied.issuer.valid()]).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(proxied.backend.take().len(), 0);
}
