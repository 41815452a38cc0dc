//! The operations of `mail`.
//!
//! Made by `python3 -m perdure.runtime.operations.client_rust`; a test fails when it is stale.

use crate::client::method;
use crate::{CallError, Client};

/// The operations of `mail`: `ctx.client().mail()`.
#[derive(Debug, Clone, Copy)]
pub struct Mail<'a> {
    client: &'a Client,
}

impl Client {
    /// The operations of `mail`.
    pub fn mail(&self) -> Mail<'_> {
        Mail { client: self }
    }
}

impl Mail<'_> {
    /// Get a message, its text and the list of its attachments; with `part`, the content of one of them.
    ///
    /// A message that is broken is read as far as it can be. Getting a message does not mark it as seen.
    ///
    /// `query:mail.fetch`; it reads.
    ///
    /// # Errors
    ///
    /// As for [`Client::call`].
    pub fn fetch(&self, request: &FetchMessage) -> Result<FetchedMessage, CallError> {
        self.client.call_known(method!("query:mail.fetch"), request)
    }

    /// Give a message flags, and take others away; it is the same once or twice.
    ///
    /// `action:mail.flag`; it has an effect, idempotent.
    ///
    /// # Errors
    ///
    /// As for [`Client::call`].
    pub fn flag(&self, request: &FlagMessage) -> Result<MessageFlagged, CallError> {
        self.client.call_known(method!("action:mail.flag"), request)
    }

    /// List the folders of a mail account, or of a Maildir.
    ///
    /// `query:mail.folders`; it reads.
    ///
    /// # Errors
    ///
    /// As for [`Client::call`].
    pub fn folders(&self, request: &ListFolders) -> Result<FoldersListed, CallError> {
        self.client.call_known(method!("query:mail.folders"), request)
    }

    /// List the messages of a mailbox in pages, by uid, and so from where the last look ended.
    ///
    /// `query:mail.list`; it reads.
    ///
    /// # Errors
    ///
    /// As for [`Client::call`].
    pub fn list(&self, request: &ListMessages) -> Result<MessagesListed, CallError> {
        self.client.call_known(method!("query:mail.list"), request)
    }

    /// Wait for new messages: with IDLE on a server that has it; a folder is looked at each second.
    ///
    /// A job that is paused or cancelled does not wait on.
    ///
    /// `query:mail.wait`; it reads.
    ///
    /// # Errors
    ///
    /// As for [`Client::call`].
    pub fn wait(&self, request: &WaitForMessages) -> Result<MessagesWaited, CallError> {
        self.client.call_known(method!("query:mail.wait"), request)
    }
}

/// Somebody. `name` is empty if there is none, `address` if it is broken.
#[derive(Clone, PartialEq, Debug, serde::Deserialize)]
#[non_exhaustive]
pub struct Address {
    /// Text.
    pub name: String,
    /// Text.
    pub address: String,
}

/// A part that is not the message's text.
///
/// `name` is empty if it has none. `size` is that of its content, decoded. `inline`: meant to be shown within the
/// text, as pictures are. `within` is the part of the forwarded message, or winmail.dat, that it is in. `content`
/// is there if the part was asked for; `next_offset` if there is more of it.
#[derive(Clone, PartialEq, serde::Deserialize)]
#[non_exhaustive]
pub struct Attachment {
    /// Integer.
    pub part: i64,
    /// Text, secret.
    pub name: String,
    /// Text.
    pub media_type: String,
    /// Integer.
    pub size: i64,
    /// Boolean.
    pub inline: bool,
    /// Text, secret or null.
    #[serde(default)]
    pub content_id: Option<String>,
    /// Integer or null.
    #[serde(default)]
    pub within: Option<i64>,
    /// Base64, secret or null.
    #[serde(default)]
    pub content: Option<crate::Bytes>,
    /// Integer or null.
    #[serde(default)]
    pub next_offset: Option<i64>,
}

impl std::fmt::Debug for Attachment {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Attachment").field("part", &self.part).field("media_type", &self.media_type).field("size", &self.size).field("inline", &self.inline).field("within", &self.within).field("next_offset", &self.next_offset).finish_non_exhaustive()
    }
}

/// Which message. `part` adds the content of one of its attachments; 0 that of the whole message, as it came.
///
/// At most `max_bytes` of the text, and of the content from `offset` on. `html`: also the text's HTML as it is.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct FetchMessage {
    /// `ImapMailbox` or `MaildirMailbox` or `MboxMailbox`.
    pub mailbox: Mailbox,
    /// Integer, 1 to 9,007,199,254,740,992.
    pub uid: i64,
    /// Integer.
    pub uid_validity: i64,
    /// Integer, 0 to 10,000 or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part: Option<i64>,
    /// Integer, 0 to 1,099,511,627,776.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<i64>,
    /// Integer, 1 to 5,242,880.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<i64>,
    /// Boolean.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub html: Option<bool>,
}

impl FetchMessage {
    /// With what has no default.
    pub fn new(mailbox: Mailbox, uid: i64, uid_validity: i64) -> Self {
        FetchMessage { mailbox, uid, uid_validity, part: None, offset: None, max_bytes: None, html: None }
    }

    /// Sets `part`.
    #[must_use]
    pub fn part(mut self, part: i64) -> Self {
        self.part = Some(part);
        self
    }

    /// Sets `offset`.
    #[must_use]
    pub fn offset(mut self, offset: i64) -> Self {
        self.offset = Some(offset);
        self
    }

    /// Sets `max_bytes`.
    #[must_use]
    pub fn max_bytes(mut self, max_bytes: i64) -> Self {
        self.max_bytes = Some(max_bytes);
        self
    }

    /// Sets `html`.
    #[must_use]
    pub fn html(mut self, html: bool) -> Self {
        self.html = Some(html);
        self
    }
}

/// A message, as far as it could be read; `problems` says in sentences what could not.
///
/// `sender` is whom its From header names. `date` is in microseconds since 1970. `text` is the plain text, or the
/// HTML as text, the cells of a row on one line; `text_from` says which: `plain`, `html`, `none`. `headers`
/// has some that tell programs' mail from people's: `list_id`, `list_unsubscribe`, `auto_submitted`,
/// `precedence` and others. `sha256` and `raw_size` are the whole message's; `raw` is there for `part` 0, and
/// `next_offset` if there is more of it.
#[derive(Clone, PartialEq, serde::Deserialize)]
#[non_exhaustive]
pub struct FetchedMessage {
    /// Integer.
    pub uid: i64,
    /// Text, secret or null.
    pub message_id: Option<String>,
    /// Text, secret or null.
    pub in_reply_to: Option<String>,
    /// Array of text, secret.
    pub references: Vec<String>,
    /// Text, secret.
    pub subject: String,
    /// `Address`, secret.
    pub sender: Address,
    /// Array of `Address`, secret.
    pub to: Vec<Address>,
    /// Array of `Address`, secret.
    pub cc: Vec<Address>,
    /// Array of `Address`, secret.
    pub reply_to: Vec<Address>,
    /// Integer or null.
    pub date: Option<i64>,
    /// Object of text, secret.
    pub headers: serde_json::Map<String, serde_json::Value>,
    /// Text, secret.
    pub text: String,
    /// Text.
    pub text_from: String,
    /// Array of `Attachment`.
    pub attachments: Vec<Attachment>,
    /// Integer.
    pub raw_size: i64,
    /// Text.
    pub sha256: String,
    /// Array of text, secret.
    pub problems: Vec<String>,
    /// Text, secret or null.
    #[serde(default)]
    pub html: Option<String>,
    /// Base64, secret or null.
    #[serde(default)]
    pub raw: Option<crate::Bytes>,
    /// Integer or null.
    #[serde(default)]
    pub next_offset: Option<i64>,
}

impl std::fmt::Debug for FetchedMessage {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("FetchedMessage").field("uid", &self.uid).field("sender", &self.sender).field("date", &self.date).field("text_from", &self.text_from).field("attachments", &self.attachments).field("raw_size", &self.raw_size).field("sha256", &self.sha256).field("next_offset", &self.next_offset).finish_non_exhaustive()
    }
}

/// Which flags a message gets and loses.
///
/// `\Seen`, `\Flagged`, `\Answered`, `\Draft`, `\Deleted`, or keywords, where the mailbox has any.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct FlagMessage {
    /// `ImapMailbox` or `MaildirMailbox` or `MboxMailbox`.
    pub mailbox: Mailbox,
    /// Integer, 1 to 9,007,199,254,740,992.
    pub uid: i64,
    /// Integer.
    pub uid_validity: i64,
    /// Array of text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub add: Option<Vec<String>>,
    /// Array of text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remove: Option<Vec<String>>,
}

impl FlagMessage {
    /// With what has no default.
    pub fn new(mailbox: Mailbox, uid: i64, uid_validity: i64) -> Self {
        FlagMessage { mailbox, uid, uid_validity, add: None, remove: None }
    }

    /// Sets `add`.
    #[must_use]
    pub fn add(mut self, add: Vec<String>) -> Self {
        self.add = Some(add);
        self
    }

    /// Sets `remove`.
    #[must_use]
    pub fn remove(mut self, remove: Vec<String>) -> Self {
        self.remove = Some(remove);
        self
    }
}

/// The folders, at most 2,000.
#[derive(Clone, PartialEq, Debug, serde::Deserialize)]
#[non_exhaustive]
pub struct FoldersListed {
    /// Array of `MailFolder`.
    pub folders: Vec<MailFolder>,
}

/// A folder of an IMAP server.
///
/// `credential` names one of the extension's credentials in this library: `basic` (a password) or `oauth2`; the
/// host uses it, the extension never sees it. `username` is needed where the credential has none. `port` is 993, or
/// 143 without `tls`. `folder` as `mail.folders` names it.
#[derive(Clone, PartialEq, Debug, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct ImapMailbox {
    /// Text, 1 to 253 characters.
    pub host: String,
    /// Text.
    pub credential: String,
    /// Integer, 1 to 65,535 or null.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub port: Option<i64>,
    /// `"plain"` or `"starttls"` or `"tls"`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub security: Option<String>,
    /// Text, at most 320 characters or null.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub username: Option<String>,
    /// Text, at most 1,000 characters.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub folder: Option<String>,
}

impl ImapMailbox {
    /// With what has no default.
    pub fn new(host: impl Into<String>, credential: impl Into<String>) -> Self {
        ImapMailbox { host: host.into(), credential: credential.into(), port: None, security: None, username: None, folder: None }
    }

    /// Sets `port`.
    #[must_use]
    pub fn port(mut self, port: i64) -> Self {
        self.port = Some(port);
        self
    }

    /// Sets `security`.
    #[must_use]
    pub fn security(mut self, security: impl Into<String>) -> Self {
        self.security = Some(security.into());
        self
    }

    /// Sets `username`.
    #[must_use]
    pub fn username(mut self, username: impl Into<String>) -> Self {
        self.username = Some(username.into());
        self
    }

    /// Sets `folder`.
    #[must_use]
    pub fn folder(mut self, folder: impl Into<String>) -> Self {
        self.folder = Some(folder.into());
        self
    }
}

/// The folders of an account, whichever of them is named, or of a Maildir (Maildir++).
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct ListFolders {
    /// `ImapMailbox` or `MaildirMailbox` or `MboxMailbox`.
    pub mailbox: Mailbox,
}

impl ListFolders {
    /// With what has no default.
    pub fn new(mailbox: Mailbox) -> Self {
        ListFolders { mailbox }
    }
}

/// The messages behind `after_uid`, by ascending uid.
///
/// `uid_validity` is that of the page before. If it is not the mailbox's any more, all uids have changed: the answer
/// begins at the first message, whatever `after_uid` is, and `reset` says so.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct ListMessages {
    /// `ImapMailbox` or `MaildirMailbox` or `MboxMailbox`.
    pub mailbox: Mailbox,
    /// Integer, 0 to 9,007,199,254,740,992.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after_uid: Option<i64>,
    /// Integer or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid_validity: Option<i64>,
    /// Integer, 1 to 500.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<i64>,
}

impl ListMessages {
    /// With what has no default.
    pub fn new(mailbox: Mailbox) -> Self {
        ListMessages { mailbox, after_uid: None, uid_validity: None, limit: None }
    }

    /// Sets `after_uid`.
    #[must_use]
    pub fn after_uid(mut self, after_uid: i64) -> Self {
        self.after_uid = Some(after_uid);
        self
    }

    /// Sets `uid_validity`.
    #[must_use]
    pub fn uid_validity(mut self, uid_validity: i64) -> Self {
        self.uid_validity = Some(uid_validity);
        self
    }

    /// Sets `limit`.
    #[must_use]
    pub fn limit(mut self, limit: i64) -> Self {
        self.limit = Some(limit);
        self
    }
}

/// A message without its content.
///
/// `date` is in microseconds since 1970, null if it has none. `size` is in bytes. `flags` as IMAP writes them:
/// `\Seen`. `has_attachments` is a guess from its type, null where that says nothing.
#[derive(Clone, PartialEq, serde::Deserialize)]
#[non_exhaustive]
pub struct ListedMessage {
    /// Integer.
    pub uid: i64,
    /// Text, secret or null.
    pub message_id: Option<String>,
    /// Text, secret.
    pub subject: String,
    /// `Address`, secret.
    pub sender: Address,
    /// Integer or null.
    pub date: Option<i64>,
    /// Integer.
    pub size: i64,
    /// Array of text.
    pub flags: Vec<String>,
    /// Boolean or null.
    pub has_attachments: Option<bool>,
}

impl std::fmt::Debug for ListedMessage {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ListedMessage").field("uid", &self.uid).field("sender", &self.sender).field("date", &self.date).field("size", &self.size).field("flags", &self.flags).field("has_attachments", &self.has_attachments).finish_non_exhaustive()
    }
}

/// A folder. `mailbox` is it for other calls. `special` is what it is for (RFC 6154), if the server says:
///
/// `\\Sent`, `\\Junk`, `\\Trash`, `\\All` and the like. One that is not `selectable` only holds others.
#[derive(Clone, PartialEq, serde::Deserialize)]
#[non_exhaustive]
pub struct MailFolder {
    /// Text, secret.
    pub name: String,
    /// `ImapMailbox` or `MaildirMailbox` or `MboxMailbox`.
    pub mailbox: Mailbox,
    /// Text or null.
    pub special: Option<String>,
    /// Boolean.
    pub selectable: bool,
}

impl std::fmt::Debug for MailFolder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("MailFolder").field("mailbox", &self.mailbox).field("special", &self.special).field("selectable", &self.selectable).finish_non_exhaustive()
    }
}

/// One of these.
#[derive(Clone, PartialEq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(tag = "type")]
#[non_exhaustive]
pub enum Mailbox {
    /// [`ImapMailbox`].
    #[serde(rename = "imap")]
    ImapMailbox(ImapMailbox),
    /// [`MaildirMailbox`].
    #[serde(rename = "maildir")]
    MaildirMailbox(MaildirMailbox),
    /// [`MboxMailbox`].
    #[serde(rename = "mbox")]
    MboxMailbox(MboxMailbox),
}

/// A Maildir in a shared folder: `file` is `NAME/path` of the folder that has `cur` and `new` in it.
#[derive(Clone, PartialEq, Debug, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct MaildirMailbox {
    /// Text, 1 to 4,096 characters.
    pub file: String,
}

impl MaildirMailbox {
    /// With what has no default.
    pub fn new(file: impl Into<String>) -> Self {
        MaildirMailbox { file: file.into() }
    }
}

/// An mbox file in a shared folder: `file` is `NAME/path`.
#[derive(Clone, PartialEq, Debug, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct MboxMailbox {
    /// Text, 1 to 4,096 characters.
    pub file: String,
}

impl MboxMailbox {
    /// With what has no default.
    pub fn new(file: impl Into<String>) -> Self {
        MboxMailbox { file: file.into() }
    }
}

/// The flags that it has now.
#[derive(Clone, PartialEq, Debug, serde::Deserialize)]
#[non_exhaustive]
pub struct MessageFlagged {
    /// Array of text.
    pub flags: Vec<String>,
}

/// A page; it may have fewer messages than were asked for, also none, and not be the last.
///
/// `next_uid` is what to give as `after_uid` for the next one, null if this is the last. `uid_next` is greater
/// than all uids so far, null if the server does not say.
#[derive(Clone, PartialEq, Debug, serde::Deserialize)]
#[non_exhaustive]
pub struct MessagesListed {
    /// Integer.
    pub uid_validity: i64,
    /// Integer or null.
    pub uid_next: Option<i64>,
    /// Array of `ListedMessage`.
    pub messages: Vec<ListedMessage>,
    /// Integer or null.
    pub next_uid: Option<i64>,
    /// Boolean.
    pub reset: bool,
}

/// `changed`: there is something to list now; false if the time is over.
#[derive(Clone, PartialEq, Debug, serde::Deserialize)]
#[non_exhaustive]
pub struct MessagesWaited {
    /// Boolean.
    pub changed: bool,
}

/// Wait until there is a message behind `after_uid`, or all uids have changed; at most `timeout_ms`.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct WaitForMessages {
    /// `ImapMailbox` or `MaildirMailbox` or `MboxMailbox`.
    pub mailbox: Mailbox,
    /// Integer, 0 to 9,007,199,254,740,992.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after_uid: Option<i64>,
    /// Integer or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid_validity: Option<i64>,
    /// Integer, 1 to 600,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<i64>,
}

impl WaitForMessages {
    /// With what has no default.
    pub fn new(mailbox: Mailbox) -> Self {
        WaitForMessages { mailbox, after_uid: None, uid_validity: None, timeout_ms: None }
    }

    /// Sets `after_uid`.
    #[must_use]
    pub fn after_uid(mut self, after_uid: i64) -> Self {
        self.after_uid = Some(after_uid);
        self
    }

    /// Sets `uid_validity`.
    #[must_use]
    pub fn uid_validity(mut self, uid_validity: i64) -> Self {
        self.uid_validity = Some(uid_validity);
        self
    }

    /// Sets `timeout_ms`.
    #[must_use]
    pub fn timeout_ms(mut self, timeout_ms: i64) -> Self {
        self.timeout_ms = Some(timeout_ms);
        self
    }
}
