//! API responses, and the checks that apply to each.

use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Response, StatusCode};
use serde_json::Value;

/// A response with its body.
#[derive(Debug)]
pub(crate) struct ApiResponse {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl ApiResponse {
    pub(crate) async fn read(response: Response) -> Result<Self, reqwest::Error> {
        let (status, headers) = (response.status(), response.headers().clone());
        let is_api = response.url().path().starts_with("/api/");
        let response = Self { status, headers, body: response.text().await? };
        if is_api {
            assert_eq!(response.header("cache-control"), Some("no-store"), "{response:?}");
        }
        if status == StatusCode::UNAUTHORIZED {
            let mut challenges = response.headers.get_all("www-authenticate").iter();
            let is_bearer = |challenge: &HeaderValue| {
                challenge.to_str().unwrap().starts_with("Bearer realm=\"kleidia\"")
            };
            assert!(challenges.any(is_bearer), "{response:?}");
        }
        Ok(response)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Asserts that this is a problem (RFC 9457) with this status and code, and returns it.
    #[track_caller]
    pub(crate) fn expect_problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let problem = self.json();
        assert_eq!(problem["code"], code, "{self:?}");
        assert_eq!(problem["status"], status, "{self:?}");
        assert!(problem["title"].is_string() && problem["detail"].is_string(), "{self:?}");
        problem
    }

    /// Asserts success with a JSON body, and returns it.
    #[track_caller]
    pub(crate) fn expect_json(&self) -> Value {
        assert!(self.status.is_success(), "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/json"), "{self:?}");
        self.json()
    }

    /// Asserts success without a body.
    #[track_caller]
    pub(crate) fn expect_no_content(&self) {
        assert_eq!((self.status.as_u16(), self.body.as_str()), (204, ""), "{self:?}");
    }

    /// Returns all that a client can compare, except the date.
    pub(crate) fn without_date(&self) -> (u16, Vec<(String, String)>, &str) {
        let text = |value: &HeaderValue| value.to_str().unwrap().to_owned();
        let headers = self.headers.iter().filter(|(name, _)| *name != "date");
        let mut headers: Vec<_> =
            headers.map(|(name, value)| (name.to_string(), text(value))).collect();
        headers.sort();
        (self.status.as_u16(), headers, &self.body)
    }
}
