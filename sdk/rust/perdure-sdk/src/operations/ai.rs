//! The operations of `ai`.
//!
//! Made by `python3 -m perdure.runtime.operations.client_rust`; a test fails when it is stale.

use crate::client::method;
use crate::{CallError, Client};

/// The operations of `ai`: `ctx.client().ai()`.
#[derive(Debug, Clone, Copy)]
pub struct Ai<'a> {
    client: &'a Client,
}

impl Client {
    /// The operations of `ai`.
    pub fn ai(&self) -> Ai<'_> {
        Ai { client: self }
    }
}

impl Ai<'_> {
    /// Say what a text is: one of some labels, or JSON of a schema.
    ///
    /// `query:ai.classify_text`; it reads.
    ///
    /// # Errors
    ///
    /// As for [`Client::call`].
    pub fn classify_text(&self, request: &ClassifyText) -> Result<TextClassified, CallError> {
        self.client.call_known(method!("query:ai.classify_text"), request)
    }

    /// Make vectors of texts, to compare and to search them by meaning.
    ///
    /// `query:ai.embed`; it reads.
    ///
    /// # Errors
    ///
    /// As for [`Client::call`].
    pub fn embed(&self, request: &EmbedTexts) -> Result<TextsEmbedded, CallError> {
        self.client.call_known(method!("query:ai.embed"), request)
    }

    /// Read the text of an image or a PDF: its own text where it has a good one, else by Tesseract.
    ///
    /// `query:ai.ocr`; it reads.
    ///
    /// # Errors
    ///
    /// As for [`Client::call`].
    pub fn ocr(&self, request: &ReadDocument) -> Result<DocumentRead, CallError> {
        self.client.call_known(method!("query:ai.ocr"), request)
    }
}

/// `model` is `local`, or one of the endpoint's that the host offers; `temperature` is for the endpoint's.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct ClassifyOptions {
    /// Text or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Number, 0 to 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
}

impl ClassifyOptions {
    /// With what has no default.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        ClassifyOptions { model: None, temperature: None }
    }

    /// Sets `model`.
    #[must_use]
    pub fn model(mut self, model: impl Into<String>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// Sets `temperature`.
    #[must_use]
    pub fn temperature(mut self, temperature: f64) -> Self {
        self.temperature = Some(temperature);
        self
    }
}

/// A text, and what is to be known of it.
///
/// `labels` are texts, or objects of a `label` and its `description`, which tells it from the others. `schema`
/// is a JSON Schema (2020-12) of the answer; with both, the answer fits the schema and its choice is one of the labels.
/// A `prompt` says what is asked, for the local model as a short question: `What kind of mail is this?`.
#[derive(Clone, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct ClassifyText {
    /// Text, at most 1,000,000 characters, secret.
    pub text: String,
    /// Text, at most 20,000 characters, secret or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// Array of text or `TextLabel` or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<Vec<TextLabel>>,
    /// Object or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<serde_json::Map<String, serde_json::Value>>,
    /// `ClassifyOptions`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub options: Option<ClassifyOptions>,
}

impl std::fmt::Debug for ClassifyText {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ClassifyText").field("labels", &self.labels).field("schema", &self.schema).field("options", &self.options).finish_non_exhaustive()
    }
}

impl ClassifyText {
    /// With what has no default.
    pub fn new(text: impl Into<String>) -> Self {
        ClassifyText { text: text.into(), prompt: None, labels: None, schema: None, options: None }
    }

    /// Sets `prompt`.
    #[must_use]
    pub fn prompt(mut self, prompt: impl Into<String>) -> Self {
        self.prompt = Some(prompt.into());
        self
    }

    /// Sets `labels`.
    #[must_use]
    pub fn labels(mut self, labels: Vec<TextLabel>) -> Self {
        self.labels = Some(labels);
        self
    }

    /// Sets `schema`.
    #[must_use]
    pub fn schema(mut self, schema: serde_json::Map<String, serde_json::Value>) -> Self {
        self.schema = Some(schema);
        self
    }

    /// Sets `options`.
    #[must_use]
    pub fn options(mut self, options: ClassifyOptions) -> Self {
        self.options = Some(options);
        self
    }
}

/// What it says.
///
/// `text` is that of the pages, a form feed between two. `confidence` is 0 to 1, over all letters; 0 if there are
/// none. `page_count` counts all pages of the file.
#[derive(Clone, PartialEq, serde::Deserialize)]
#[non_exhaustive]
pub struct DocumentRead {
    /// Text, secret.
    pub text: String,
    /// Number.
    pub confidence: f64,
    /// Text.
    pub media_type: String,
    /// Integer.
    pub page_count: i64,
    /// Array of `OcrPage`, secret.
    pub pages: Vec<OcrPage>,
}

impl std::fmt::Debug for DocumentRead {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("DocumentRead").field("confidence", &self.confidence).field("media_type", &self.media_type).field("page_count", &self.page_count).finish_non_exhaustive()
    }
}

/// `model` is `local`, or the endpoint's that the host offers.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct EmbedOptions {
    /// Text or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

impl EmbedOptions {
    /// With what has no default.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        EmbedOptions { model: None }
    }

    /// Sets `model`.
    #[must_use]
    pub fn model(mut self, model: impl Into<String>) -> Self {
        self.model = Some(model.into());
        self
    }
}

/// Texts, 1 to 256. A long one has the mean of its parts.
#[derive(Clone, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct EmbedTexts {
    /// Array of text, at most 100,000 characters, secret.
    pub texts: Vec<String>,
    /// `EmbedOptions`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub options: Option<EmbedOptions>,
}

impl std::fmt::Debug for EmbedTexts {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("EmbedTexts").field("options", &self.options).finish_non_exhaustive()
    }
}

impl EmbedTexts {
    /// With what has no default.
    pub fn new(texts: Vec<String>) -> Self {
        EmbedTexts { texts, options: None }
    }

    /// Sets `options`.
    #[must_use]
    pub fn options(mut self, options: EmbedOptions) -> Self {
        self.options = Some(options);
        self
    }
}

/// How it is read.
///
/// `language`: Tesseract's names of the languages that the text may be in, `deu+fra`. `engine`: `text_layer`
/// takes only what a PDF has as text, `tesseract` recognises every page, `auto` does so where a page has no text,
/// or one that makes no sense.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct OcrOptions {
    /// Text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// `"auto"` or `"tesseract"` or `"text_layer"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// `Preprocessing`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preprocessing: Option<Preprocessing>,
}

impl OcrOptions {
    /// With what has no default.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        OcrOptions { language: None, engine: None, preprocessing: None }
    }

    /// Sets `language`.
    #[must_use]
    pub fn language(mut self, language: impl Into<String>) -> Self {
        self.language = Some(language.into());
        self
    }

    /// Sets `engine`.
    #[must_use]
    pub fn engine(mut self, engine: impl Into<String>) -> Self {
        self.engine = Some(engine.into());
        self
    }

    /// Sets `preprocessing`.
    #[must_use]
    pub fn preprocessing(mut self, preprocessing: Preprocessing) -> Self {
        self.preprocessing = Some(preprocessing);
        self
    }
}

/// A page. Lines of `text` are the lines that one sees; two blanks stand where there is a gap in one, as between
/// columns.
///
/// `number` counts from 1. `unit` is that of `width`, `height` and the boxes: points (1/72 inch) for a page of
/// a PDF, pixels for a picture, both as the page is read: turned by `rotation` degrees clockwise from how it would be
/// shown. `confidence` is 0 to 1; text that a PDF has as such has 1, a page without words 0.
#[derive(Clone, PartialEq, Debug, serde::Deserialize)]
#[non_exhaustive]
pub struct OcrPage {
    /// Integer.
    pub number: i64,
    /// Text.
    pub text: String,
    /// Number.
    pub confidence: f64,
    /// `"ocr"` or `"text_layer"`.
    pub source: String,
    /// `"pixels"` or `"points"`.
    pub unit: String,
    /// Number.
    pub width: f64,
    /// Number.
    pub height: f64,
    /// `0` or `90` or `180` or `270`.
    pub rotation: String,
    /// Array of `OcrWord`.
    pub words: Vec<OcrWord>,
}

/// A word. `box` is left, top, right, bottom, in the page's unit, from its upper left corner; `line` counts the
/// lines of the page's text from 0. `confidence` is 0 to 1.
#[derive(Clone, PartialEq, Debug, serde::Deserialize)]
#[non_exhaustive]
pub struct OcrWord {
    /// Text.
    pub text: String,
    /// Number.
    pub confidence: f64,
    /// Array of number, number, number, number.
    pub r#box: (f64, f64, f64, f64),
    /// Integer.
    pub line: i64,
}

/// What is done to a picture before it is recognised. The defaults look at each picture and do what it needs.
///
/// `grey`: without colours; off where letters differ from their ground in colour alone. `deskew`: lines are made
/// level. `rotate`: a page that lies on its side or upside down is turned. `crop`: a sheet photographed on a darker
/// ground is cut out, and seen from straight above. `threshold`: how ink is told from paper; `auto` keeps the
/// shades and evens out the light where it is uneven, `none` keeps them as they are, `otsu` is one threshold for
/// all, `adaptive` one for each place. `scale`: a factor; null makes letters as large as Tesseract likes them.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct Preprocessing {
    /// Boolean.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grey: Option<bool>,
    /// Boolean.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deskew: Option<bool>,
    /// Boolean.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotate: Option<bool>,
    /// Boolean.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crop: Option<bool>,
    /// `"adaptive"` or `"auto"` or `"none"` or `"otsu"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<String>,
    /// Number, 0.1 to 8.0 or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale: Option<f64>,
}

impl Preprocessing {
    /// With what has no default.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Preprocessing { grey: None, deskew: None, rotate: None, crop: None, threshold: None, scale: None }
    }

    /// Sets `grey`.
    #[must_use]
    pub fn grey(mut self, grey: bool) -> Self {
        self.grey = Some(grey);
        self
    }

    /// Sets `deskew`.
    #[must_use]
    pub fn deskew(mut self, deskew: bool) -> Self {
        self.deskew = Some(deskew);
        self
    }

    /// Sets `rotate`.
    #[must_use]
    pub fn rotate(mut self, rotate: bool) -> Self {
        self.rotate = Some(rotate);
        self
    }

    /// Sets `crop`.
    #[must_use]
    pub fn crop(mut self, crop: bool) -> Self {
        self.crop = Some(crop);
        self
    }

    /// Sets `threshold`.
    #[must_use]
    pub fn threshold(mut self, threshold: impl Into<String>) -> Self {
        self.threshold = Some(threshold.into());
        self
    }

    /// Sets `scale`.
    #[must_use]
    pub fn scale(mut self, scale: f64) -> Self {
        self.scale = Some(scale);
        self
    }
}

/// An image (PNG, JPEG, TIFF, WebP, GIF, BMP, HEIC) or a PDF; one of `data`, `entry` and `file` is given.
///
/// `pages` are those of a PDF or a TIFF, `1-5,8`; without it all are read, if there are no more than a call may
/// read. `words`: whether the answer has each word with its place.
#[derive(Clone, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct ReadDocument {
    /// Base64, secret or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<crate::Bytes>,
    /// UUID or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<String>,
    /// Text, 1 to 4,096 characters or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// `OcrOptions`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub options: Option<OcrOptions>,
    /// Text or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pages: Option<String>,
    /// Boolean.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub words: Option<bool>,
}

impl std::fmt::Debug for ReadDocument {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ReadDocument").field("entry", &self.entry).field("file", &self.file).field("options", &self.options).field("pages", &self.pages).field("words", &self.words).finish_non_exhaustive()
    }
}

impl ReadDocument {
    /// With what has no default.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        ReadDocument { data: None, entry: None, file: None, options: None, pages: None, words: None }
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

    /// Sets `options`.
    #[must_use]
    pub fn options(mut self, options: OcrOptions) -> Self {
        self.options = Some(options);
        self
    }

    /// Sets `pages`.
    #[must_use]
    pub fn pages(mut self, pages: impl Into<String>) -> Self {
        self.pages = Some(pages.into());
        self
    }

    /// Sets `words`.
    #[must_use]
    pub fn words(mut self, words: bool) -> Self {
        self.words = Some(words);
        self
    }
}

/// What the text is. `result` is `{"label": …}`, or what the schema describes.
///
/// `label` is the choice, if there is one to make; `scores` say how likely each label is, together 1, and only the
/// local model gives them.
#[derive(Clone, PartialEq, serde::Deserialize)]
#[non_exhaustive]
pub struct TextClassified {
    /// Any, secret.
    pub result: serde_json::Value,
    /// Text.
    pub model: String,
    /// `"endpoint"` or `"local"`.
    pub backend: String,
    /// Text, secret or null.
    #[serde(default)]
    pub label: Option<String>,
    /// Object of number, secret or null.
    #[serde(default)]
    pub scores: Option<serde_json::Map<String, serde_json::Value>>,
}

impl std::fmt::Debug for TextClassified {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("TextClassified").field("model", &self.model).field("backend", &self.backend).finish_non_exhaustive()
    }
}

/// A label, and what it means, in words or by examples: the more is said, the better it is told from others.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct TextLabel {
    /// Text.
    pub label: String,
    /// Text or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

impl TextLabel {
    /// With what has no default.
    pub fn new(label: impl Into<String>) -> Self {
        TextLabel { label: label.into(), description: None }
    }

    /// Sets `description`.
    #[must_use]
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }
}

/// A vector for each text, in their order: `dimensions` 32-bit floats, little-endian, of unit length together.
///
/// So the cosine of two is the sum of their products. A text of blanks has zeros only. Vectors of different models have
/// nothing to do with each other: keep `model` beside what you store.
#[derive(Clone, PartialEq, serde::Deserialize)]
#[non_exhaustive]
pub struct TextsEmbedded {
    /// Array of base64, secret.
    pub vectors: Vec<crate::Bytes>,
    /// Integer.
    pub dimensions: i64,
    /// Text.
    pub model: String,
    /// `"endpoint"` or `"local"`.
    pub backend: String,
}

impl std::fmt::Debug for TextsEmbedded {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("TextsEmbedded").field("dimensions", &self.dimensions).field("model", &self.model).field("backend", &self.backend).finish_non_exhaustive()
    }
}
