//! The operations of `vdfs`.
//!
//! Made by `python3 -m perdure.runtime.operations.client_rust`; a test fails when it is stale.

use crate::client::method;
use crate::{CallError, Client};

/// The operations of `vdfs`: `ctx.client().vdfs()`.
#[derive(Debug, Clone, Copy)]
pub struct Vdfs<'a> {
    client: &'a Client,
}

impl Client {
    /// The operations of `vdfs`.
    pub fn vdfs(&self) -> Vdfs<'_> {
        Vdfs { client: self }
    }
}

impl Vdfs<'_> {
    /// Add to the end of an entry's content.
    ///
    /// Bytes that are there already, at that offset, change nothing: so a call can be repeated. Size and digest are
    /// those of the whole so far. Publishes `entry.updated`.
    ///
    /// `action:vdfs.append_content`; it has an effect, transactional.
    ///
    /// # Errors
    ///
    /// As for [`Client::call`].
    pub fn append_content(&self, request: &AppendContent) -> Result<Entry, CallError> {
        self.client.call_known(method!("action:vdfs.append_content"), request)
    }

    /// Create an entry, with its sidecars, and with its content if that is small.
    ///
    /// Larger content follows with `action:vdfs.append_content`. Publishes `entry.created`.
    ///
    /// `action:vdfs.create_entry`; it has an effect, transactional.
    ///
    /// # Errors
    ///
    /// As for [`Client::call`].
    pub fn create_entry(&self, request: &CreateEntry) -> Result<Entry, CallError> {
        self.client.call_known(method!("action:vdfs.create_entry"), request)
    }

    /// Delete an entry with its content and sidecars; its part of the quota is free at once.
    ///
    /// `deleted` is false if there is no such entry (any more). Publishes `entry.deleted`.
    ///
    /// `action:vdfs.delete_entry`; it has an effect, transactional.
    ///
    /// # Errors
    ///
    /// As for [`Client::call`].
    pub fn delete_entry(&self, request: &DeleteEntry) -> Result<Deleted, CallError> {
        self.client.call_known(method!("action:vdfs.delete_entry"), request)
    }

    /// Delete a sidecar; `deleted` is false if there is none (any more). Publishes `sidecar.deleted`.
    ///
    /// `action:vdfs.delete_sidecar`; it has an effect, transactional.
    ///
    /// # Errors
    ///
    /// As for [`Client::call`].
    pub fn delete_sidecar(&self, request: &DeleteSidecar) -> Result<Deleted, CallError> {
        self.client.call_known(method!("action:vdfs.delete_sidecar"), request)
    }

    /// An entry with its metadata, without its content.
    ///
    /// `query:vdfs.get_entry`; it reads.
    ///
    /// # Errors
    ///
    /// As for [`Client::call`].
    pub fn get_entry(&self, request: &GetEntry) -> Result<Entry, CallError> {
        self.client.call_known(method!("query:vdfs.get_entry"), request)
    }

    /// What the library uses of its quota.
    ///
    /// Bytes are those of contents, sidecars, names and metadata, and 256 for each entry, sidecar and part of content.
    ///
    /// `query:vdfs.get_usage`; it reads.
    ///
    /// # Errors
    ///
    /// As for [`Client::call`].
    pub fn get_usage(&self) -> Result<UsageAnswer, CallError> {
        self.client.call_known(method!("query:vdfs.get_usage"), &crate::client::Nothing {})
    }

    /// The library's entries in pages, by id (in the order of creation) or by name.
    ///
    /// The filters are joined with "and". A page's `next` stays good when entries come and go: the next page begins
    /// behind the last entry of this one.
    ///
    /// `query:vdfs.list_entries`; it reads.
    ///
    /// # Errors
    ///
    /// As for [`Client::call`].
    pub fn list_entries(&self, request: &ListEntries) -> Result<EntryPage, CallError> {
        self.client.call_known(method!("query:vdfs.list_entries"), request)
    }

    /// An entry's sidecars by name, in pages, without their contents.
    ///
    /// `query:vdfs.list_sidecars`; it reads.
    ///
    /// # Errors
    ///
    /// As for [`Client::call`].
    pub fn list_sidecars(&self, request: &ListSidecars) -> Result<SidecarPage, CallError> {
        self.client.call_known(method!("query:vdfs.list_sidecars"), request)
    }

    /// A part of an entry's content. What was read once stays so: content only grows.
    ///
    /// A part that is read as text ends with a whole character.
    ///
    /// `query:vdfs.read_content`; it reads.
    ///
    /// # Errors
    ///
    /// As for [`Client::call`].
    pub fn read_content(&self, request: &ReadContent) -> Result<ContentPart, CallError> {
        self.client.call_known(method!("query:vdfs.read_content"), request)
    }

    /// A sidecar with its content.
    ///
    /// `query:vdfs.read_sidecar`; it reads.
    ///
    /// # Errors
    ///
    /// As for [`Client::call`].
    pub fn read_sidecar(&self, request: &ReadSidecar) -> Result<SidecarContent, CallError> {
        self.client.call_known(method!("query:vdfs.read_sidecar"), request)
    }

    /// Change an entry's metadata, name, kind or media type; what is not given stays.
    ///
    /// A change that is there already changes nothing, whatever the revision. Publishes `entry.updated`.
    ///
    /// `action:vdfs.update_metadata`; it has an effect, transactional.
    ///
    /// # Errors
    ///
    /// As for [`Client::call`].
    pub fn update_metadata(&self, request: &UpdateMetadata) -> Result<Entry, CallError> {
        self.client.call_known(method!("action:vdfs.update_metadata"), request)
    }

    /// Write a sidecar, over one that is there.
    ///
    /// The same content once more changes nothing, whatever the revision. Publishes `sidecar.written`.
    ///
    /// `action:vdfs.write_sidecar`; it has an effect, transactional.
    ///
    /// # Errors
    ///
    /// As for [`Client::call`].
    pub fn write_sidecar(&self, request: &WriteSidecar) -> Result<Sidecar, CallError> {
        self.client.call_known(method!("action:vdfs.write_sidecar"), request)
    }
}

/// `content` (base64, up to 5 MiB of bytes) goes to `offset`, which is the size the content has now.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct AppendContent {
    /// UUID.
    pub entry_id: String,
    /// Integer, 0 to 4,611,686,018,427,387,904.
    pub offset: i64,
    /// Base64.
    pub content: crate::Bytes,
}

impl AppendContent {
    /// With what has no default.
    pub fn new(entry_id: impl Into<String>, offset: i64, content: impl Into<crate::Bytes>) -> Self {
        AppendContent { entry_id: entry_id.into(), offset, content: content.into() }
    }
}

/// A part of an entry's content.
///
/// It is in `text` if that was asked for and it is UTF-8, else in `content`; the other is null. `length` counts
/// its bytes; `next_offset` is where the rest begins, null at the end. `size` and `digest` are the whole's.
#[derive(Clone, PartialEq, Debug, serde::Deserialize)]
#[non_exhaustive]
pub struct ContentPart {
    /// UUID.
    pub entry_id: String,
    /// Integer.
    pub offset: i64,
    /// Integer.
    pub length: i64,
    /// Integer or null.
    pub next_offset: Option<i64>,
    /// Integer.
    pub size: i64,
    /// Text.
    pub digest: String,
    /// Base64 or null.
    #[serde(default)]
    pub content: Option<crate::Bytes>,
    /// Text or null.
    #[serde(default)]
    pub text: Option<String>,
}

/// `content` is base64; `text` is content as text; with neither it is empty.
///
/// `sidecars` are there from the beginning, in the same commit. Content and sidecars have 5 MiB at most together.
/// `if_absent`: only if the caller has not made an entry of this name and kind; else that one is answered, as it is.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct CreateEntry {
    /// Text, 1 to 255 characters.
    pub name: String,
    /// Text, 1 to 64 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Text, 3 to 255 characters or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// Object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<serde_json::Map<String, serde_json::Value>>,
    /// Base64 or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<crate::Bytes>,
    /// Text or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Array of `NewSidecar`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sidecars: Option<Vec<NewSidecar>>,
    /// Boolean.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub if_absent: Option<bool>,
}

impl CreateEntry {
    /// With what has no default.
    pub fn new(name: impl Into<String>) -> Self {
        CreateEntry { name: name.into(), kind: None, media_type: None, metadata: None, content: None, text: None, sidecars: None, if_absent: None }
    }

    /// Sets `kind`.
    #[must_use]
    pub fn kind(mut self, kind: impl Into<String>) -> Self {
        self.kind = Some(kind.into());
        self
    }

    /// Sets `media_type`.
    #[must_use]
    pub fn media_type(mut self, media_type: impl Into<String>) -> Self {
        self.media_type = Some(media_type.into());
        self
    }

    /// Sets `metadata`.
    #[must_use]
    pub fn metadata(mut self, metadata: serde_json::Map<String, serde_json::Value>) -> Self {
        self.metadata = Some(metadata);
        self
    }

    /// Sets `content`.
    #[must_use]
    pub fn content(mut self, content: impl Into<crate::Bytes>) -> Self {
        self.content = Some(content.into());
        self
    }

    /// Sets `text`.
    #[must_use]
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.text = Some(text.into());
        self
    }

    /// Sets `sidecars`.
    #[must_use]
    pub fn sidecars(mut self, sidecars: Vec<NewSidecar>) -> Self {
        self.sidecars = Some(sidecars);
        self
    }

    /// Sets `if_absent`.
    #[must_use]
    pub fn if_absent(mut self, if_absent: bool) -> Self {
        self.if_absent = Some(if_absent);
        self
    }
}

/// Which entry; `if_revision`: only if it is at it.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct DeleteEntry {
    /// UUID.
    pub entry_id: String,
    /// Integer, 0 to 4,611,686,018,427,387,904 or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub if_revision: Option<i64>,
}

impl DeleteEntry {
    /// With what has no default.
    pub fn new(entry_id: impl Into<String>) -> Self {
        DeleteEntry { entry_id: entry_id.into(), if_revision: None }
    }

    /// Sets `if_revision`.
    #[must_use]
    pub fn if_revision(mut self, if_revision: i64) -> Self {
        self.if_revision = Some(if_revision);
        self
    }
}

/// Which sidecar; `if_revision`: only if it is at it.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct DeleteSidecar {
    /// UUID.
    pub entry_id: String,
    /// Text, 1 to 255 characters.
    pub name: String,
    /// Integer, 0 to 4,611,686,018,427,387,904 or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub if_revision: Option<i64>,
}

impl DeleteSidecar {
    /// With what has no default.
    pub fn new(entry_id: impl Into<String>, name: impl Into<String>) -> Self {
        DeleteSidecar { entry_id: entry_id.into(), name: name.into(), if_revision: None }
    }

    /// Sets `if_revision`.
    #[must_use]
    pub fn if_revision(mut self, if_revision: i64) -> Self {
        self.if_revision = Some(if_revision);
        self
    }
}

/// `deleted` is false if there was nothing.
#[derive(Clone, PartialEq, Debug, serde::Deserialize)]
#[non_exhaustive]
pub struct Deleted {
    /// Boolean.
    pub deleted: bool,
}

/// An entry. `revision` counts its changes from 1; `extension` made it, null is the host itself.
#[derive(Clone, PartialEq, Debug, serde::Deserialize)]
#[non_exhaustive]
pub struct Entry {
    /// UUID.
    pub id: String,
    /// Text.
    pub name: String,
    /// Text.
    pub kind: String,
    /// Text.
    pub media_type: String,
    /// Object.
    pub metadata: serde_json::Map<String, serde_json::Value>,
    /// Integer.
    pub size: i64,
    /// Text.
    pub digest: String,
    /// Integer.
    pub created: i64,
    /// Integer.
    pub updated: i64,
    /// Integer.
    pub revision: i64,
    /// Text or null.
    pub extension: Option<String>,
    /// Integer.
    pub sidecars: i64,
}

/// Some entries; `next` is null when there are no more. A page may be short, also empty, before the last.
#[derive(Clone, PartialEq, Debug, serde::Deserialize)]
#[non_exhaustive]
pub struct EntryPage {
    /// Array of `Entry`.
    pub entries: Vec<Entry>,
    /// Text or null.
    pub next: Option<String>,
}

/// Which entry.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct GetEntry {
    /// UUID.
    pub entry_id: String,
}

impl GetEntry {
    /// With what has no default.
    pub fn new(entry_id: impl Into<String>) -> Self {
        GetEntry { entry_id: entry_id.into() }
    }
}

/// `order` `id` is the order of creation. `cursor` is the `next` of the page before.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct ListEntries {
    /// Text, 1 to 64 characters or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Text, at most 255 characters or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name_prefix: Option<String>,
    /// Text, at most 200 characters or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extension: Option<String>,
    /// `"id"` or `"name"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<String>,
    /// Integer, 1 to 1,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<i64>,
    /// Text or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

impl ListEntries {
    /// With what has no default.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        ListEntries { kind: None, name_prefix: None, extension: None, order: None, limit: None, cursor: None }
    }

    /// Sets `kind`.
    #[must_use]
    pub fn kind(mut self, kind: impl Into<String>) -> Self {
        self.kind = Some(kind.into());
        self
    }

    /// Sets `name_prefix`.
    #[must_use]
    pub fn name_prefix(mut self, name_prefix: impl Into<String>) -> Self {
        self.name_prefix = Some(name_prefix.into());
        self
    }

    /// Sets `extension`.
    #[must_use]
    pub fn extension(mut self, extension: impl Into<String>) -> Self {
        self.extension = Some(extension.into());
        self
    }

    /// Sets `order`.
    #[must_use]
    pub fn order(mut self, order: impl Into<String>) -> Self {
        self.order = Some(order.into());
        self
    }

    /// Sets `limit`.
    #[must_use]
    pub fn limit(mut self, limit: i64) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Sets `cursor`.
    #[must_use]
    pub fn cursor(mut self, cursor: impl Into<String>) -> Self {
        self.cursor = Some(cursor.into());
        self
    }
}

/// Whose sidecars, by name. `cursor` is the `next` of the page before.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct ListSidecars {
    /// UUID.
    pub entry_id: String,
    /// Integer, 1 to 1,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<i64>,
    /// Text or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

impl ListSidecars {
    /// With what has no default.
    pub fn new(entry_id: impl Into<String>) -> Self {
        ListSidecars { entry_id: entry_id.into(), limit: None, cursor: None }
    }

    /// Sets `limit`.
    #[must_use]
    pub fn limit(mut self, limit: i64) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Sets `cursor`.
    #[must_use]
    pub fn cursor(mut self, cursor: impl Into<String>) -> Self {
        self.cursor = Some(cursor.into());
        self
    }
}

/// A sidecar that an entry has from its beginning: `content` (base64) or `text`.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct NewSidecar {
    /// Text, 1 to 255 characters.
    pub name: String,
    /// Text, 3 to 255 characters or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// Base64 or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<crate::Bytes>,
    /// Text or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

impl NewSidecar {
    /// With what has no default.
    pub fn new(name: impl Into<String>) -> Self {
        NewSidecar { name: name.into(), media_type: None, content: None, text: None }
    }

    /// Sets `media_type`.
    #[must_use]
    pub fn media_type(mut self, media_type: impl Into<String>) -> Self {
        self.media_type = Some(media_type.into());
        self
    }

    /// Sets `content`.
    #[must_use]
    pub fn content(mut self, content: impl Into<crate::Bytes>) -> Self {
        self.content = Some(content.into());
        self
    }

    /// Sets `text`.
    #[must_use]
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.text = Some(text.into());
        self
    }
}

/// Up to `length` bytes from `offset` on, at most 4 MiB at once, 1 MiB if `text` is asked for.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct ReadContent {
    /// UUID.
    pub entry_id: String,
    /// Integer, 0 to 4,611,686,018,427,387,904.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<i64>,
    /// Integer, at least 0 or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub length: Option<i64>,
    /// Boolean.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<bool>,
}

impl ReadContent {
    /// With what has no default.
    pub fn new(entry_id: impl Into<String>) -> Self {
        ReadContent { entry_id: entry_id.into(), offset: None, length: None, text: None }
    }

    /// Sets `offset`.
    #[must_use]
    pub fn offset(mut self, offset: i64) -> Self {
        self.offset = Some(offset);
        self
    }

    /// Sets `length`.
    #[must_use]
    pub fn length(mut self, length: i64) -> Self {
        self.length = Some(length);
        self
    }

    /// Sets `text`.
    #[must_use]
    pub fn text(mut self, text: bool) -> Self {
        self.text = Some(text);
        self
    }
}

/// Which sidecar, and whether its content is wanted as text.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct ReadSidecar {
    /// UUID.
    pub entry_id: String,
    /// Text, 1 to 255 characters.
    pub name: String,
    /// Boolean.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<bool>,
}

impl ReadSidecar {
    /// With what has no default.
    pub fn new(entry_id: impl Into<String>, name: impl Into<String>) -> Self {
        ReadSidecar { entry_id: entry_id.into(), name: name.into(), text: None }
    }

    /// Sets `text`.
    #[must_use]
    pub fn text(mut self, text: bool) -> Self {
        self.text = Some(text);
        self
    }
}

/// A sidecar, without its content. `extension` wrote it last, null is the host itself.
#[derive(Clone, PartialEq, Debug, serde::Deserialize)]
#[non_exhaustive]
pub struct Sidecar {
    /// UUID.
    pub entry_id: String,
    /// Text.
    pub name: String,
    /// Text.
    pub media_type: String,
    /// Integer.
    pub size: i64,
    /// Text.
    pub digest: String,
    /// Integer.
    pub created: i64,
    /// Integer.
    pub updated: i64,
    /// Integer.
    pub revision: i64,
    /// Text or null.
    pub extension: Option<String>,
}

/// A sidecar with its content: in `text` if that was asked for and it is UTF-8, else in `content`.
#[derive(Clone, PartialEq, Debug, serde::Deserialize)]
#[non_exhaustive]
pub struct SidecarContent {
    /// `Sidecar`.
    pub sidecar: Sidecar,
    /// Base64 or null.
    #[serde(default)]
    pub content: Option<crate::Bytes>,
    /// Text or null.
    #[serde(default)]
    pub text: Option<String>,
}

/// Some sidecars; `next` is null when there are no more.
#[derive(Clone, PartialEq, Debug, serde::Deserialize)]
#[non_exhaustive]
pub struct SidecarPage {
    /// Array of `Sidecar`.
    pub sidecars: Vec<Sidecar>,
    /// Text or null.
    pub next: Option<String>,
}

/// What changes: `metadata` is a JSON merge patch (RFC 7396). `if_revision`: only if the entry is at it.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct UpdateMetadata {
    /// UUID.
    pub entry_id: String,
    /// Object or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<serde_json::Map<String, serde_json::Value>>,
    /// Text, 1 to 255 characters or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Text, 1 to 64 characters or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Text, 3 to 255 characters or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// Integer, 0 to 4,611,686,018,427,387,904 or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub if_revision: Option<i64>,
}

impl UpdateMetadata {
    /// With what has no default.
    pub fn new(entry_id: impl Into<String>) -> Self {
        UpdateMetadata { entry_id: entry_id.into(), metadata: None, name: None, kind: None, media_type: None, if_revision: None }
    }

    /// Sets `metadata`.
    #[must_use]
    pub fn metadata(mut self, metadata: serde_json::Map<String, serde_json::Value>) -> Self {
        self.metadata = Some(metadata);
        self
    }

    /// Sets `name`.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets `kind`.
    #[must_use]
    pub fn kind(mut self, kind: impl Into<String>) -> Self {
        self.kind = Some(kind.into());
        self
    }

    /// Sets `media_type`.
    #[must_use]
    pub fn media_type(mut self, media_type: impl Into<String>) -> Self {
        self.media_type = Some(media_type.into());
        self
    }

    /// Sets `if_revision`.
    #[must_use]
    pub fn if_revision(mut self, if_revision: i64) -> Self {
        self.if_revision = Some(if_revision);
        self
    }
}

/// What the library uses and may use. `own`: whether the limit is its own, or the runtime's for all.
#[derive(Clone, PartialEq, Debug, serde::Deserialize)]
#[non_exhaustive]
pub struct UsageAnswer {
    /// Integer.
    pub bytes_used: i64,
    /// Integer.
    pub bytes_limit: i64,
    /// Integer.
    pub entries_used: i64,
    /// Integer.
    pub entries_limit: i64,
    /// Boolean.
    pub own: bool,
}

/// `content` (base64) or `text`, up to 4 MiB. `if_revision`: only if it is at it; 0: only if it is new.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct WriteSidecar {
    /// UUID.
    pub entry_id: String,
    /// Text, 1 to 255 characters.
    pub name: String,
    /// Text, 3 to 255 characters or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// Base64 or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<crate::Bytes>,
    /// Text or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Integer, 0 to 4,611,686,018,427,387,904 or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub if_revision: Option<i64>,
}

impl WriteSidecar {
    /// With what has no default.
    pub fn new(entry_id: impl Into<String>, name: impl Into<String>) -> Self {
        WriteSidecar { entry_id: entry_id.into(), name: name.into(), media_type: None, content: None, text: None, if_revision: None }
    }

    /// Sets `media_type`.
    #[must_use]
    pub fn media_type(mut self, media_type: impl Into<String>) -> Self {
        self.media_type = Some(media_type.into());
        self
    }

    /// Sets `content`.
    #[must_use]
    pub fn content(mut self, content: impl Into<crate::Bytes>) -> Self {
        self.content = Some(content.into());
        self
    }

    /// Sets `text`.
    #[must_use]
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.text = Some(text.into());
        self
    }

    /// Sets `if_revision`.
    #[must_use]
    pub fn if_revision(mut self, if_revision: i64) -> Self {
        self.if_revision = Some(if_revision);
        self
    }
}
