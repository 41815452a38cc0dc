//! The operations of `http`.
//!
//! Made by `python3 -m perdure.runtime.operations.client_rust`; a test fails when it is stale.

use crate::client::method;
use crate::{CallError, Client};

/// The operations of `http`: `ctx.client().http()`.
#[derive(Debug, Clone, Copy)]
pub struct Http<'a> {
    client: &'a Client,
}

impl Client {
    /// The operations of `http`.
    pub fn http(&self) -> Http<'_> {
        Http { client: self }
    }
}

impl Http<'_> {
    /// Send a host anything, over HTTPS unless plain HTTP was granted.
    ///
    /// POST and PATCH carry the call's effect key as `Idempotency-Key` unless the extension sets that header: a
    /// server that knows it does not do again what a person has repeated after a crash.
    ///
    /// `action:http.request`; it has an effect, non-idempotent.
    ///
    /// # Errors
    ///
    /// As for [`Client::call`].
    pub fn send(&self, request: &HttpSend) -> Result<HttpReceived, CallError> {
        self.client.call_known(method!("action:http.request"), request)
    }

    /// Ask a host for something: GET, HEAD or OPTIONS, over HTTPS unless plain HTTP was granted.
    ///
    /// `query:http.request`; it reads.
    ///
    /// # Errors
    ///
    /// As for [`Client::call`].
    pub fn fetch(&self, request: &HttpRead) -> Result<HttpReceived, CallError> {
        self.client.call_known(method!("query:http.request"), request)
    }
}

/// A request that changes nothing.
///
/// `headers` is an object, or a list of pairs where a name comes twice. `timeout_ms` is for everything, redirects
/// and all. `max_bytes` bounds the answer's body, decompressed; the host has a bound of its own. `max_redirects` 0
/// gives a redirect as the answer.
#[derive(Clone, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct HttpRead {
    /// Text, secret.
    pub url: String,
    /// `"GET"` or `"HEAD"` or `"OPTIONS"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Object of text or array of array of text, text, secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headers: Option<Vec<(String, String)>>,
    /// Integer, 1 to 300,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<i64>,
    /// Integer, 0 to 1,099,511,627,776.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<i64>,
    /// Integer, 0 to 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_redirects: Option<i64>,
}

impl std::fmt::Debug for HttpRead {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("HttpRead").field("method", &self.method).field("timeout_ms", &self.timeout_ms).field("max_bytes", &self.max_bytes).field("max_redirects", &self.max_redirects).finish_non_exhaustive()
    }
}

impl HttpRead {
    /// With what has no default.
    pub fn new(url: impl Into<String>) -> Self {
        HttpRead { url: url.into(), method: None, headers: None, timeout_ms: None, max_bytes: None, max_redirects: None }
    }

    /// Sets `method`.
    #[must_use]
    pub fn method(mut self, method: impl Into<String>) -> Self {
        self.method = Some(method.into());
        self
    }

    /// Sets `headers`.
    #[must_use]
    pub fn headers(mut self, headers: Vec<(String, String)>) -> Self {
        self.headers = Some(headers);
        self
    }

    /// Sets `timeout_ms`.
    #[must_use]
    pub fn timeout_ms(mut self, timeout_ms: i64) -> Self {
        self.timeout_ms = Some(timeout_ms);
        self
    }

    /// Sets `max_bytes`.
    #[must_use]
    pub fn max_bytes(mut self, max_bytes: i64) -> Self {
        self.max_bytes = Some(max_bytes);
        self
    }

    /// Sets `max_redirects`.
    #[must_use]
    pub fn max_redirects(mut self, max_redirects: i64) -> Self {
        self.max_redirects = Some(max_redirects);
        self
    }
}

/// The answer, whatever its status.
///
/// `origin` and `url` are where the last redirect led. `headers` are pairs, names in lowercase. The body is in
/// `body` if its type says that it is UTF-8 text and it is, else in `body_base64`.
#[derive(Clone, PartialEq, serde::Deserialize)]
#[non_exhaustive]
pub struct HttpReceived {
    /// Integer.
    pub status: i64,
    /// Text.
    pub origin: String,
    /// Text, secret.
    pub url: String,
    /// Array of array of text, text, secret.
    pub headers: Vec<(String, String)>,
    /// Integer.
    pub elapsed_ms: i64,
    /// Text, secret or null.
    #[serde(default)]
    pub body: Option<String>,
    /// Base64, secret or null.
    #[serde(default)]
    pub body_base64: Option<crate::Bytes>,
}

impl std::fmt::Debug for HttpReceived {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("HttpReceived").field("status", &self.status).field("origin", &self.origin).field("elapsed_ms", &self.elapsed_ms).finish_non_exhaustive()
    }
}

/// Any request. The body is text, or base64 for bytes, or none; the other fields are as in `HttpRead`.
#[derive(Clone, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct HttpSend {
    /// Text, secret.
    pub url: String,
    /// Text.
    pub method: String,
    /// Object of text or array of array of text, text, secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headers: Option<Vec<(String, String)>>,
    /// Text, secret or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Base64, secret or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_base64: Option<crate::Bytes>,
    /// Integer, 1 to 300,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<i64>,
    /// Integer, 0 to 1,099,511,627,776.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<i64>,
    /// Integer, 0 to 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_redirects: Option<i64>,
}

impl std::fmt::Debug for HttpSend {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("HttpSend").field("method", &self.method).field("timeout_ms", &self.timeout_ms).field("max_bytes", &self.max_bytes).field("max_redirects", &self.max_redirects).finish_non_exhaustive()
    }
}

impl HttpSend {
    /// With what has no default.
    pub fn new(url: impl Into<String>, method: impl Into<String>) -> Self {
        HttpSend { url: url.into(), method: method.into(), headers: None, body: None, body_base64: None, timeout_ms: None, max_bytes: None, max_redirects: None }
    }

    /// Sets `headers`.
    #[must_use]
    pub fn headers(mut self, headers: Vec<(String, String)>) -> Self {
        self.headers = Some(headers);
        self
    }

    /// Sets `body`.
    #[must_use]
    pub fn body(mut self, body: impl Into<String>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Sets `body_base64`.
    #[must_use]
    pub fn body_base64(mut self, body_base64: impl Into<crate::Bytes>) -> Self {
        self.body_base64 = Some(body_base64.into());
        self
    }

    /// Sets `timeout_ms`.
    #[must_use]
    pub fn timeout_ms(mut self, timeout_ms: i64) -> Self {
        self.timeout_ms = Some(timeout_ms);
        self
    }

    /// Sets `max_bytes`.
    #[must_use]
    pub fn max_bytes(mut self, max_bytes: i64) -> Self {
        self.max_bytes = Some(max_bytes);
        self
    }

    /// Sets `max_redirects`.
    #[must_use]
    pub fn max_redirects(mut self, max_redirects: i64) -> Self {
        self.max_redirects = Some(max_redirects);
        self
    }
}
