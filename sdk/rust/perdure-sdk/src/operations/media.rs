//! The operations of `media`.
//!
//! Made by `python3 -m perdure.runtime.operations.client_rust`; a test fails when it is stale.

use crate::client::method;
use crate::{CallError, Client};

/// The operations of `media`: `ctx.client().media()`.
#[derive(Debug, Clone, Copy)]
pub struct Media<'a> {
    client: &'a Client,
}

impl Client {
    /// The operations of `media`.
    pub fn media(&self) -> Media<'_> {
        Media { client: self }
    }
}

impl Media<'_> {
    /// Perceptual hashes: pictures that look alike have hashes that differ in few bits.
    ///
    /// `query:media.hash`; it reads.
    ///
    /// # Errors
    ///
    /// As for [`Client::call`].
    pub fn hash(&self, request: &HashMedia) -> Result<MediaHashed, CallError> {
        self.client.call_known(method!("query:media.hash"), request)
    }

    /// What a picture is: its format and size, and what the camera wrote into it. Its pixels are not decoded.
    ///
    /// `query:media.inspect`; it reads.
    ///
    /// # Errors
    ///
    /// As for [`Client::call`].
    pub fn inspect(&self, request: &InspectMedia) -> Result<MediaInspected, CallError> {
        self.client.call_known(method!("query:media.inspect"), request)
    }

    /// A small picture of a picture: upright, in sRGB, without metadata; of several frames the first.
    ///
    /// `query:media.thumbnail`; it reads.
    ///
    /// # Errors
    ///
    /// As for [`Client::call`].
    pub fn thumbnail(&self, request: &MakeThumbnail) -> Result<ThumbnailMade, CallError> {
        self.client.call_known(method!("query:media.thumbnail"), request)
    }
}

/// Who made the camera and its lens, as they say it.
#[derive(Clone, PartialEq, Debug, serde::Deserialize)]
#[non_exhaustive]
pub struct Camera {
    /// Text or null.
    #[serde(default)]
    pub make: Option<String>,
    /// Text or null.
    #[serde(default)]
    pub model: Option<String>,
    /// Text or null.
    #[serde(default)]
    pub lens: Option<String>,
}

/// What the camera wrote into the picture, as far as it makes sense.
#[derive(Clone, PartialEq, Debug, serde::Deserialize)]
#[non_exhaustive]
pub struct Exif {
    /// When, in the camera's own time: ISO 8601 without an offset.
    #[serde(default)]
    pub taken_at: Option<String>,
    /// Of that time from UTC (`+02:00`), if the camera knew it.
    #[serde(default)]
    pub offset: Option<String>,
    /// When, in microseconds since 1970: by the offset, or by the satellites' time; else null.
    #[serde(default)]
    pub taken_unix_us: Option<i64>,
    /// Degrees (WGS 84), south and west below zero.
    #[serde(default)]
    pub latitude: Option<f64>,
    /// Degrees (WGS 84), south and west below zero.
    #[serde(default)]
    pub longitude: Option<f64>,
    /// Metres above the sea.
    #[serde(default)]
    pub altitude: Option<f64>,
    /// What took it, and how.
    #[serde(default)]
    pub camera: Option<Camera>,
    /// What took it, and how.
    #[serde(default)]
    pub exposure: Option<Exposure>,
}

/// How it was taken: seconds, the f-number, ISO, millimetres; `flash`: whether it fired.
#[derive(Clone, PartialEq, Debug, serde::Deserialize)]
#[non_exhaustive]
pub struct Exposure {
    /// Number or null.
    #[serde(default)]
    pub seconds: Option<f64>,
    /// Number or null.
    #[serde(default)]
    pub f_number: Option<f64>,
    /// Integer or null.
    #[serde(default)]
    pub iso: Option<i64>,
    /// Number or null.
    #[serde(default)]
    pub focal_length: Option<f64>,
    /// Number or null.
    #[serde(default)]
    pub focal_length_35mm: Option<f64>,
    /// Boolean or null.
    #[serde(default)]
    pub flash: Option<bool>,
}

/// Which picture, and which hashes of it.
#[derive(Clone, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct HashMedia {
    /// Base64, secret or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<crate::Bytes>,
    /// UUID or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<String>,
    /// Text, 1 to 4,096 characters or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Array of `"ahash"` or `"dhash"` or `"phash"` or `"whash"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub algorithms: Option<Vec<String>>,
}

impl std::fmt::Debug for HashMedia {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("HashMedia").field("entry", &self.entry).field("file", &self.file).field("algorithms", &self.algorithms).finish_non_exhaustive()
    }
}

impl HashMedia {
    /// With what has no default.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        HashMedia { data: None, entry: None, file: None, algorithms: None }
    }

    /// Sets `data`.
    #[must_use]
    pub fn data(mut self, data: impl Into<crate::Bytes>) -> Self {
        self.data = Some(data.into());
        self
    }

    /// Sets `entry`.
    #[must_use]
    pub fn entry(mut self, entry: impl Into<String>) -> Self {
        self.entry = Some(entry.into());
        self
    }

    /// Sets `file`.
    #[must_use]
    pub fn file(mut self, file: impl Into<String>) -> Self {
        self.file = Some(file.into());
        self
    }

    /// Sets `algorithms`.
    #[must_use]
    pub fn algorithms(mut self, algorithms: Vec<String>) -> Self {
        self.algorithms = Some(algorithms);
        self
    }
}

/// Which picture: one of `data`, `entry` and `file`.
#[derive(Clone, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct InspectMedia {
    /// Base64, secret or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<crate::Bytes>,
    /// UUID or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<String>,
    /// Text, 1 to 4,096 characters or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

impl std::fmt::Debug for InspectMedia {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("InspectMedia").field("entry", &self.entry).field("file", &self.file).finish_non_exhaustive()
    }
}

impl InspectMedia {
    /// With what has no default.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        InspectMedia { data: None, entry: None, file: None }
    }

    /// Sets `data`.
    #[must_use]
    pub fn data(mut self, data: impl Into<crate::Bytes>) -> Self {
        self.data = Some(data.into());
        self
    }

    /// Sets `entry`.
    #[must_use]
    pub fn entry(mut self, entry: impl Into<String>) -> Self {
        self.entry = Some(entry.into());
        self
    }

    /// Sets `file`.
    #[must_use]
    pub fn file(mut self, file: impl Into<String>) -> Self {
        self.file = Some(file.into());
        self
    }
}

/// Which picture, and the box that a small one has to fit into; it is never larger than the picture.
///
/// `quality` is for `jpeg` and `webp`.
#[derive(Clone, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct MakeThumbnail {
    /// Base64, secret or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<crate::Bytes>,
    /// UUID or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<String>,
    /// Text, 1 to 4,096 characters or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Integer, 1 to 2,048.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_width: Option<i64>,
    /// Integer, 1 to 2,048.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_height: Option<i64>,
    /// `"jpeg"` or `"png"` or `"webp"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// Integer, 1 to 95.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quality: Option<i64>,
}

impl std::fmt::Debug for MakeThumbnail {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("MakeThumbnail").field("entry", &self.entry).field("file", &self.file).field("max_width", &self.max_width).field("max_height", &self.max_height).field("format", &self.format).field("quality", &self.quality).finish_non_exhaustive()
    }
}

impl MakeThumbnail {
    /// With what has no default.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        MakeThumbnail { data: None, entry: None, file: None, max_width: None, max_height: None, format: None, quality: None }
    }

    /// Sets `data`.
    #[must_use]
    pub fn data(mut self, data: impl Into<crate::Bytes>) -> Self {
        self.data = Some(data.into());
        self
    }

    /// Sets `entry`.
    #[must_use]
    pub fn entry(mut self, entry: impl Into<String>) -> Self {
        self.entry = Some(entry.into());
        self
    }

    /// Sets `file`.
    #[must_use]
    pub fn file(mut self, file: impl Into<String>) -> Self {
        self.file = Some(file.into());
        self
    }

    /// Sets `max_width`.
    #[must_use]
    pub fn max_width(mut self, max_width: i64) -> Self {
        self.max_width = Some(max_width);
        self
    }

    /// Sets `max_height`.
    #[must_use]
    pub fn max_height(mut self, max_height: i64) -> Self {
        self.max_height = Some(max_height);
        self
    }

    /// Sets `format`.
    #[must_use]
    pub fn format(mut self, format: impl Into<String>) -> Self {
        self.format = Some(format.into());
        self
    }

    /// Sets `quality`.
    #[must_use]
    pub fn quality(mut self, quality: i64) -> Self {
        self.quality = Some(quality);
        self
    }
}

/// Hashes of 64 bits in hex; null where not asked for. Pictures that look alike differ in few bits.
#[derive(Clone, PartialEq, serde::Deserialize)]
#[non_exhaustive]
pub struct MediaHashed {
    /// Text or null, secret.
    #[serde(default)]
    pub phash: Option<String>,
    /// Text or null, secret.
    #[serde(default)]
    pub dhash: Option<String>,
    /// Text or null, secret.
    #[serde(default)]
    pub ahash: Option<String>,
    /// Text or null, secret.
    #[serde(default)]
    pub whash: Option<String>,
}

impl std::fmt::Debug for MediaHashed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("MediaHashed").finish_non_exhaustive()
    }
}

/// What a picture is.
#[derive(Clone, PartialEq, serde::Deserialize)]
#[non_exhaustive]
pub struct MediaInspected {
    /// `image/jpeg` and `jpeg`; the formats are jpeg, png, heif, tiff, webp, gif, bmp, avif.
    pub media_type: String,
    /// `image/jpeg` and `jpeg`; the formats are jpeg, png, heif, tiff, webp, gif, bmp, avif.
    pub format: String,
    /// Pixels, as it is to be seen: turned as `orientation` says.
    pub width: i64,
    /// Pixels, as it is to be seen: turned as `orientation` says.
    pub height: i64,
    /// How many pictures are in the file, counted up to 10,000.
    pub frames: i64,
    /// Bytes of the file.
    pub size: i64,
    /// EXIF's, 1 to 8; how the pixels in the file have to be turned.
    pub orientation: i64,
    /// Whether the frames follow each other in time.
    pub animated: bool,
    /// Whether something of it can be seen through.
    pub has_alpha: bool,
    /// What the camera wrote; null if nothing.
    #[serde(default)]
    pub exif: Option<Exif>,
}

impl std::fmt::Debug for MediaInspected {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("MediaInspected").field("media_type", &self.media_type).field("format", &self.format).field("width", &self.width).field("height", &self.height).field("frames", &self.frames).field("size", &self.size).field("orientation", &self.orientation).field("animated", &self.animated).field("has_alpha", &self.has_alpha).finish_non_exhaustive()
    }
}

/// A small picture (base64): the first frame, upright, in sRGB, with nothing in it but its pixels.
#[derive(Clone, PartialEq, serde::Deserialize)]
#[non_exhaustive]
pub struct ThumbnailMade {
    /// Base64, secret.
    pub content: crate::Bytes,
    /// Text.
    pub media_type: String,
    /// Integer.
    pub width: i64,
    /// Integer.
    pub height: i64,
}

impl std::fmt::Debug for ThumbnailMade {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ThumbnailMade").field("media_type", &self.media_type).field("width", &self.width).field("height", &self.height).finish_non_exhaustive()
    }
}
