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
    /// Who did what with the extension's credentials in this library, and when, refused attempts too.
    ///
    /// It is read from the log. What a job called since its last checkpoint may not be there yet. The host sees all
    /// libraries.
    ///
    /// `query:credentials.audit`; it reads.
    ///
    /// # Errors
    ///
    /// As for [`Client::call`].
    pub fn audit(&self, request: &AuditCredentials) -> Result<CredentialsAudited, CallError> {
        self.client.call_known(method!("query:credentials.audit"), request)
    }

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

    /// Make a password and store it under a new name, without showing it to the caller.
    ///
    /// `action:credentials.generate`; it has an effect, transactional.
    ///
    /// # Errors
    ///
    /// As for [`Client::call`].
    pub fn generate(&self, request: &GenerateCredential) -> Result<CredentialGenerated, CallError> {
        self.client.call_known(method!("action:credentials.generate"), request)
    }

    /// Get a credential, a token that is about to expire refreshed first.
    ///
    /// One of another extension can be got if that has shared it (`credentials.share`).
    ///
    /// `query:credentials.get`; it reads.
    ///
    /// # Errors
    ///
    /// As for [`Client::call`].
    pub fn get(&self, request: &GetCredential) -> Result<GotCredential, CallError> {
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

    /// Make a new password in the place of a credential's, which is kept among the last five; all else stays.
    ///
    /// A token of OAuth 2.0 is not rotated, but refreshed.
    ///
    /// `action:credentials.rotate`; it has an effect, transactional.
    ///
    /// # Errors
    ///
    /// As for [`Client::call`].
    pub fn rotate(&self, request: &RotateCredential) -> Result<CredentialRotated, CallError> {
        self.client.call_known(method!("action:credentials.rotate"), request)
    }

    /// Let another extension read a credential in this library: with `credentials.get` and `owner`.
    ///
    /// `action:credentials.share`; it has an effect, transactional.
    ///
    /// # Errors
    ///
    /// As for [`Client::call`].
    pub fn share(&self, request: &ShareCredential) -> Result<CredentialShared, CallError> {
        self.client.call_known(method!("action:credentials.share"), request)
    }

    /// List what the extension shares with others in this library, or what they share with it.
    ///
    /// `query:credentials.shares`; it reads.
    ///
    /// # Errors
    ///
    /// As for [`Client::call`].
    pub fn shares(&self, request: &ListShares) -> Result<SharesListed, CallError> {
        self.client.call_known(method!("query:credentials.shares"), request)
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

    /// The code that a login asks for beside its password (TOTP, RFC 6238); its seed stays on the host.
    ///
    /// `query:credentials.totp`; it reads.
    ///
    /// # Errors
    ///
    /// As for [`Client::call`].
    pub fn totp(&self, request: &GetCredential) -> Result<CodeOfTheMoment, CallError> {
        self.client.call_known(method!("query:credentials.totp"), request)
    }

    /// Take a share back: the other extension can read the credential no more. What it read, it has.
    ///
    /// `action:credentials.unshare`; it has an effect, transactional.
    ///
    /// # Errors
    ///
    /// As for [`Client::call`].
    pub fn unshare(&self, request: &UnshareCredential) -> Result<CredentialUnshared, CallError> {
        self.client.call_known(method!("action:credentials.unshare"), request)
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

/// Which part of the audit: calls about one credential, not older than `since`, behind a position of the log.
///
/// `since` is in microseconds since 1970. `extension` says whose credentials, when the host calls; None: all.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct AuditCredentials {
    /// Text or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Integer, 0 to 4,611,686,018,427,387,904.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<i64>,
    /// Integer, 0 to 4,611,686,018,427,387,904.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after_position: Option<i64>,
    /// Integer, 1 to 1,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<i64>,
}

impl AuditCredentials {
    /// With what has no default.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        AuditCredentials { name: None, since: None, after_position: None, limit: None }
    }

    /// Sets `name`.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets `since`.
    #[must_use]
    pub fn since(mut self, since: i64) -> Self {
        self.since = Some(since);
        self
    }

    /// Sets `after_position`.
    #[must_use]
    pub fn after_position(mut self, after_position: i64) -> Self {
        self.after_position = Some(after_position);
        self
    }

    /// Sets `limit`.
    #[must_use]
    pub fn limit(mut self, limit: i64) -> Self {
        self.limit = Some(limit);
        self
    }
}

/// One call of an operation on credentials, or of one that uses a credential. `time`: microseconds since 1970.
#[derive(Clone, PartialEq, Debug, serde::Deserialize)]
#[non_exhaustive]
pub struct AuditRecord {
    /// Its place in the log.
    pub position: i64,
    /// Integer.
    pub time: i64,
    /// Its name with kind, like `query:credentials.get`; `query:mail.list` where the host used it there.
    pub operation: String,
    /// The credential's; None where the call names none, or where nobody can read what it says.
    pub name: Option<String>,
    /// The extension whose credential it is, or would be.
    pub owner: Option<String>,
    /// `job`, or who on the host: `python`, `cli`, `credentials` for a refresh.
    pub caller: String,
    /// With whom it was shared, for `share` and `unshare`.
    pub reader: Option<String>,
    /// UUID or null.
    pub job_id: Option<String>,
    /// UUID or null.
    pub library_id: Option<String>,
    /// `ok`, or the code of the refusal.
    pub outcome: String,
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

/// Characters, each drawn by itself, and at least one of each class.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct Characters {
    /// Integer, 8 to 128.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub length: Option<i64>,
    /// Array of `"digits"` or `"lower"` or `"symbols"` or `"upper"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classes: Option<Vec<String>>,
    /// These instead of classes, each of them as likely.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alphabet: Option<String>,
    /// None that is easily taken for another one: `I l 1 | O 0 o`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avoid_ambiguous: Option<bool>,
}

impl Characters {
    /// With what has no default.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Characters { length: None, classes: None, alphabet: None, avoid_ambiguous: None }
    }

    /// Sets `length`.
    #[must_use]
    pub fn length(mut self, length: i64) -> Self {
        self.length = Some(length);
        self
    }

    /// Sets `classes`.
    #[must_use]
    pub fn classes(mut self, classes: Vec<String>) -> Self {
        self.classes = Some(classes);
        self
    }

    /// Sets `alphabet`.
    #[must_use]
    pub fn alphabet(mut self, alphabet: impl Into<String>) -> Self {
        self.alphabet = Some(alphabet.into());
        self
    }

    /// Sets `avoid_ambiguous`.
    #[must_use]
    pub fn avoid_ambiguous(mut self, avoid_ambiguous: bool) -> Self {
        self.avoid_ambiguous = Some(avoid_ambiguous);
        self
    }
}

/// A code of so many digits, and for how many milliseconds more it is valid.
#[derive(Clone, PartialEq, serde::Deserialize)]
#[non_exhaustive]
pub struct CodeOfTheMoment {
    /// Text, secret.
    pub code: String,
    /// Integer.
    pub valid_for_ms: i64,
    /// Integer.
    pub digits: i64,
}

impl std::fmt::Debug for CodeOfTheMoment {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("CodeOfTheMoment").field("valid_for_ms", &self.valid_for_ms).field("digits", &self.digits).finish_non_exhaustive()
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
    /// [`Login`].
    #[serde(rename = "login")]
    Login(Login),
}

/// `deleted`: there was one with this name.
#[derive(Clone, PartialEq, Debug, serde::Deserialize)]
#[non_exhaustive]
pub struct CredentialDeleted {
    /// Boolean.
    pub deleted: bool,
}

/// `generated` is false if there is one with this name, which stays as it is; `rotate` makes that one anew.
///
/// `entropy_bits`: it is one of two to the power of so many, each as likely as any other.
#[derive(Clone, PartialEq, Debug, serde::Deserialize)]
#[non_exhaustive]
pub struct CredentialGenerated {
    /// Boolean.
    pub generated: bool,
    /// Number or null.
    pub entropy_bits: Option<f64>,
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

/// `kept`: how many earlier ones there are now; `entropy_bits` as for `generate`.
#[derive(Clone, PartialEq, Debug, serde::Deserialize)]
#[non_exhaustive]
pub struct CredentialRotated {
    /// Number.
    pub entropy_bits: f64,
    /// Integer.
    pub kept: i64,
}

/// `changed`: it was not shared so before.
#[derive(Clone, PartialEq, Debug, serde::Deserialize)]
#[non_exhaustive]
pub struct CredentialShared {
    /// Boolean.
    pub changed: bool,
}

/// `replaced`: there was one with this name.
#[derive(Clone, PartialEq, Debug, serde::Deserialize)]
#[non_exhaustive]
pub struct CredentialStored {
    /// Boolean.
    pub replaced: bool,
}

/// `removed`: it was shared so.
#[derive(Clone, PartialEq, Debug, serde::Deserialize)]
#[non_exhaustive]
pub struct CredentialUnshared {
    /// Boolean.
    pub removed: bool,
}

/// Calls, oldest first. `next` is what to give as `after_position`; None if the log has ended.
///
/// A page may have fewer than there is room for, even none, and not be the last.
#[derive(Clone, PartialEq, Debug, serde::Deserialize)]
#[non_exhaustive]
pub struct CredentialsAudited {
    /// Array of `AuditRecord`.
    pub records: Vec<AuditRecord>,
    /// Integer or null.
    pub next: Option<i64>,
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

/// What is to be made, and the name to find it by. `extension` says whose it is, when the host calls.
///
/// `username` and `urls` are stored with it; an `api_key` has neither, a `basic` no `urls`.
#[derive(Clone, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct GenerateCredential {
    /// Text.
    pub name: String,
    /// `Characters` or `Words`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipe: Option<Recipe>,
    /// `"api_key"` or `"basic"` or `"login"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub r#type: Option<String>,
    /// Text, at most 2,048 characters, secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Array of text, 1 to 2,048 characters, secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub urls: Option<Vec<String>>,
}

impl std::fmt::Debug for GenerateCredential {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("GenerateCredential").field("name", &self.name).field("recipe", &self.recipe).field("type", &self.r#type).finish_non_exhaustive()
    }
}

impl GenerateCredential {
    /// With what has no default.
    pub fn new(name: impl Into<String>) -> Self {
        GenerateCredential { name: name.into(), recipe: None, r#type: None, username: None, urls: None }
    }

    /// Sets `recipe`.
    #[must_use]
    pub fn recipe(mut self, recipe: Recipe) -> Self {
        self.recipe = Some(recipe);
        self
    }

    /// Sets `type`.
    #[must_use]
    pub fn r#type(mut self, r#type: impl Into<String>) -> Self {
        self.r#type = Some(r#type.into());
        self
    }

    /// Sets `username`.
    #[must_use]
    pub fn username(mut self, username: impl Into<String>) -> Self {
        self.username = Some(username.into());
        self
    }

    /// Sets `urls`.
    #[must_use]
    pub fn urls(mut self, urls: Vec<String>) -> Self {
        self.urls = Some(urls);
        self
    }
}

/// Which one. `owner` is the extension whose credential it is, if that shares it with the one that calls.
///
/// `extension` says whose it is, when the host calls.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct GetCredential {
    /// Text.
    pub name: String,
    /// Text or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
}

impl GetCredential {
    /// With what has no default.
    pub fn new(name: impl Into<String>) -> Self {
        GetCredential { name: name.into(), owner: None }
    }

    /// Sets `owner`.
    #[must_use]
    pub fn owner(mut self, owner: impl Into<String>) -> Self {
        self.owner = Some(owner.into());
        self
    }
}

/// A credential; a token is valid for some time to come, unless it could not be refreshed.
#[derive(Clone, PartialEq, Debug, serde::Deserialize)]
#[non_exhaustive]
pub struct GotCredential {
    /// `OAuth2` or `ApiKey` or `Basic` or `Login`.
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

/// Which page: `after` is the `next` of the one before. `extension` says of whom, when the host calls.
///
/// `direction`: what the extension gave to others, or what it received from them.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct ListShares {
    /// `"given"` or `"received"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direction: Option<String>,
    /// Text, at most 1,000 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Integer, 1 to 1,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<i64>,
}

impl ListShares {
    /// With what has no default.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        ListShares { direction: None, after: None, limit: None }
    }

    /// Sets `direction`.
    #[must_use]
    pub fn direction(mut self, direction: impl Into<String>) -> Self {
        self.direction = Some(direction.into());
        self
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

/// A credential of `owner` that the extension `with` may read. Times are in seconds since 1970.
#[derive(Clone, PartialEq, Debug, serde::Deserialize)]
#[non_exhaustive]
pub struct ListedShare {
    /// Text.
    pub name: String,
    /// Text.
    pub owner: String,
    /// Text.
    pub with: String,
    /// Integer.
    pub shared_at: i64,
    /// Integer or null.
    pub until: Option<i64>,
}

/// What a password manager keeps of a place where somebody logs in.
#[derive(Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Login {
    /// Text, at most 2,048 characters, secret.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub username: Option<String>,
    /// Text, at most 65,536 characters, secret.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub password: Option<String>,
    /// Array of text, 1 to 2,048 characters, secret.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub urls: Option<Vec<String>>,
    /// Text, at most 65,536 characters, secret.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub notes: Option<String>,
    /// The seed of its codes: an `otpauth://totp/` URI, or base32; see `credentials.totp`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub totp: Option<String>,
    /// Whatever else there is, by name.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub fields: Option<serde_json::Map<String, serde_json::Value>>,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Login").finish_non_exhaustive()
    }
}

impl Login {
    /// With what has no default.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Login { username: None, password: None, urls: None, notes: None, totp: None, fields: None }
    }

    /// Sets `username`.
    #[must_use]
    pub fn username(mut self, username: impl Into<String>) -> Self {
        self.username = Some(username.into());
        self
    }

    /// Sets `password`.
    #[must_use]
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.password = Some(password.into());
        self
    }

    /// Sets `urls`.
    #[must_use]
    pub fn urls(mut self, urls: Vec<String>) -> Self {
        self.urls = Some(urls);
        self
    }

    /// Sets `notes`.
    #[must_use]
    pub fn notes(mut self, notes: impl Into<String>) -> Self {
        self.notes = Some(notes.into());
        self
    }

    /// Sets `totp`.
    #[must_use]
    pub fn totp(mut self, totp: impl Into<String>) -> Self {
        self.totp = Some(totp.into());
        self
    }

    /// Sets `fields`.
    #[must_use]
    pub fn fields(mut self, fields: serde_json::Map<String, serde_json::Value>) -> Self {
        self.fields = Some(fields);
        self
    }
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

/// One of these.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
#[serde(tag = "type")]
#[non_exhaustive]
pub enum Recipe {
    /// [`Characters`].
    #[serde(rename = "characters")]
    Characters(Characters),
    /// [`Words`].
    #[serde(rename = "words")]
    Words(Words),
}

/// Which one. `extension` says whose it is, when the host calls.
///
/// Without a `recipe` it is that of the last time, or 20 characters of all classes if the host did not make it.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct RotateCredential {
    /// Text.
    pub name: String,
    /// `Characters` or `Words` or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipe: Option<Recipe>,
}

impl RotateCredential {
    /// With what has no default.
    pub fn new(name: impl Into<String>) -> Self {
        RotateCredential { name: name.into(), recipe: None }
    }

    /// Sets `recipe`.
    #[must_use]
    pub fn recipe(mut self, recipe: Recipe) -> Self {
        self.recipe = Some(recipe);
        self
    }
}

/// Which one, and who may read it. `until` is in seconds since 1970; without it there is no end.
///
/// `extension` says whose it is, when the host calls.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct ShareCredential {
    /// Text.
    pub name: String,
    /// Text, 1 to 200 characters.
    pub with: String,
    /// Integer, 0 to 1,099,511,627,776 or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
}

impl ShareCredential {
    /// With what has no default.
    pub fn new(name: impl Into<String>, with: impl Into<String>) -> Self {
        ShareCredential { name: name.into(), with: with.into(), until: None }
    }

    /// Sets `until`.
    #[must_use]
    pub fn until(mut self, until: i64) -> Self {
        self.until = Some(until);
        self
    }
}

/// A page; those whose time has come are not in it. `next` is None if this is the last.
#[derive(Clone, PartialEq, Debug, serde::Deserialize)]
#[non_exhaustive]
pub struct SharesListed {
    /// Array of `ListedShare`.
    pub shares: Vec<ListedShare>,
    /// Text or null.
    pub next: Option<String>,
}

/// A credential and the name to find it by. `extension` says whose it is, when the host calls.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct StoreCredential {
    /// Text.
    pub name: String,
    /// `OAuth2` or `ApiKey` or `Basic` or `Login`.
    pub credential: Credential,
}

impl StoreCredential {
    /// With what has no default.
    pub fn new(name: impl Into<String>, credential: Credential) -> Self {
        StoreCredential { name: name.into(), credential }
    }
}

/// Which one, and who may no longer read it. `extension` says whose it is, when the host calls.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct UnshareCredential {
    /// Text.
    pub name: String,
    /// Text, 1 to 200 characters.
    pub with: String,
}

impl UnshareCredential {
    /// With what has no default.
    pub fn new(name: impl Into<String>, with: impl Into<String>) -> Self {
        UnshareCredential { name: name.into(), with: with.into() }
    }
}

/// Words of the English list of BIP-39: 2,048 of three to eight letters, told apart by their first four.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct Words {
    /// Integer, 4 to 24.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<i64>,
    /// Text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub separator: Option<String>,
}

impl Words {
    /// With what has no default.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Words { count: None, separator: None }
    }

    /// Sets `count`.
    #[must_use]
    pub fn count(mut self, count: i64) -> Self {
        self.count = Some(count);
        self
    }

    /// Sets `separator`.
    #[must_use]
    pub fn separator(mut self, separator: impl Into<String>) -> Self {
        self.separator = Some(separator.into());
        self
    }
}
