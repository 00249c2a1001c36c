//! The answers to Envoy: how the request goes on, or what the client gets.

use std::collections::HashMap;

use axum::body::Bytes;
use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};
use envoy_types::ext_authz::v3::pb::{
    CheckResponse, DeniedHttpResponse, HeaderAppendAction, HeaderValue as Field, HeaderValueOption,
    HttpResponse, HttpStatus, OkHttpResponse,
};
use envoy_types::pb::google::protobuf::value::Kind;
use envoy_types::pb::google::protobuf::{Struct, Value};
use envoy_types::pb::google::rpc;
use kliento_tower::WorkloadIdentity;
use tonic::Code;

use super::super::authorizer::problem;
use super::super::identity_headers::IdentityHeaders;
use super::check::Check;

/// Lets the request pass, with the headers of the authorizer's response for the service.
pub(super) fn allow(
    identity: &WorkloadIdentity,
    response: &Response<Bytes>,
    headers: &IdentityHeaders,
    check: &Check<'_>,
    removes_authorization: bool,
) -> CheckResponse {
    let mut removed = check.kliento_names();
    let mut set = Vec::new();
    for name in headers.names() {
        // Envoy removes headers after it has set others.
        removed.remove(name.as_str());
        set.extend(response.headers().get(&name).map(|value| field(&name, value)));
    }
    if removes_authorization {
        removed.insert(AUTHORIZATION.to_string());
    }
    let response = OkHttpResponse {
        headers: set,
        headers_to_remove: removed.into_iter().collect(),
        ..OkHttpResponse::default()
    };
    answer(Code::Ok, HttpResponse::OkResponse(response), Some(metadata(identity)))
}

/// Sends the authorizer's response to the client, without the headers for the service.
///
/// To a gRPC call Envoy responds with the status of gRPC that fits, and the body as its message,
/// which is the detail then.
pub(super) fn deny(
    response: &Response<Bytes>,
    headers: &IdentityHeaders,
    check: &Check<'_>,
) -> CheckResponse {
    let detail = problem(response).filter(|_| check.is_grpc()).map(|problem| problem.detail());
    let is_for_client = |name: &HeaderName| {
        let is_of_body = name == CONTENT_LENGTH || (name == CONTENT_TYPE && detail.is_some());
        !is_of_body && headers.names().all(|other| other != name)
    };
    let fields = response.headers().iter().filter(|(name, _)| is_for_client(name));
    let status = response.status();
    let body = String::from_utf8_lossy(response.body());
    let response = DeniedHttpResponse {
        status: Some(HttpStatus { code: status.as_u16().into() }),
        headers: fields.map(|(name, value)| field(name, value)).collect(),
        body: detail.map_or_else(|| body.into_owned(), str::to_owned),
    };
    answer(code(status), HttpResponse::DeniedResponse(response), None)
}

fn answer(code: Code, response: HttpResponse, metadata: Option<Struct>) -> CheckResponse {
    CheckResponse {
        status: Some(rpc::Status { code: code.into(), ..rpc::Status::default() }),
        dynamic_metadata: metadata,
        http_response: Some(response),
    }
}

/// Only the one of success counts. The others are for the operator's eyes.
fn code(status: StatusCode) -> Code {
    match status {
        StatusCode::UNAUTHORIZED => Code::Unauthenticated,
        StatusCode::FORBIDDEN => Code::PermissionDenied,
        StatusCode::TOO_MANY_REQUESTS => Code::ResourceExhausted,
        _ => Code::Unavailable,
    }
}

/// Sets a header, also without a value, in place of all that have its name.
fn field(name: &HeaderName, value: &HeaderValue) -> HeaderValueOption {
    let (key, value) = (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned());
    HeaderValueOption {
        header: Some(Field { key, value, ..Field::default() }),
        append_action: HeaderAppendAction::OverwriteIfExistsOrAdd.into(),
        keep_empty_value: true,
        ..HeaderValueOption::default()
    }
}

/// Returns the identity for other filters and the access log, where it is in
/// `envoy.filters.http.ext_authz`.
fn metadata(identity: &WorkloadIdentity) -> Struct {
    let claims = identity.claims().iter().map(|(name, value)| (name.clone(), text(value)));
    let claims = Struct { fields: claims.collect() };
    let mut fields = HashMap::from([
        ("subject".to_owned(), text(identity.subject())),
        ("organisation".to_owned(), text(identity.organisation())),
        ("signer".to_owned(), text(&identity.signer())),
        ("audience".to_owned(), text(identity.audience())),
        ("valid_until".to_owned(), text(&identity.valid_until())),
        ("claims".to_owned(), Value { kind: Some(Kind::StructValue(claims)) }),
    ]);
    fields.extend(identity.user().map(|user| ("user".to_owned(), text(user))));
    Struct { fields }
}

fn text(value: &(impl ToString + ?Sized)) -> Value {
    Value { kind: Some(Kind::StringValue(value.to_string())) }
}
