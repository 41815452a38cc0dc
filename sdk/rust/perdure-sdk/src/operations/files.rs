//! The operations of `files`.
//!
//! Made by `python3 -m perdure.runtime.operations.client_rust`; a test fails when it is stale.

use crate::client::method;
use crate::{CallError, Client};

/// The operations of `files`: `ctx.client().files()`.
#[derive(Debug, Clone, Copy)]
pub struct Files<'a> {
    client: &'a Client,
}

impl Client {
    /// The operations of `files`.
    pub fn files(&self) -> Files<'_> {
        Files { client: self }
    }
}

impl Files<'_> {
    /// List files of a shared folder, in pages, by path.
    ///
    /// `query:files.list`; it reads.
    ///
    /// # Errors
    ///
    /// As for [`Client::call`].
    pub fn list(&self, request: &ListFiles) -> Result<FilesListed, CallError> {
        self.client.call_known(method!("query:files.list"), request)
    }

    /// Read a part of a file in a shared folder.
    ///
    /// `query:files.read`; it reads.
    ///
    /// # Errors
    ///
    /// As for [`Client::call`].
    pub fn read(&self, request: &ReadFile) -> Result<FilePart, CallError> {
        self.client.call_known(method!("query:files.read"), request)
    }

    /// Which folders are shared with an extension.
    ///
    /// `query:files.shares`; it reads.
    ///
    /// # Errors
    ///
    /// As for [`Client::call`].
    pub fn shares(&self, request: &ListShares) -> Result<SharesListed, CallError> {
        self.client.call_known(method!("query:files.shares"), request)
    }
}

/// A part of a file. `size` and `modified` are the whole's; `next_offset` is null at its end.
///
/// A file may change between two parts: then `modified` does.
#[derive(Clone, PartialEq, serde::Deserialize)]
#[non_exhaustive]
pub struct FilePart {
    /// Base64, secret.
    pub content: crate::Bytes,
    /// Integer.
    pub offset: i64,
    /// Integer or null.
    pub next_offset: Option<i64>,
    /// Integer.
    pub size: i64,
    /// Integer.
    pub modified: i64,
}

impl std::fmt::Debug for FilePart {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("FilePart").field("offset", &self.offset).field("next_offset", &self.next_offset).field("size", &self.size).field("modified", &self.modified).finish_non_exhaustive()
    }
}

/// A page, by path. `next` is what to give as `after` for the next one, null if this is the last.
#[derive(Clone, PartialEq, Debug, serde::Deserialize)]
#[non_exhaustive]
pub struct FilesListed {
    /// Array of `ListedFile`.
    pub files: Vec<ListedFile>,
    /// Text or null.
    pub next: Option<String>,
}

/// The files of `folder`, which is `NAME` or `NAME/below`, that come after the file `after`.
///
/// `suffixes`: only files whose names end so, like `.jpg`, in capitals or not; all if there are none.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct ListFiles {
    /// Text, 1 to 4,096 characters.
    pub folder: String,
    /// Text, 1 to 4,096 characters or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Integer, 1 to 1,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<i64>,
    /// Boolean.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recursive: Option<bool>,
    /// Array of text, 1 to 32 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suffixes: Option<Vec<String>>,
}

impl ListFiles {
    /// With what has no default.
    pub fn new(folder: impl Into<String>) -> Self {
        ListFiles { folder: folder.into(), after: None, limit: None, recursive: None, suffixes: None }
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

    /// Sets `recursive`.
    #[must_use]
    pub fn recursive(mut self, recursive: bool) -> Self {
        self.recursive = Some(recursive);
        self
    }

    /// Sets `suffixes`.
    #[must_use]
    pub fn suffixes(mut self, suffixes: Vec<String>) -> Self {
        self.suffixes = Some(suffixes);
        self
    }
}

/// Whose: an extension is told of its own; the host says which one it means.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct ListShares {
    /// Text or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extension: Option<String>,
}

impl ListShares {
    /// With what has no default.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        ListShares { extension: None }
    }

    /// Sets `extension`.
    #[must_use]
    pub fn extension(mut self, extension: impl Into<String>) -> Self {
        self.extension = Some(extension.into());
        self
    }
}

/// A file: its name for other calls, its size in bytes, when it was changed (microseconds since 1970).
#[derive(Clone, PartialEq, Debug, serde::Deserialize)]
#[non_exhaustive]
pub struct ListedFile {
    /// Text.
    pub file: String,
    /// Integer.
    pub size: i64,
    /// Integer.
    pub modified: i64,
}

/// Up to `length` bytes of a file from `offset` on, at most 4 MiB at once.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct ReadFile {
    /// Text, 1 to 4,096 characters.
    pub file: String,
    /// Integer, 0 to 4,611,686,018,427,387,904.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<i64>,
    /// Integer, at least 0 or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub length: Option<i64>,
}

impl ReadFile {
    /// With what has no default.
    pub fn new(file: impl Into<String>) -> Self {
        ReadFile { file: file.into(), offset: None, length: None }
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
}

/// A share. `path` is null for extensions: where a folder lies is none of their business.
#[derive(Clone, PartialEq, Debug, serde::Deserialize)]
#[non_exhaustive]
pub struct Share {
    /// Text.
    pub name: String,
    /// Text or null.
    pub path: Option<String>,
    /// Integer.
    pub since: i64,
}

/// All of them, by name.
#[derive(Clone, PartialEq, Debug, serde::Deserialize)]
#[non_exhaustive]
pub struct SharesListed {
    /// Array of `Share`.
    pub shares: Vec<Share>,
}
