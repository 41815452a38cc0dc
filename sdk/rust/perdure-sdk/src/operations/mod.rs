//! Typed clients of the operations that ship, a module for each family.
//!
//! Made by `python3 -m perdure.runtime.operations.client_rust`; a test fails when it is stale.

#[rustfmt::skip]
pub mod ai;
#[rustfmt::skip]
pub mod clock;
#[rustfmt::skip]
pub mod config;
#[rustfmt::skip]
pub mod credentials;
#[rustfmt::skip]
pub mod events;
#[rustfmt::skip]
pub mod files;
#[rustfmt::skip]
pub mod http;
#[rustfmt::skip]
pub mod jobs;
#[rustfmt::skip]
pub mod mail;
#[rustfmt::skip]
pub mod media;
#[rustfmt::skip]
pub mod random;
#[rustfmt::skip]
pub mod vdfs;

pub use ai::Ai;
pub use clock::Clock;
pub use config::Config;
pub use credentials::Credentials;
pub use events::Events;
pub use files::Files;
pub use http::Http;
pub use jobs::Jobs;
pub use mail::Mail;
pub use media::Media;
pub use random::Random;
pub use vdfs::Vdfs;
