"""Clients of the operations that ship with perdure. Made from their declarations by

    python3 -m perdure.runtime.operations.client_python > sdk/python/perdure_sdk/clients.py

a test fails when it is stale. What they do is in docs/operations.md.
"""

from __future__ import annotations

import builtins
from dataclasses import dataclass, field
from typing import Any, Final, Literal
from uuid import UUID

from perdure_sdk.client import Caller, Client


@dataclass(frozen=True, kw_only=True)
class TextClassified:
    """What the text is. ``result`` is ``{"label": …}``, or what the schema describes.

    ``label`` is the choice, if there is one to make; ``scores`` say how likely each label is, together 1, and only the
    local model gives them.
    """

    result: Any = field(repr=False)
    model: str
    backend: Literal["endpoint", "local"]
    label: str | None = field(default=None, repr=False)
    scores: dict[str, float] | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class TextLabel:
    """A label, and what it means, in words or by examples: the more is said, the better it is told from others."""

    label: str
    description: str | None = None


@dataclass(frozen=True, kw_only=True)
class ClassifyOptions:
    """``model`` is ``local``, or one of the endpoint's that the host offers; ``temperature`` is for the endpoint's."""

    model: str | None = None
    temperature: float = 0.0


@dataclass(frozen=True, kw_only=True)
class TextsEmbedded:
    """A vector for each text, in their order: ``dimensions`` 32-bit floats, little-endian, of unit length together.

    So the cosine of two is the sum of their products. A text of blanks has zeros only. Vectors of different models have
    nothing to do with each other: keep ``model`` beside what you store.
    """

    vectors: list[bytes] = field(repr=False)
    dimensions: int
    model: str
    backend: Literal["endpoint", "local"]


@dataclass(frozen=True, kw_only=True)
class EmbedOptions:
    """``model`` is ``local``, or the endpoint's that the host offers."""

    model: str | None = None


@dataclass(frozen=True, kw_only=True)
class OcrWord:
    """A word. ``box`` is left, top, right, bottom, in the page's unit, from its upper left corner; ``line`` counts the
    lines of the page's text from 0. ``confidence`` is 0 to 1.
    """

    text: str
    confidence: float
    box: tuple[float, float, float, float]
    line: int


@dataclass(frozen=True, kw_only=True)
class OcrPage:
    """A page. Lines of ``text`` are the lines that one sees; two blanks stand where there is a gap in one, as between
    columns.

    ``number`` counts from 1. ``unit`` is that of ``width``, ``height`` and the boxes: points (1/72 inch) for a page of
    a PDF, pixels for a picture, both as the page is read: turned by ``rotation`` degrees clockwise from how it would be
    shown. ``confidence`` is 0 to 1; text that a PDF has as such has 1, a page without words 0.
    """

    number: int
    text: str
    confidence: float
    source: Literal["ocr", "text_layer"]
    unit: Literal["pixels", "points"]
    width: float
    height: float
    rotation: Literal[0, 90, 180, 270]
    words: list[OcrWord]


@dataclass(frozen=True, kw_only=True)
class DocumentRead:
    """What it says.

    ``text`` is that of the pages, a form feed between two. ``confidence`` is 0 to 1, over all letters; 0 if there are
    none. ``page_count`` counts all pages of the file.
    """

    text: str = field(repr=False)
    confidence: float
    media_type: str
    page_count: int
    pages: list[OcrPage] = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """What is done to a picture before it is recognised. The defaults look at each picture and do what it needs.

    ``grey``: without colours; off where letters differ from their ground in colour alone. ``deskew``: lines are made
    level. ``rotate``: a page that lies on its side or upside down is turned. ``crop``: a sheet photographed on a darker
    ground is cut out, and seen from straight above. ``threshold``: how ink is told from paper; ``auto`` keeps the
    shades and evens out the light where it is uneven, ``none`` keeps them as they are, ``otsu`` is one threshold for
    all, ``adaptive`` one for each place. ``scale``: a factor; null makes letters as large as Tesseract likes them.
    """

    grey: bool = True
    deskew: bool = True
    rotate: bool = True
    crop: bool = True
    threshold: Literal["adaptive", "auto", "none", "otsu"] = "auto"
    scale: float | None = None


@dataclass(frozen=True, kw_only=True)
class OcrOptions:
    """How it is read.

    ``language``: Tesseract's names of the languages that the text may be in, ``deu+fra``. ``engine``: ``text_layer``
    takes only what a PDF has as text, ``tesseract`` recognises every page, ``auto`` does so where a page has no text,
    or one that makes no sense.
    """

    language: str = "eng"
    engine: Literal["auto", "tesseract", "text_layer"] = "auto"
    preprocessing: Preprocessing = field(default_factory=Preprocessing)


@dataclass(frozen=True, kw_only=True)
class ConfigProblem:
    """What is wrong with a value. ``path`` is its JSON path, like ``$.server.port``."""

    path: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """A configuration.

    Attributes:
        values: what holds, with the defaults of the manifest's ``config_schema``.
        own: what was set at this level, as it was set; None if nothing was.
        revision: how often something was set at this level.
        left_out: what was set and does not fit the schema of the installed version; the default holds instead.
        problems: what is wrong with ``values``, for example a required setting that is missing.
    """

    values: dict[str, Any]
    own: dict[str, Any] | None
    revision: int
    left_out: list[ConfigProblem] = field(default_factory=list)
    problems: list[ConfigProblem] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class AuditRecord:
    """One call of an operation on credentials, or of one that uses a credential. ``time``: microseconds since 1970.

    Attributes:
        position: its place in the log.
        operation: its name with kind, like ``query:credentials.get``; ``query:mail.list`` where the host used it there.
        name: the credential's; None where the call names none, or where nobody can read what it says.
        owner: the extension whose credential it is, or would be.
        extension: the extension that called, or for which the host did; None is the host itself.
        caller: ``job``, or who on the host: ``python``, ``cli``, ``credentials`` for a refresh.
        reader: with whom it was shared, for ``share`` and ``unshare``.
        outcome: ``ok``, or the code of the refusal.
    """

    position: int
    time: int
    operation: str
    name: str | None
    owner: str | None
    extension: str | None
    caller: str
    reader: str | None
    job_id: UUID | None
    library_id: UUID | None
    outcome: str


@dataclass(frozen=True, kw_only=True)
class CredentialsAudited:
    """Calls, oldest first. ``next`` is what to give as ``after_position``; None if the log has ended.

    A page may have fewer than there is room for, even none, and not be the last.
    """

    records: list[AuditRecord]
    next: int | None


@dataclass(frozen=True, kw_only=True)
class CredentialDeleted:
    """``deleted``: there was one with this name."""

    deleted: bool


@dataclass(frozen=True, kw_only=True)
class CredentialGenerated:
    """``generated`` is false if there is one with this name, which stays as it is; ``rotate`` makes that one anew.

    ``entropy_bits``: it is one of two to the power of so many, each as likely as any other.
    """

    generated: bool
    entropy_bits: float | None


@dataclass(frozen=True, kw_only=True)
class Characters:
    """Characters, each drawn by itself, and at least one of each class.

    Attributes:
        alphabet: these instead of classes, each of them as likely.
        avoid_ambiguous: none that is easily taken for another one: ``I l 1 | O 0 o``.
    """

    type: Literal["characters"] = "characters"
    length: int = 20
    classes: list[Literal["digits", "lower", "symbols", "upper"]] = field(
        default_factory=lambda: ["lower", "upper", "digits", "symbols"]
    )
    alphabet: str | None = None
    avoid_ambiguous: bool = False


@dataclass(frozen=True, kw_only=True)
class Words:
    """Words of the English list of BIP-39: 2,048 of three to eight letters, told apart by their first four."""

    type: Literal["words"] = "words"
    count: int = 6
    separator: str = "-"


@dataclass(frozen=True, kw_only=True)
class OAuth2:
    """A token of OAuth 2.0 (RFC 6749).

    Attributes:
        expires_at: seconds since 1970; None if that is not known.
        token_url: where a new one is to be had; with ``refresh_token`` it is refreshed before it expires.
        client_auth: how the client proves itself there: ``basic`` in a header, ``body`` among the parameters.
    """

    type: Literal["oauth2"] = "oauth2"
    access_token: str = field(repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    expires_at: int | None = None
    token_url: str | None = None
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    client_auth: Literal["basic", "body"] = "basic"
    scopes: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class ApiKey:
    """A key that is sent along as it is."""

    type: Literal["api_key"] = "api_key"
    key: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Basic:
    """A user's name and password."""

    type: Literal["basic"] = "basic"
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Login:
    """What a password manager keeps of a place where somebody logs in.

    Attributes:
        totp: the seed of its codes: an ``otpauth://totp/`` URI, or base32; see ``credentials.totp``.
        fields: whatever else there is, by name.
    """

    type: Literal["login"] = "login"
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    urls: list[str] = field(default_factory=list, repr=False)
    notes: str = field(default="", repr=False)
    totp: str | None = field(default=None, repr=False)
    fields: dict[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, kw_only=True)
class GotCredential:
    """A credential; a token is valid for some time to come, unless it could not be refreshed."""

    credential: OAuth2 | ApiKey | Basic | Login


@dataclass(frozen=True, kw_only=True)
class ListedCredential:
    """What may be known of a credential without opening it. Times are in seconds since 1970."""

    name: str
    type: str
    stored_at: int
    expires_at: int | None


@dataclass(frozen=True, kw_only=True)
class CredentialsListed:
    """A page, by name. ``next`` is what to give as ``after`` for the next one, None if this is the last."""

    credentials: list[ListedCredential]
    next: str | None


@dataclass(frozen=True, kw_only=True)
class CredentialRefreshed:
    """``refreshed`` is false if it was not yet time. ``expires_at`` is in seconds since 1970."""

    refreshed: bool
    expires_at: int | None


@dataclass(frozen=True, kw_only=True)
class CredentialRotated:
    """``kept``: how many earlier ones there are now; ``entropy_bits`` as for ``generate``."""

    entropy_bits: float
    kept: int


@dataclass(frozen=True, kw_only=True)
class CredentialShared:
    """``changed``: it was not shared so before."""

    changed: bool


@dataclass(frozen=True, kw_only=True)
class ListedShare:
    """A credential of ``owner`` that the extension ``with`` may read. Times are in seconds since 1970."""

    name: str
    owner: str
    with_: str = field(metadata={"json": "with"})
    shared_at: int
    until: int | None


@dataclass(frozen=True, kw_only=True)
class SharesListed:
    """A page; those whose time has come are not in it. ``next`` is None if this is the last."""

    shares: list[ListedShare]
    next: str | None


@dataclass(frozen=True, kw_only=True)
class CredentialStored:
    """``replaced``: there was one with this name."""

    replaced: bool


@dataclass(frozen=True, kw_only=True)
class CodeOfTheMoment:
    """A code of so many digits, and for how many milliseconds more it is valid."""

    code: str = field(repr=False)
    valid_for_ms: int
    digits: int


@dataclass(frozen=True, kw_only=True)
class CredentialUnshared:
    """``removed``: it was shared so."""

    removed: bool


@dataclass(frozen=True, kw_only=True)
class Subscription:
    """A subscription. ``cursor`` is the library's event that it has come to, ``latest`` the library's last."""

    subscription_id: str
    extension: str
    topics: list[str]
    job_type: str
    created: int
    cursor: int
    latest: int


@dataclass(frozen=True, kw_only=True)
class SubscriptionList:
    """All of them."""

    subscriptions: list[Subscription]


@dataclass(frozen=True, kw_only=True)
class Published:
    """The event is in the log."""


@dataclass(frozen=True, kw_only=True)
class Subscribed:
    """Its id: the same for the same topics and job type."""

    subscription_id: str


@dataclass(frozen=True, kw_only=True)
class Unsubscribed:
    """Whether there was one."""

    removed: bool


@dataclass(frozen=True, kw_only=True)
class ListedFile:
    """A file: its name for other calls, its size in bytes, when it was changed (microseconds since 1970)."""

    file: str
    size: int
    modified: int


@dataclass(frozen=True, kw_only=True)
class FilesListed:
    """A page, by path. ``next`` is what to give as ``after`` for the next one, null if this is the last."""

    files: list[ListedFile]
    next: str | None


@dataclass(frozen=True, kw_only=True)
class FilePart:
    """A part of a file. ``size`` and ``modified`` are the whole's; ``next_offset`` is null at its end.

    A file may change between two parts: then ``modified`` does.
    """

    content: bytes = field(repr=False)
    offset: int
    next_offset: int | None
    size: int
    modified: int


@dataclass(frozen=True, kw_only=True)
class Share:
    """A share. ``path`` is null for extensions: where a folder lies is none of their business."""

    name: str
    path: str | None
    since: int


@dataclass(frozen=True, kw_only=True)
class FilesSharesListed:
    """All of them, by name."""

    shares: list[Share]


@dataclass(frozen=True, kw_only=True)
class HttpReceived:
    """The answer, whatever its status.

    ``origin`` and ``url`` are where the last redirect led. ``headers`` are pairs, names in lowercase. The body is in
    ``body`` if its type says that it is UTF-8 text and it is, else in ``body_base64``.
    """

    status: int
    origin: str
    url: str = field(repr=False)
    headers: list[tuple[str, str]] = field(repr=False)
    elapsed_ms: int
    body: str | None = field(default=None, repr=False)
    body_base64: bytes | None = field(default=None, repr=False)


Status = Literal[
    "attention",
    "backoff",
    "cancelled",
    "completed",
    "copying",
    "failed",
    "paused",
    "queued",
    "running",
    "suspended",
]


@dataclass(frozen=True, kw_only=True)
class JobFailure:
    """Why a job failed, or why its last attempt did. ``kind`` is one of those of docs/events.md."""

    kind: str
    message: str
    blame: str


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job as it is now. ``finished``: it has ended, in whatever way. ``parent`` is the job that dispatched it."""

    job_id: UUID
    job_type: str
    status: Status
    finished: bool
    progress: float
    message: str
    items: int
    bytes: int
    warnings: int
    attempts: int
    dispatched: int
    ended: int | None
    error: JobFailure | None
    parent: UUID | None


@dataclass(frozen=True, kw_only=True)
class DispatchedJob:
    """The job's id: the same one if the call is repeated after a crash."""

    job_id: UUID


@dataclass(frozen=True, kw_only=True)
class ChildLimits:
    """What the job may use, each at most what the budgets allow and what the dispatching job may use itself."""

    fuel: int | None = None
    memory_bytes: int | None = None
    wall_clock_ms: int | None = None
    events_per_second: int | None = None
    payload_bytes: int | None = None
    checkpoint_bytes: int | None = None
    stack_bytes: int | None = None


@dataclass(frozen=True, kw_only=True)
class ChildRetry:
    """How often the job is tried, and how long it waits in between."""

    attempts: int = 1
    initial_ms: int = 1000
    factor: float = 2.0
    maximum_ms: int = 60000
    jitter: float = 0.1


@dataclass(frozen=True, kw_only=True)
class JobList:
    """Some jobs, newest first; ``next`` is null when there are no more."""

    jobs: list[Job]
    next: UUID | None


@dataclass(frozen=True, kw_only=True)
class Address:
    """Somebody. ``name`` is empty if there is none, ``address`` if it is broken."""

    name: str
    address: str


@dataclass(frozen=True, kw_only=True)
class Attachment:
    """A part that is not the message's text.

    ``name`` is empty if it has none. ``size`` is that of its content, decoded. ``inline``: meant to be shown within the
    text, as pictures are. ``within`` is the part of the forwarded message, or winmail.dat, that it is in. ``content``
    is there if the part was asked for; ``next_offset`` if there is more of it.
    """

    part: int
    name: str = field(repr=False)
    media_type: str
    size: int
    inline: bool
    content_id: str | None = field(default=None, repr=False)
    within: int | None = None
    content: bytes | None = field(default=None, repr=False)
    next_offset: int | None = None


@dataclass(frozen=True, kw_only=True)
class FetchedMessage:
    """A message, as far as it could be read; ``problems`` says in sentences what could not.

    ``sender`` is whom its From header names. ``date`` is in microseconds since 1970. ``text`` is the plain text, or the
    HTML as text, the cells of a row on one line; ``text_from`` says which: ``plain``, ``html``, ``none``. ``headers``
    has some that tell programs' mail from people's: ``list_id``, ``list_unsubscribe``, ``auto_submitted``,
    ``precedence`` and others. ``sha256`` and ``raw_size`` are the whole message's; ``raw`` is there for ``part`` 0, and
    ``next_offset`` if there is more of it.
    """

    uid: int
    message_id: str | None = field(repr=False)
    in_reply_to: str | None = field(repr=False)
    references: list[str] = field(repr=False)
    subject: str = field(repr=False)
    sender: Address = field(repr=False)
    to: list[Address] = field(repr=False)
    cc: list[Address] = field(repr=False)
    reply_to: list[Address] = field(repr=False)
    date: int | None
    headers: dict[str, str] = field(repr=False)
    text: str = field(repr=False)
    text_from: str
    attachments: list[Attachment]
    raw_size: int
    sha256: str
    problems: list[str] = field(repr=False)
    html: str | None = field(default=None, repr=False)
    raw: bytes | None = field(default=None, repr=False)
    next_offset: int | None = None


@dataclass(frozen=True, kw_only=True)
class ImapMailbox:
    """A folder of an IMAP server.

    ``credential`` names one of the extension's credentials in this library: ``basic`` (a password) or ``oauth2``; the
    host uses it, the extension never sees it. ``username`` is needed where the credential has none. ``port`` is 993, or
    143 without ``tls``. ``folder`` as ``mail.folders`` names it.
    """

    type: Literal["imap"] = "imap"
    host: str
    credential: str
    port: int | None = None
    security: Literal["plain", "starttls", "tls"] = "tls"
    username: str | None = None
    folder: str = "INBOX"


@dataclass(frozen=True, kw_only=True)
class MaildirMailbox:
    """A Maildir in a shared folder: ``file`` is ``NAME/path`` of the folder that has ``cur`` and ``new`` in it."""

    type: Literal["maildir"] = "maildir"
    file: str


@dataclass(frozen=True, kw_only=True)
class MboxMailbox:
    """An mbox file in a shared folder: ``file`` is ``NAME/path``."""

    type: Literal["mbox"] = "mbox"
    file: str


@dataclass(frozen=True, kw_only=True)
class MessageFlagged:
    """The flags that it has now."""

    flags: list[str]


@dataclass(frozen=True, kw_only=True)
class MailFolder:
    """A folder. ``mailbox`` is it for other calls. ``special`` is what it is for (RFC 6154), if the server says:

    ``\\\\Sent``, ``\\\\Junk``, ``\\\\Trash``, ``\\\\All`` and the like. One that is not ``selectable`` only holds
    others.
    """

    name: str = field(repr=False)
    mailbox: ImapMailbox | MaildirMailbox | MboxMailbox
    special: str | None
    selectable: bool


@dataclass(frozen=True, kw_only=True)
class FoldersListed:
    """The folders, at most 2,000."""

    folders: list[MailFolder]


@dataclass(frozen=True, kw_only=True)
class ListedMessage:
    """A message without its content.

    ``date`` is in microseconds since 1970, null if it has none. ``size`` is in bytes. ``flags`` as IMAP writes them:
    ``\\Seen``. ``has_attachments`` is a guess from its type, null where that says nothing.
    """

    uid: int
    message_id: str | None = field(repr=False)
    subject: str = field(repr=False)
    sender: Address = field(repr=False)
    date: int | None
    size: int
    flags: list[str]
    has_attachments: bool | None


@dataclass(frozen=True, kw_only=True)
class MessagesListed:
    """A page; it may have fewer messages than were asked for, also none, and not be the last.

    ``next_uid`` is what to give as ``after_uid`` for the next one, null if this is the last. ``uid_next`` is greater
    than all uids so far, null if the server does not say.
    """

    uid_validity: int
    uid_next: int | None
    messages: list[ListedMessage]
    next_uid: int | None
    reset: bool


@dataclass(frozen=True, kw_only=True)
class MessagesWaited:
    """``changed``: there is something to list now; false if the time is over."""

    changed: bool


@dataclass(frozen=True, kw_only=True)
class MediaHashed:
    """Hashes of 64 bits in hex; null where not asked for. Pictures that look alike differ in few bits."""

    phash: str | None = field(default=None, repr=False)
    dhash: str | None = field(default=None, repr=False)
    ahash: str | None = field(default=None, repr=False)
    whash: str | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class Camera:
    """Who made the camera and its lens, as they say it."""

    make: str | None = None
    model: str | None = None
    lens: str | None = None


@dataclass(frozen=True, kw_only=True)
class Exposure:
    """How it was taken: seconds, the f-number, ISO, millimetres; ``flash``: whether it fired."""

    seconds: float | None = None
    f_number: float | None = None
    iso: int | None = None
    focal_length: float | None = None
    focal_length_35mm: float | None = None
    flash: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Exif:
    """What the camera wrote into the picture, as far as it makes sense.

    Attributes:
        taken_at: when, in the camera's own time: ISO 8601 without an offset.
        offset: of that time from UTC (``+02:00``), if the camera knew it.
        taken_unix_us: when, in microseconds since 1970: by the offset, or by the satellites' time; else null.
        latitude, longitude: degrees (WGS 84), south and west below zero.
        altitude: metres above the sea.
        camera, exposure: what took it, and how.
    """

    taken_at: str | None = None
    offset: str | None = None
    taken_unix_us: int | None = None
    latitude: float | None = None
    longitude: float | None = None
    altitude: float | None = None
    camera: Camera | None = None
    exposure: Exposure | None = None


@dataclass(frozen=True, kw_only=True)
class MediaInspected:
    """What a picture is.

    Attributes:
        media_type, format: ``image/jpeg`` and ``jpeg``; the formats are jpeg, png, heif, tiff, webp, gif, bmp, avif.
        width, height: pixels, as it is to be seen: turned as ``orientation`` says.
        frames: how many pictures are in the file, counted up to 10,000.
        size: bytes of the file.
        orientation: EXIF's, 1 to 8; how the pixels in the file have to be turned.
        animated: whether the frames follow each other in time.
        has_alpha: whether something of it can be seen through.
        exif: what the camera wrote; null if nothing.
    """

    media_type: str
    format: str
    width: int
    height: int
    frames: int
    size: int
    orientation: int
    animated: bool
    has_alpha: bool
    exif: Exif | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class ThumbnailMade:
    """A small picture (base64): the first frame, upright, in sRGB, with nothing in it but its pixels."""

    content: bytes = field(repr=False)
    media_type: str
    width: int
    height: int


@dataclass(frozen=True, kw_only=True)
class PingOutput:
    """The answer."""

    echo: str
    count: int
    extension_works: bool


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An entry. ``revision`` counts its changes from 1; ``extension`` made it, null is the host itself."""

    id: UUID
    name: str
    kind: str
    media_type: str
    metadata: dict[str, Any]
    size: int
    digest: str
    created: int
    updated: int
    revision: int
    extension: str | None
    sidecars: int


@dataclass(frozen=True, kw_only=True)
class NewSidecar:
    """A sidecar that an entry has from its beginning: ``content`` (base64) or ``text``."""

    name: str
    media_type: str | None = None
    content: bytes | None = None
    text: str | None = None


@dataclass(frozen=True, kw_only=True)
class Deleted:
    """``deleted`` is false if there was nothing."""

    deleted: bool


@dataclass(frozen=True, kw_only=True)
class UsageAnswer:
    """What the library uses and may use. ``own``: whether the limit is its own, or the runtime's for all."""

    bytes_used: int
    bytes_limit: int
    entries_used: int
    entries_limit: int
    own: bool


@dataclass(frozen=True, kw_only=True)
class EntryPage:
    """Some entries; ``next`` is null when there are no more. A page may be short, also empty, before the last."""

    entries: list[Entry]
    next: str | None


@dataclass(frozen=True, kw_only=True)
class Sidecar:
    """A sidecar, without its content. ``extension`` wrote it last, null is the host itself."""

    entry_id: UUID
    name: str
    media_type: str
    size: int
    digest: str
    created: int
    updated: int
    revision: int
    extension: str | None


@dataclass(frozen=True, kw_only=True)
class SidecarPage:
    """Some sidecars; ``next`` is null when there are no more."""

    sidecars: list[Sidecar]
    next: str | None


@dataclass(frozen=True, kw_only=True)
class ContentPart:
    """A part of an entry's content.

    It is in ``text`` if that was asked for and it is UTF-8, else in ``content``; the other is null. ``length`` counts
    its bytes; ``next_offset`` is where the rest begins, null at the end. ``size`` and ``digest`` are the whole's.
    """

    entry_id: UUID
    offset: int
    length: int
    next_offset: int | None
    size: int
    digest: str
    content: bytes | None = None
    text: str | None = None


@dataclass(frozen=True, kw_only=True)
class SidecarContent:
    """A sidecar with its content: in ``text`` if that was asked for and it is UTF-8, else in ``content``."""

    sidecar: Sidecar
    content: bytes | None = None
    text: str | None = None


class AiClient(Client):
    """Operations of the family ``ai``."""

    def classify_text(
        self,
        text: str,
        *,
        prompt: str | None = None,
        labels: list[str | TextLabel] | None = None,
        schema: dict[str, Any] | None = None,
        options: ClassifyOptions | None = None,
    ) -> TextClassified:
        """Say what a text is: one of some labels, or JSON of a schema.

        A text, and what is to be known of it.

        ``labels`` are texts, or objects of a ``label`` and its ``description``, which tells it from the others.
        ``schema`` is a JSON Schema (2020-12) of the answer; with both, the answer fits the schema and its choice is one
        of the labels. A ``prompt`` says what is asked, for the local model as a short question: ``What kind of mail is
        this?``.

        A query: ``query:ai.classify_text``.
        """
        return self._call(
            "query:ai.classify_text",
            TextClassified,
            {
                "text": text,
            },
            {
                "prompt": (prompt, None),
                "labels": (labels, None),
                "schema": (schema, None),
                "options": (options, None),
            },
        )

    def embed(
        self,
        texts: list[str],
        *,
        options: EmbedOptions | None = None,
    ) -> TextsEmbedded:
        """Make vectors of texts, to compare and to search them by meaning.

        Texts, 1 to 256. A long one has the mean of its parts.

        A query: ``query:ai.embed``.
        """
        return self._call(
            "query:ai.embed",
            TextsEmbedded,
            {
                "texts": texts,
            },
            {
                "options": (options, None),
            },
        )

    def ocr(
        self,
        *,
        data: bytes | None = None,
        entry: UUID | str | None = None,
        file: str | None = None,
        options: OcrOptions | None = None,
        pages: str | None = None,
        words: bool = True,
    ) -> DocumentRead:
        """Read the text of an image or a PDF: its own text where it has a good one, else by Tesseract.

        An image (PNG, JPEG, TIFF, WebP, GIF, BMP, HEIC) or a PDF; one of ``data``, ``entry`` and ``file`` is given.

        ``pages`` are those of a PDF or a TIFF, ``1-5,8``; without it all are read, if there are no more than a call may
        read. ``words``: whether the answer has each word with its place.

        A query: ``query:ai.ocr``.
        """
        return self._call(
            "query:ai.ocr",
            DocumentRead,
            {},
            {
                "data": (data, None),
                "entry": (entry, None),
                "file": (file, None),
                "options": (options, None),
                "pages": (pages, None),
                "words": (words, True),
            },
        )


class ConfigClient(Client):
    """Operations of the family ``config``."""

    def get(
        self,
        *,
        everywhere: bool = False,
        extension: str | None = None,
    ) -> Configuration:
        """Get an extension's configuration, with the defaults of its manifest filled in.

        What is set for the call's library is laid over what is set everywhere: objects are merged, other values
        replaced.

        Which configuration: what holds in the library of the call, or ``everywhere``, which is for the host only.

        ``extension`` says whose, when the host calls.

        A query: ``query:config.get``.
        """
        return self._call(
            "query:config.get",
            Configuration,
            {},
            {
                "everywhere": (everywhere, False),
                "extension": (extension, None),
            },
        )

    def set(
        self,
        config: dict[str, Any] | None,
        *,
        if_revision: int | None = None,
        everywhere: bool = False,
        extension: str | None = None,
    ) -> Configuration:
        """Set an extension's configuration in the call's library, or everywhere.

        It has to fit the manifest's ``config_schema``. An extension sets its own, in the libraries that it may use.
        What is set everywhere is the host's to say. The library is told by an event ``config.changed``.

        ``config`` takes the place of all that was set before at this level; null forgets it.

        Nothing is set unless the level is at ``if_revision``, if that is given. The other fields are as in
        ``GetConfig``.

        An action, transactional: ``action:config.set``.
        """
        return self._call(
            "action:config.set",
            Configuration,
            {
                "config": config,
            },
            {
                "if_revision": (if_revision, None),
                "everywhere": (everywhere, False),
                "extension": (extension, None),
            },
        )


class CredentialsClient(Client):
    """Operations of the family ``credentials``."""

    def audit(
        self,
        *,
        name: str | None = None,
        since: int = 0,
        after_position: int = 0,
        limit: int = 100,
        extension: str | None = None,
    ) -> CredentialsAudited:
        """Who did what with the extension's credentials in this library, and when, refused attempts too.

        It is read from the log. What a job called since its last checkpoint may not be there yet. The host sees all
        libraries.

        Which part of the audit: calls about one credential, not older than ``since``, behind a position of the log.

        ``since`` is in microseconds since 1970. ``extension`` says whose credentials, when the host calls; None: all.

        A query: ``query:credentials.audit``.
        """
        return self._call(
            "query:credentials.audit",
            CredentialsAudited,
            {},
            {
                "name": (name, None),
                "since": (since, 0),
                "after_position": (after_position, 0),
                "limit": (limit, 100),
                "extension": (extension, None),
            },
        )

    def delete(
        self,
        name: str,
        *,
        extension: str | None = None,
    ) -> CredentialDeleted:
        """Erase a credential: it, and what the log holds of it, cannot be opened any more by anybody.

        Which one. ``extension`` says whose it is, when the host calls.

        An action, idempotent: ``action:credentials.delete``.
        """
        return self._call(
            "action:credentials.delete",
            CredentialDeleted,
            {
                "name": name,
            },
            {
                "extension": (extension, None),
            },
        )

    def generate(
        self,
        name: str,
        *,
        recipe: Characters | Words | None = None,
        type: Literal["api_key", "basic", "login"] = "login",
        username: str = "",
        urls: builtins.list[str] | None = None,
        extension: str | None = None,
    ) -> CredentialGenerated:
        """Make a password and store it under a new name, without showing it to the caller.

        What is to be made, and the name to find it by. ``extension`` says whose it is, when the host calls.

        ``username`` and ``urls`` are stored with it; an ``api_key`` has neither, a ``basic`` no ``urls``.

        An action, transactional: ``action:credentials.generate``.
        """
        return self._call(
            "action:credentials.generate",
            CredentialGenerated,
            {
                "name": name,
            },
            {
                "recipe": (recipe, None),
                "type": (type, "login"),
                "username": (username, ""),
                "urls": (urls, None),
                "extension": (extension, None),
            },
        )

    def get(
        self,
        name: str,
        *,
        owner: str | None = None,
        extension: str | None = None,
    ) -> GotCredential:
        """Get a credential, a token that is about to expire refreshed first.

        One of another extension can be got if that has shared it (``credentials.share``).

        Which one. ``owner`` is the extension whose credential it is, if that shares it with the one that calls.

        ``extension`` says whose it is, when the host calls.

        A query: ``query:credentials.get``.
        """
        return self._call(
            "query:credentials.get",
            GotCredential,
            {
                "name": name,
            },
            {
                "owner": (owner, None),
                "extension": (extension, None),
            },
        )

    def list(
        self,
        *,
        after: str = "",
        limit: int = 100,
        extension: str | None = None,
    ) -> CredentialsListed:
        """List the extension's credentials in this library, without what they hold.

        Which page: the one behind the name ``after``. ``extension`` says whose they are, when the host calls.

        A query: ``query:credentials.list``.
        """
        return self._call(
            "query:credentials.list",
            CredentialsListed,
            {},
            {
                "after": (after, ""),
                "limit": (limit, 100),
                "extension": (extension, None),
            },
        )

    def refresh(
        self,
        name: str,
        *,
        extension: str | None = None,
    ) -> CredentialRefreshed:
        """Refresh a token that is about to expire, at its token endpoint.

        Which one. ``extension`` says whose it is, when the host calls.

        An action, idempotent: ``action:credentials.refresh``.
        """
        return self._call(
            "action:credentials.refresh",
            CredentialRefreshed,
            {
                "name": name,
            },
            {
                "extension": (extension, None),
            },
        )

    def rotate(
        self,
        name: str,
        *,
        recipe: Characters | Words | None = None,
        extension: str | None = None,
    ) -> CredentialRotated:
        """Make a new password in the place of a credential's, which is kept among the last five; all else stays.

        A token of OAuth 2.0 is not rotated, but refreshed.

        Which one. ``extension`` says whose it is, when the host calls.

        Without a ``recipe`` it is that of the last time, or 20 characters of all classes if the host did not make it.

        An action, transactional: ``action:credentials.rotate``.
        """
        return self._call(
            "action:credentials.rotate",
            CredentialRotated,
            {
                "name": name,
            },
            {
                "recipe": (recipe, None),
                "extension": (extension, None),
            },
        )

    def share(
        self,
        name: str,
        with_: str,
        *,
        until: int | None = None,
        extension: str | None = None,
    ) -> CredentialShared:
        """Let another extension read a credential in this library: with ``credentials.get`` and ``owner``.

        Which one, and who may read it. ``until`` is in seconds since 1970; without it there is no end.

        ``extension`` says whose it is, when the host calls.

        An action, transactional: ``action:credentials.share``.
        """
        return self._call(
            "action:credentials.share",
            CredentialShared,
            {
                "name": name,
                "with": with_,
            },
            {
                "until": (until, None),
                "extension": (extension, None),
            },
        )

    def shares(
        self,
        *,
        direction: Literal["given", "received"] = "given",
        after: str = "",
        limit: int = 100,
        extension: str | None = None,
    ) -> SharesListed:
        """List what the extension shares with others in this library, or what they share with it.

        Which page: ``after`` is the ``next`` of the one before. ``extension`` says of whom, when the host calls.

        ``direction``: what the extension gave to others, or what it received from them.

        A query: ``query:credentials.shares``.
        """
        return self._call(
            "query:credentials.shares",
            SharesListed,
            {},
            {
                "direction": (direction, "given"),
                "after": (after, ""),
                "limit": (limit, 100),
                "extension": (extension, None),
            },
        )

    def store(
        self,
        name: str,
        credential: OAuth2 | ApiKey | Basic | Login,
        *,
        extension: str | None = None,
    ) -> CredentialStored:
        """Store a credential under a name, in the place of one that is there.

        A credential and the name to find it by. ``extension`` says whose it is, when the host calls.

        An action, transactional: ``action:credentials.store``.
        """
        return self._call(
            "action:credentials.store",
            CredentialStored,
            {
                "name": name,
                "credential": credential,
            },
            {
                "extension": (extension, None),
            },
        )

    def totp(
        self,
        name: str,
        *,
        owner: str | None = None,
        extension: str | None = None,
    ) -> CodeOfTheMoment:
        """The code that a login asks for beside its password (TOTP, RFC 6238); its seed stays on the host.

        Which one. ``owner`` is the extension whose credential it is, if that shares it with the one that calls.

        ``extension`` says whose it is, when the host calls.

        A query: ``query:credentials.totp``.
        """
        return self._call(
            "query:credentials.totp",
            CodeOfTheMoment,
            {
                "name": name,
            },
            {
                "owner": (owner, None),
                "extension": (extension, None),
            },
        )

    def unshare(
        self,
        name: str,
        with_: str,
        *,
        extension: str | None = None,
    ) -> CredentialUnshared:
        """Take a share back: the other extension can read the credential no more. What it read, it has.

        Which one, and who may no longer read it. ``extension`` says whose it is, when the host calls.

        An action, transactional: ``action:credentials.unshare``.
        """
        return self._call(
            "action:credentials.unshare",
            CredentialUnshared,
            {
                "name": name,
                "with": with_,
            },
            {
                "extension": (extension, None),
            },
        )


class EventsClient(Client):
    """Operations of the family ``events``."""

    def list(self) -> SubscriptionList:
        """The extension's subscriptions in this library, and how far each has come.

        A query: ``query:events.list``.
        """
        return self._call(
            "query:events.list",
            SubscriptionList,
            {},
        )

    def publish(
        self,
        topic: str,
        *,
        data: Any = None,
    ) -> Published:
        """Tell the extensions of this library that something happened.

        Topics that begin with ``entry``, ``sidecar``, ``job`` and the like are the host's.

        ``topic`` is like ``invoice.read``; ``data`` is any JSON, at most 64 KiB of it.

        An action, transactional: ``action:events.publish``.
        """
        return self._call(
            "action:events.publish",
            Published,
            {
                "topic": topic,
            },
            {
                "data": (data, None),
            },
        )

    def subscribe(
        self,
        topics: builtins.list[str],
        job_type: str,
    ) -> Subscribed:
        """Have a job dispatched for each event of this library, from now on, whose topic matches.

        The job's first state says what happened. Each event leads to one job, also over crashes.

        ``topics`` are exact, or beginnings like ``entry.*``, or ``*``. ``job_type`` is one of the extension itself.

        An action, transactional: ``action:events.subscribe``.
        """
        return self._call(
            "action:events.subscribe",
            Subscribed,
            {
                "topics": topics,
                "job_type": job_type,
            },
        )

    def unsubscribe(
        self,
        subscription_id: str,
    ) -> Unsubscribed:
        """End a subscription; jobs that it woke go on.

        Which subscription.

        An action, transactional: ``action:events.unsubscribe``.
        """
        return self._call(
            "action:events.unsubscribe",
            Unsubscribed,
            {
                "subscription_id": subscription_id,
            },
        )


class FilesClient(Client):
    """Operations of the family ``files``."""

    def list(
        self,
        folder: str,
        *,
        after: str | None = None,
        limit: int = 100,
        recursive: bool = True,
        suffixes: builtins.list[str] | None = None,
    ) -> FilesListed:
        """List files of a shared folder, in pages, by path.

        The files of ``folder``, which is ``NAME`` or ``NAME/below``, that come after the file ``after``.

        ``suffixes``: only files whose names end so, like ``.jpg``, in capitals or not; all if there are none.

        A query: ``query:files.list``.
        """
        return self._call(
            "query:files.list",
            FilesListed,
            {
                "folder": folder,
            },
            {
                "after": (after, None),
                "limit": (limit, 100),
                "recursive": (recursive, True),
                "suffixes": (suffixes, None),
            },
        )

    def read(
        self,
        file: str,
        *,
        offset: int = 0,
        length: int | None = None,
    ) -> FilePart:
        """Read a part of a file in a shared folder.

        Up to ``length`` bytes of a file from ``offset`` on, at most 4 MiB at once.

        A query: ``query:files.read``.
        """
        return self._call(
            "query:files.read",
            FilePart,
            {
                "file": file,
            },
            {
                "offset": (offset, 0),
                "length": (length, None),
            },
        )

    def shares(
        self,
        *,
        extension: str | None = None,
    ) -> FilesSharesListed:
        """Which folders are shared with an extension.

        Whose: an extension is told of its own; the host says which one it means.

        A query: ``query:files.shares``.
        """
        return self._call(
            "query:files.shares",
            FilesSharesListed,
            {},
            {
                "extension": (extension, None),
            },
        )


class HttpClient(Client):
    """Operations of the family ``http``."""

    def action_request(
        self,
        url: str,
        method: str,
        *,
        headers: dict[str, str] | list[tuple[str, str]] | None = None,
        body: str | None = None,
        body_base64: bytes | None = None,
        timeout_ms: int = 30000,
        max_bytes: int = 1048576,
        max_redirects: int = 5,
    ) -> HttpReceived:
        """Send a host anything, over HTTPS unless plain HTTP was granted.

        POST and PATCH carry the call's effect key as ``Idempotency-Key`` unless the extension sets that header: a
        server that knows it does not do again what a person has repeated after a crash.

        Any request. The body is text, or base64 for bytes, or none; the other fields are as in ``HttpRead``.

        An action, non-idempotent: ``action:http.request``.
        """
        return self._call(
            "action:http.request",
            HttpReceived,
            {
                "url": url,
                "method": method,
            },
            {
                "headers": (headers, None),
                "body": (body, None),
                "body_base64": (body_base64, None),
                "timeout_ms": (timeout_ms, 30000),
                "max_bytes": (max_bytes, 1048576),
                "max_redirects": (max_redirects, 5),
            },
        )

    def query_request(
        self,
        url: str,
        *,
        method: Literal["GET", "HEAD", "OPTIONS"] = "GET",
        headers: dict[str, str] | list[tuple[str, str]] | None = None,
        timeout_ms: int = 30000,
        max_bytes: int = 1048576,
        max_redirects: int = 5,
    ) -> HttpReceived:
        """Ask a host for something: GET, HEAD or OPTIONS, over HTTPS unless plain HTTP was granted.

        A request that changes nothing.

        ``headers`` is an object, or a list of pairs where a name comes twice. ``timeout_ms`` is for everything,
        redirects and all. ``max_bytes`` bounds the answer's body, decompressed; the host has a bound of its own.
        ``max_redirects`` 0 gives a redirect as the answer.

        A query: ``query:http.request``.
        """
        return self._call(
            "query:http.request",
            HttpReceived,
            {
                "url": url,
            },
            {
                "method": (method, "GET"),
                "headers": (headers, None),
                "timeout_ms": (timeout_ms, 30000),
                "max_bytes": (max_bytes, 1048576),
                "max_redirects": (max_redirects, 5),
            },
        )


class JobsClient(Client):
    """Operations of the family ``jobs``."""

    def cancel(
        self,
        job_id: UUID | str,
    ) -> Job:
        """Cancel a job and all that descend from it; one that has ended stays as it is.

        The answer is the job as it is then: one that runs is told, and ends when it has heard.

        Which job.

        An action, idempotent: ``action:jobs.cancel``.
        """
        return self._call(
            "action:jobs.cancel",
            Job,
            {
                "job_id": job_id,
            },
        )

    def dispatch(
        self,
        job_type: str,
        *,
        state: Any = None,
        limits: ChildLimits | None = None,
        retry: ChildRetry | None = None,
    ) -> DispatchedJob:
        """Dispatch a job in the call's library; it is there if and only if this call's outcome is.

        Its limits are at most those of the job that dispatches it. A job is cancelled with the one that dispatched it,
        but outlives its end. Jobs of other extensions are for the embedder to allow.

        ``job_type`` is a job of the extension itself, or ``extension:name``. ``state`` is its first state, any JSON.

        An action, transactional: ``action:jobs.dispatch``.
        """
        return self._call(
            "action:jobs.dispatch",
            DispatchedJob,
            {
                "job_type": job_type,
            },
            {
                "state": (state, None),
                "limits": (limits, None),
                "retry": (retry, None),
            },
        )

    def get(
        self,
        job_id: UUID | str,
    ) -> Job:
        """One job: its status, progress, counters, and why it failed if it did.

        Which job.

        A query: ``query:jobs.get``.
        """
        return self._call(
            "query:jobs.get",
            Job,
            {
                "job_id": job_id,
            },
        )

    def list(
        self,
        *,
        parent: UUID | str | None = None,
        statuses: builtins.list[Status] | None = None,
        job_type: str | None = None,
        limit: int = 100,
        cursor: UUID | str | None = None,
    ) -> JobList:
        """Jobs of the extension in this library, or those that one of them dispatched, newest first.

        ``parent``: only the jobs that this one dispatched. ``cursor`` is the ``next`` of the page before.

        A query: ``query:jobs.list``.
        """
        return self._call(
            "query:jobs.list",
            JobList,
            {},
            {
                "parent": (parent, None),
                "statuses": (statuses, None),
                "job_type": (job_type, None),
                "limit": (limit, 100),
                "cursor": (cursor, None),
            },
        )

    def wait(
        self,
        job_id: UUID | str,
        *,
        timeout_ms: int = 30000,
    ) -> Job:
        """Wait until a job has ended, and answer with the job; as it is then, if that takes too long.

        A job that waits for its own descendant lets it run in its place. One that is to be paused is answered at once.

        Which job, and how long at most, in milliseconds.

        A query: ``query:jobs.wait``.
        """
        return self._call(
            "query:jobs.wait",
            Job,
            {
                "job_id": job_id,
            },
            {
                "timeout_ms": (timeout_ms, 30000),
            },
        )


class MailClient(Client):
    """Operations of the family ``mail``."""

    def fetch(
        self,
        mailbox: ImapMailbox | MaildirMailbox | MboxMailbox,
        uid: int,
        uid_validity: int,
        *,
        part: int | None = None,
        offset: int = 0,
        max_bytes: int = 2097152,
        html: bool = False,
    ) -> FetchedMessage:
        """Get a message, its text and the list of its attachments; with ``part``, the content of one of them.

        A message that is broken is read as far as it can be. Getting a message does not mark it as seen.

        Which message. ``part`` adds the content of one of its attachments; 0 that of the whole message, as it came.

        At most ``max_bytes`` of the text, and of the content from ``offset`` on. ``html``: also the text's HTML as it
        is.

        A query: ``query:mail.fetch``.
        """
        return self._call(
            "query:mail.fetch",
            FetchedMessage,
            {
                "mailbox": mailbox,
                "uid": uid,
                "uid_validity": uid_validity,
            },
            {
                "part": (part, None),
                "offset": (offset, 0),
                "max_bytes": (max_bytes, 2097152),
                "html": (html, False),
            },
        )

    def flag(
        self,
        mailbox: ImapMailbox | MaildirMailbox | MboxMailbox,
        uid: int,
        uid_validity: int,
        *,
        add: builtins.list[str] | None = None,
        remove: builtins.list[str] | None = None,
    ) -> MessageFlagged:
        """Give a message flags, and take others away; it is the same once or twice.

        Which flags a message gets and loses.

        ``\\Seen``, ``\\Flagged``, ``\\Answered``, ``\\Draft``, ``\\Deleted``, or keywords, where the mailbox has any.

        An action, idempotent: ``action:mail.flag``.
        """
        return self._call(
            "action:mail.flag",
            MessageFlagged,
            {
                "mailbox": mailbox,
                "uid": uid,
                "uid_validity": uid_validity,
            },
            {
                "add": (add, None),
                "remove": (remove, None),
            },
        )

    def folders(
        self,
        mailbox: ImapMailbox | MaildirMailbox | MboxMailbox,
    ) -> FoldersListed:
        """List the folders of a mail account, or of a Maildir.

        The folders of an account, whichever of them is named, or of a Maildir (Maildir++).

        A query: ``query:mail.folders``.
        """
        return self._call(
            "query:mail.folders",
            FoldersListed,
            {
                "mailbox": mailbox,
            },
        )

    def list(
        self,
        mailbox: ImapMailbox | MaildirMailbox | MboxMailbox,
        *,
        after_uid: int = 0,
        uid_validity: int | None = None,
        limit: int = 100,
    ) -> MessagesListed:
        """List the messages of a mailbox in pages, by uid, and so from where the last look ended.

        The messages behind ``after_uid``, by ascending uid.

        ``uid_validity`` is that of the page before. If it is not the mailbox's any more, all uids have changed: the
        answer begins at the first message, whatever ``after_uid`` is, and ``reset`` says so.

        A query: ``query:mail.list``.
        """
        return self._call(
            "query:mail.list",
            MessagesListed,
            {
                "mailbox": mailbox,
            },
            {
                "after_uid": (after_uid, 0),
                "uid_validity": (uid_validity, None),
                "limit": (limit, 100),
            },
        )

    def wait(
        self,
        mailbox: ImapMailbox | MaildirMailbox | MboxMailbox,
        *,
        after_uid: int = 0,
        uid_validity: int | None = None,
        timeout_ms: int = 300000,
    ) -> MessagesWaited:
        """Wait for new messages: with IDLE on a server that has it; a folder is looked at each second.

        A job that is paused or cancelled does not wait on.

        Wait until there is a message behind ``after_uid``, or all uids have changed; at most ``timeout_ms``.

        A query: ``query:mail.wait``.
        """
        return self._call(
            "query:mail.wait",
            MessagesWaited,
            {
                "mailbox": mailbox,
            },
            {
                "after_uid": (after_uid, 0),
                "uid_validity": (uid_validity, None),
                "timeout_ms": (timeout_ms, 300000),
            },
        )


class MediaClient(Client):
    """Operations of the family ``media``."""

    def hash(
        self,
        *,
        data: bytes | None = None,
        entry: UUID | str | None = None,
        file: str | None = None,
        algorithms: list[Literal["ahash", "dhash", "phash", "whash"]] | None = None,
    ) -> MediaHashed:
        """Perceptual hashes: pictures that look alike have hashes that differ in few bits.

        Which picture, and which hashes of it.

        A query: ``query:media.hash``.
        """
        return self._call(
            "query:media.hash",
            MediaHashed,
            {},
            {
                "data": (data, None),
                "entry": (entry, None),
                "file": (file, None),
                "algorithms": (algorithms, None),
            },
        )

    def inspect(
        self,
        *,
        data: bytes | None = None,
        entry: UUID | str | None = None,
        file: str | None = None,
    ) -> MediaInspected:
        """What a picture is: its format and size, and what the camera wrote into it. Its pixels are not decoded.

        Which picture: one of ``data``, ``entry`` and ``file``.

        A query: ``query:media.inspect``.
        """
        return self._call(
            "query:media.inspect",
            MediaInspected,
            {},
            {
                "data": (data, None),
                "entry": (entry, None),
                "file": (file, None),
            },
        )

    def thumbnail(
        self,
        *,
        data: bytes | None = None,
        entry: UUID | str | None = None,
        file: str | None = None,
        max_width: int = 320,
        max_height: int = 320,
        format: Literal["jpeg", "png", "webp"] = "jpeg",
        quality: int = 80,
    ) -> ThumbnailMade:
        """A small picture of a picture: upright, in sRGB, without metadata; of several frames the first.

        Which picture, and the box that a small one has to fit into; it is never larger than the picture.

        ``quality`` is for ``jpeg`` and ``webp``.

        A query: ``query:media.thumbnail``.
        """
        return self._call(
            "query:media.thumbnail",
            ThumbnailMade,
            {},
            {
                "data": (data, None),
                "entry": (entry, None),
                "file": (file, None),
                "max_width": (max_width, 320),
                "max_height": (max_height, 320),
                "format": (format, "jpeg"),
                "quality": (quality, 80),
            },
        )


class TestClient(Client):
    """Operations of the family ``test``."""

    def ping(
        self,
        message: str,
        *,
        count: int | None = None,
    ) -> PingOutput:
        """Answer a ping: a test that operations reach the host.

        ``count`` comes back as it was sent, 1 if it was not.

        A query: ``query:test.ping``.
        """
        return self._call(
            "query:test.ping",
            PingOutput,
            {
                "message": message,
            },
            {
                "count": (count, None),
            },
        )


class VdfsClient(Client):
    """Operations of the family ``vdfs``."""

    def append_content(
        self,
        entry_id: UUID | str,
        offset: int,
        content: bytes,
    ) -> Entry:
        """Add to the end of an entry's content.

        Bytes that are there already, at that offset, change nothing: so a call can be repeated. Size and digest are
        those of the whole so far. Publishes ``entry.updated``.

        ``content`` (base64, up to 5 MiB of bytes) goes to ``offset``, which is the size the content has now.

        An action, transactional: ``action:vdfs.append_content``.
        """
        return self._call(
            "action:vdfs.append_content",
            Entry,
            {
                "entry_id": entry_id,
                "offset": offset,
                "content": content,
            },
        )

    def create_entry(
        self,
        name: str,
        *,
        kind: str = "file",
        media_type: str | None = None,
        metadata: dict[str, Any] | None = None,
        content: bytes | None = None,
        text: str | None = None,
        sidecars: list[NewSidecar] | None = None,
        if_absent: bool = False,
    ) -> Entry:
        """Create an entry, with its sidecars, and with its content if that is small.

        Larger content follows with ``action:vdfs.append_content``. Publishes ``entry.created``.

        ``content`` is base64; ``text`` is content as text; with neither it is empty.

        ``sidecars`` are there from the beginning, in the same commit. Content and sidecars have 5 MiB at most together.
        ``if_absent``: only if the caller has not made an entry of this name and kind; else that one is answered, as it
        is.

        An action, transactional: ``action:vdfs.create_entry``.
        """
        return self._call(
            "action:vdfs.create_entry",
            Entry,
            {
                "name": name,
            },
            {
                "kind": (kind, "file"),
                "media_type": (media_type, None),
                "metadata": (metadata, None),
                "content": (content, None),
                "text": (text, None),
                "sidecars": (sidecars, None),
                "if_absent": (if_absent, False),
            },
        )

    def delete_entry(
        self,
        entry_id: UUID | str,
        *,
        if_revision: int | None = None,
    ) -> Deleted:
        """Delete an entry with its content and sidecars; its part of the quota is free at once.

        ``deleted`` is false if there is no such entry (any more). Publishes ``entry.deleted``.

        Which entry; ``if_revision``: only if it is at it.

        An action, transactional: ``action:vdfs.delete_entry``.
        """
        return self._call(
            "action:vdfs.delete_entry",
            Deleted,
            {
                "entry_id": entry_id,
            },
            {
                "if_revision": (if_revision, None),
            },
        )

    def delete_sidecar(
        self,
        entry_id: UUID | str,
        name: str,
        *,
        if_revision: int | None = None,
    ) -> Deleted:
        """Delete a sidecar; ``deleted`` is false if there is none (any more). Publishes ``sidecar.deleted``.

        Which sidecar; ``if_revision``: only if it is at it.

        An action, transactional: ``action:vdfs.delete_sidecar``.
        """
        return self._call(
            "action:vdfs.delete_sidecar",
            Deleted,
            {
                "entry_id": entry_id,
                "name": name,
            },
            {
                "if_revision": (if_revision, None),
            },
        )

    def get_entry(
        self,
        entry_id: UUID | str,
    ) -> Entry:
        """An entry with its metadata, without its content.

        Which entry.

        A query: ``query:vdfs.get_entry``.
        """
        return self._call(
            "query:vdfs.get_entry",
            Entry,
            {
                "entry_id": entry_id,
            },
        )

    def get_usage(self) -> UsageAnswer:
        """What the library uses of its quota.

        Bytes are those of contents, sidecars, names and metadata, and 256 for each entry, sidecar and part of content.

        A query: ``query:vdfs.get_usage``.
        """
        return self._call(
            "query:vdfs.get_usage",
            UsageAnswer,
            {},
        )

    def list_entries(
        self,
        *,
        kind: str | None = None,
        name_prefix: str | None = None,
        extension: str | None = None,
        order: Literal["id", "name"] = "id",
        limit: int = 100,
        cursor: str | None = None,
    ) -> EntryPage:
        """The library's entries in pages, by id (in the order of creation) or by name.

        The filters are joined with "and". A page's ``next`` stays good when entries come and go: the next page begins
        behind the last entry of this one.

        ``order`` ``id`` is the order of creation. ``cursor`` is the ``next`` of the page before.

        A query: ``query:vdfs.list_entries``.
        """
        return self._call(
            "query:vdfs.list_entries",
            EntryPage,
            {},
            {
                "kind": (kind, None),
                "name_prefix": (name_prefix, None),
                "extension": (extension, None),
                "order": (order, "id"),
                "limit": (limit, 100),
                "cursor": (cursor, None),
            },
        )

    def list_sidecars(
        self,
        entry_id: UUID | str,
        *,
        limit: int = 100,
        cursor: str | None = None,
    ) -> SidecarPage:
        """An entry's sidecars by name, in pages, without their contents.

        Whose sidecars, by name. ``cursor`` is the ``next`` of the page before.

        A query: ``query:vdfs.list_sidecars``.
        """
        return self._call(
            "query:vdfs.list_sidecars",
            SidecarPage,
            {
                "entry_id": entry_id,
            },
            {
                "limit": (limit, 100),
                "cursor": (cursor, None),
            },
        )

    def read_content(
        self,
        entry_id: UUID | str,
        *,
        offset: int = 0,
        length: int | None = None,
        text: bool = False,
    ) -> ContentPart:
        """A part of an entry's content. What was read once stays so: content only grows.

        A part that is read as text ends with a whole character.

        Up to ``length`` bytes from ``offset`` on, at most 4 MiB at once, 1 MiB if ``text`` is asked for.

        A query: ``query:vdfs.read_content``.
        """
        return self._call(
            "query:vdfs.read_content",
            ContentPart,
            {
                "entry_id": entry_id,
            },
            {
                "offset": (offset, 0),
                "length": (length, None),
                "text": (text, False),
            },
        )

    def read_sidecar(
        self,
        entry_id: UUID | str,
        name: str,
        *,
        text: bool = False,
    ) -> SidecarContent:
        """A sidecar with its content.

        Which sidecar, and whether its content is wanted as text.

        A query: ``query:vdfs.read_sidecar``.
        """
        return self._call(
            "query:vdfs.read_sidecar",
            SidecarContent,
            {
                "entry_id": entry_id,
                "name": name,
            },
            {
                "text": (text, False),
            },
        )

    def update_metadata(
        self,
        entry_id: UUID | str,
        *,
        metadata: dict[str, Any] | None = None,
        name: str | None = None,
        kind: str | None = None,
        media_type: str | None = None,
        if_revision: int | None = None,
    ) -> Entry:
        """Change an entry's metadata, name, kind or media type; what is not given stays.

        A change that is there already changes nothing, whatever the revision. Publishes ``entry.updated``.

        What changes: ``metadata`` is a JSON merge patch (RFC 7396). ``if_revision``: only if the entry is at it.

        An action, transactional: ``action:vdfs.update_metadata``.
        """
        return self._call(
            "action:vdfs.update_metadata",
            Entry,
            {
                "entry_id": entry_id,
            },
            {
                "metadata": (metadata, None),
                "name": (name, None),
                "kind": (kind, None),
                "media_type": (media_type, None),
                "if_revision": (if_revision, None),
            },
        )

    def write_sidecar(
        self,
        entry_id: UUID | str,
        name: str,
        *,
        media_type: str | None = None,
        content: bytes | None = None,
        text: str | None = None,
        if_revision: int | None = None,
    ) -> Sidecar:
        """Write a sidecar, over one that is there.

        The same content once more changes nothing, whatever the revision. Publishes ``sidecar.written``.

        ``content`` (base64) or ``text``, up to 4 MiB. ``if_revision``: only if it is at it; 0: only if it is new.

        An action, transactional: ``action:vdfs.write_sidecar``.
        """
        return self._call(
            "action:vdfs.write_sidecar",
            Sidecar,
            {
                "entry_id": entry_id,
                "name": name,
            },
            {
                "media_type": (media_type, None),
                "content": (content, None),
                "text": (text, None),
                "if_revision": (if_revision, None),
            },
        )


# What a method of a client or of a job's context calls: for tools that compare code with a manifest.
CALLS: Final[dict[str, str]] = {
    "ai.classify_text": "query:ai.classify_text",
    "ai.embed": "query:ai.embed",
    "ai.ocr": "query:ai.ocr",
    "config.get": "query:config.get",
    "config.set": "action:config.set",
    "credentials.audit": "query:credentials.audit",
    "credentials.delete": "action:credentials.delete",
    "credentials.generate": "action:credentials.generate",
    "credentials.get": "query:credentials.get",
    "credentials.list": "query:credentials.list",
    "credentials.refresh": "action:credentials.refresh",
    "credentials.rotate": "action:credentials.rotate",
    "credentials.share": "action:credentials.share",
    "credentials.shares": "query:credentials.shares",
    "credentials.store": "action:credentials.store",
    "credentials.totp": "query:credentials.totp",
    "credentials.unshare": "action:credentials.unshare",
    "events.list": "query:events.list",
    "events.publish": "action:events.publish",
    "events.subscribe": "action:events.subscribe",
    "events.unsubscribe": "action:events.unsubscribe",
    "files.list": "query:files.list",
    "files.read": "query:files.read",
    "files.shares": "query:files.shares",
    "http.action_request": "action:http.request",
    "http.query_request": "query:http.request",
    "jobs.cancel": "action:jobs.cancel",
    "jobs.dispatch": "action:jobs.dispatch",
    "jobs.get": "query:jobs.get",
    "jobs.list": "query:jobs.list",
    "jobs.wait": "query:jobs.wait",
    "mail.fetch": "query:mail.fetch",
    "mail.flag": "action:mail.flag",
    "mail.folders": "query:mail.folders",
    "mail.list": "query:mail.list",
    "mail.wait": "query:mail.wait",
    "media.hash": "query:media.hash",
    "media.inspect": "query:media.inspect",
    "media.thumbnail": "query:media.thumbnail",
    "test.ping": "query:test.ping",
    "vdfs.append_content": "action:vdfs.append_content",
    "vdfs.create_entry": "action:vdfs.create_entry",
    "vdfs.delete_entry": "action:vdfs.delete_entry",
    "vdfs.delete_sidecar": "action:vdfs.delete_sidecar",
    "vdfs.get_entry": "query:vdfs.get_entry",
    "vdfs.get_usage": "query:vdfs.get_usage",
    "vdfs.list_entries": "query:vdfs.list_entries",
    "vdfs.list_sidecars": "query:vdfs.list_sidecars",
    "vdfs.read_content": "query:vdfs.read_content",
    "vdfs.read_sidecar": "query:vdfs.read_sidecar",
    "vdfs.update_metadata": "action:vdfs.update_metadata",
    "vdfs.write_sidecar": "action:vdfs.write_sidecar",
    "now": "query:clock.now",
    "random": "query:random.bytes",
    "uuid4": "query:random.bytes",
}


class StandardClients(Caller):
    """The clients as attributes, for whoever can call operations."""

    @property
    def ai(self) -> AiClient:
        """Operations of the family ``ai``, in the job's library."""
        return AiClient(self)

    @property
    def config(self) -> ConfigClient:
        """Operations of the family ``config``, in the job's library."""
        return ConfigClient(self)

    @property
    def credentials(self) -> CredentialsClient:
        """Operations of the family ``credentials``, in the job's library."""
        return CredentialsClient(self)

    @property
    def events(self) -> EventsClient:
        """Operations of the family ``events``, in the job's library."""
        return EventsClient(self)

    @property
    def files(self) -> FilesClient:
        """Operations of the family ``files``, in the job's library."""
        return FilesClient(self)

    @property
    def http(self) -> HttpClient:
        """Operations of the family ``http``, in the job's library."""
        return HttpClient(self)

    @property
    def jobs(self) -> JobsClient:
        """Operations of the family ``jobs``, in the job's library."""
        return JobsClient(self)

    @property
    def mail(self) -> MailClient:
        """Operations of the family ``mail``, in the job's library."""
        return MailClient(self)

    @property
    def media(self) -> MediaClient:
        """Operations of the family ``media``, in the job's library."""
        return MediaClient(self)

    @property
    def test(self) -> TestClient:
        """Operations of the family ``test``, in the job's library."""
        return TestClient(self)

    @property
    def vdfs(self) -> VdfsClient:
        """Operations of the family ``vdfs``, in the job's library."""
        return VdfsClient(self)
