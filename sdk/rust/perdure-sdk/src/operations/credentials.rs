//! The operations of `credentials`.
//!
//! Made by `python3 -m perdure.runtime.operations.client_rust`; a test fails when it is stale.

use crate::client::method;
use crate::{CallError, Client};

/// The operations of `credentials`: `ctx.client().credentials()`.
#[derive(Debug, Clone, Copy)]
pub struct Credentials<'a> {
    client: &'a Client,
}

impl Client {
    /// The operations of `credentials`.
    pub fn credentials(&self) -> Credentials<'_> {
        Credentials { client: self }
    }
}

impl Credentials<'_> {
    /// Erase a credential: it, and what the log holds of it, cannot be opened any more by anybody.
    ///
    /// `action:credentials.delete`; it has an effect, idempotent.
    ///
    /// # Errors
    ///
    /// As for [`Client::call`].
    pub fn delete(&self, request: &NameCredential) -> Result<CredentialDeleted, CallError> {
        self.client.call_known(method!("action:credentials.delete"), request)
    }

    /// Get a credential, a token that is about to expire refreshed first.
    ///
    /// `query:credentials.get`; it reads.
    ///
    /// # Errors
    ///
    /// As for [`Client::call`].
    pub fn get(&self, request: &NameCredential) -> Result<GotCredential, CallError> {
        self.client.call_known(method!("query:credentials.get"), request)
    }

    /// List the extension's credentials in this library, without what they hold.
    ///
    /// `query:credentials.list`; it reads.
    ///
    /// # Errors
    ///
    /// As for [`Client::call`].
    pub fn list(&self, request: &ListCredentials) -> Result<CredentialsListed, CallError> {
        self.client.call_known(method!("query:credentials.list"), request)
    }

    /// Refresh a token that is about to expire, at its token endpoint.
    ///
    /// `action:credentials.refresh`; it has an effect, idempotent.
    ///
    /// # Errors
    ///
    /// As for [`Client::call`].
    pub fn refresh(&self, request: &NameCredential) -> Result<CredentialRefreshed, CallError> {
        self.client.call_known(method!("action:credentials.refresh"), request)
    }

    /// Store a credential under a name, in the place of one that is there.
    ///
    /// `action:credentials.store`; it has an effect, transactional.
    ///
    /// # Errors
    ///
    /// As for [`Client::call`].
    pub fn store(&self, request: &StoreCredential) -> Result<CredentialStored, CallError> {
        self.client.call_known(method!("action:credentials.store"), request)
    }
}

/// A key that is sent along as it is.
#[derive(Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct ApiKey {
    /// Text, 1 to 65,536 characters, secret.
    pub key: String,
}

impl std::fmt::Debug for ApiKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ApiKey").finish_non_exhaustive()
    }
}

impl ApiKey {
    /// With what has no default.
    pub fn new(key: impl Into<String>) -> Self {
        ApiKey { key: key.into() }
    }
}

/// A user's name and password.
#[derive(Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Basic {
    /// Text.
    pub username: String,
    /// Text, at most 65,536 characters, secret.
    pub password: String,
}

impl std::fmt::Debug for Basic {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Basic").field("username", &self.username).finish_non_exhaustive()
    }
}

impl Basic {
    /// With what has no default.
    pub fn new(username: impl Into<String>, password: impl Into<String>) -> Self {
        Basic { username: username.into(), password: password.into() }
    }
}

/// One of these.
#[derive(Clone, PartialEq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(tag = "type")]
#[non_exhaustive]
pub enum Credential {
    /// [`OAuth2`].
    #[serde(rename = "oauth2")]
    OAuth2(OAuth2),
    /// [`ApiKey`].
    #[serde(rename = "api_key")]
    ApiKey(ApiKey),
    /// [`Basic`].
    #[serde(rename = "basic")]
    Basic(Basic),
}

/// `deleted`: there was one with this name.
#[derive(Clone, PartialEq, Debug, serde::Deserialize)]
#[non_exhaustive]
pub struct CredentialDeleted {
    /// Boolean.
    pub deleted: bool,
}

/// `refreshed` is false if it was not yet time. `expires_at` is in seconds since 1970.
#[derive(Clone, PartialEq, Debug, serde::Deserialize)]
#[non_exhaustive]
pub struct CredentialRefreshed {
    /// Boolean.
    pub refreshed: bool,
    /// Integer or null.
    pub expires_at: Option<i64>,
}

/// `replaced`: there was one with this name.
#[derive(Clone, PartialEq, Debug, serde::Deserialize)]
#[non_exhaustive]
pub struct CredentialStored {
    /// Boolean.
    pub replaced: bool,
}

/// A page, by name. `next` is what to give as `after` for the next one, None if this is the last.
#[derive(Clone, PartialEq, Debug, serde::Deserialize)]
#[non_exhaustive]
pub struct CredentialsListed {
    /// Array of `ListedCredential`.
    pub credentials: Vec<ListedCredential>,
    /// Text or null.
    pub next: Option<String>,
}

/// A credential; a token is valid for some time to come, unless it could not be refreshed.
#[derive(Clone, PartialEq, Debug, serde::Deserialize)]
#[non_exhaustive]
pub struct GotCredential {
    /// `OAuth2` or `ApiKey` or `Basic`.
    pub credential: Credential,
}

/// Which page: the one behind the name `after`. `extension` says whose they are, when the host calls.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct ListCredentials {
    /// Text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Integer, 1 to 1,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<i64>,
}

impl ListCredentials {
    /// With what has no default.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        ListCredentials { after: None, limit: None }
    }

    /// Sets `after`.
    #[must_use]
    pub fn after(mut self, after: impl Into<String>) -> Self {
        self.after = Some(after.into());
        self
    }

    /// Sets `limit`.
    #[must_use]
    pub fn limit(mut self, limit: i64) -> Self {
        self.limit = Some(limit);
        self
    }
}

/// What may be known of a credential without opening it. Times are in seconds since 1970.
#[derive(Clone, PartialEq, Debug, serde::Deserialize)]
#[non_exhaustive]
pub struct ListedCredential {
    /// Text.
    pub name: String,
    /// Text.
    pub r#type: String,
    /// Integer.
    pub stored_at: i64,
    /// Integer or null.
    pub expires_at: Option<i64>,
}

/// Which one. `extension` says whose it is, when the host calls.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct NameCredential {
    /// Text.
    pub name: String,
}

impl NameCredential {
    /// With what has no default.
    pub fn new(name: impl Into<String>) -> Self {
        NameCredential { name: name.into() }
    }
}

/// A token of OAuth 2.0 (RFC 6749).
#[derive(Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct OAuth2 {
    /// Text, 1 to 65,536 characters, secret.
    pub access_token: String,
    /// Text, 1 to 65,536 characters, secret or null.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub refresh_token: Option<String>,
    /// Seconds since 1970; None if that is not known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub expires_at: Option<i64>,
    /// Where a new one is to be had; with `refresh_token` it is refreshed before it expires.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub token_url: Option<String>,
    /// Text, 1 to 2,048 characters or null.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub client_id: Option<String>,
    /// Text, 1 to 65,536 characters, secret or null.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub client_secret: Option<String>,
    /// How the client proves itself there: `basic` in a header, `body` among the parameters.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub client_auth: Option<String>,
    /// Array of text, 1 to 2,048 characters.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub scopes: Option<Vec<String>>,
}

impl std::fmt::Debug for OAuth2 {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("OAuth2").field("expires_at", &self.expires_at).field("token_url", &self.token_url).field("client_id", &self.client_id).field("client_auth", &self.client_auth).field("scopes", &self.scopes).finish_non_exhaustive()
    }
}

impl OAuth2 {
    /// With what has no default.
    pub fn new(access_token: impl Into<String>) -> Self {
        OAuth2 { access_token: access_token.into(), refresh_token: None, expires_at: None, token_url: None, client_id: None, client_secret: None, client_auth: None, scopes: None }
    }

    /// Sets `refresh_token`.
    #[must_use]
    pub fn refresh_token(mut self, refresh_token: impl Into<String>) -> Self {
        self.refresh_token = Some(refresh_token.into());
        self
    }

    /// Sets `expires_at`.
    #[must_use]
    pub fn expires_at(mut self, expires_at: i64) -> Self {
        self.expires_at = Some(expires_at);
        self
    }

    /// Sets `token_url`.
    #[must_use]
    pub fn token_url(mut self, token_url: impl Into<String>) -> Self {
        self.token_url = Some(token_url.into());
        self
    }

    /// Sets `client_id`.
    #[must_use]
    pub fn client_id(mut self, client_id: impl Into<String>) -> Self {
        self.client_id = Some(client_id.into());
        self
    }

    /// Sets `client_secret`.
    #[must_use]
    pub fn client_secret(mut self, client_secret: impl Into<String>) -> Self {
        self.client_secret = Some(client_secret.into());
        self
    }

    /// Sets `client_auth`.
    #[must_use]
    pub fn client_auth(mut self, client_auth: impl Into<String>) -> Self {
        self.client_auth = Some(client_auth.into());
        self
    }

    /// Sets `scopes`.
    #[must_use]
    pub fn scopes(mut self, scopes: Vec<String>) -> Self {
        self.scopes = Some(scopes);
        self
    }
}

/// A credential and the name to find it by. `extension` says whose it is, when the host calls.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct StoreCredential {
    /// Text.
    pub name: String,
    /// `OAuth2` or `ApiKey` or `Basic`.
    pub credential: Credential,
}

impl StoreCredential {
    /// With what has no default.
    pub fn new(name: impl Into<String>, credential: Credential) -> Self {
        StoreCredential { name: name.into(), credential }
    }
}
