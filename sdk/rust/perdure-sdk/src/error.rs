//! Why a job does not complete.

use std::any::Any;
use std::fmt;

use crate::CallError;

/// What jobs return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a job does not complete. `?` makes one of everything that is a [`std::error::Error`].
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The job was asked to pause or to stop, and its state is saved. Pass it on: the job goes on from there later.
    Interrupted,
    /// A checkpoint could not be stored. What the last one saved is still there.
    NotStored,
    /// An operation was refused or failed.
    Call(CallError),
    /// Anything else; the text is for people.
    Failed(String),
}

impl Error {
    /// A failure in words.
    ///
    /// ```
    /// # fn check(count: i32) -> perdure_sdk::Result<()> {
    /// if count < 0 {
    ///     return Err(perdure_sdk::Error::failed(format!("a count of {}", count)));
    /// }
    /// # Ok(())
    /// # }
    /// # assert!(check(-1).is_err());
    /// ```
    pub fn failed(message: impl Into<String>) -> Self {
        Error::Failed(message.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Interrupted => formatter.write_str("interrupted"),
            Error::NotStored => formatter.write_str("the checkpoint could not be stored"),
            Error::Call(error) => error.fmt(formatter),
            Error::Failed(message) => formatter.write_str(message),
        }
    }
}

/// `Error` itself is no `std::error::Error`: then this could not be.
impl<E: std::error::Error + 'static> From<E> for Error {
    fn from(error: E) -> Self {
        // The one error that a job may want to tell from others further up.
        let mut call = Some(error);
        match (&mut call as &mut dyn Any).downcast_mut::<Option<CallError>>().and_then(Option::take) {
            Some(error) => Error::Call(error),
            None => Error::Failed(call.map(|error| error.to_string()).unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_error_stays_one() {
        let call = CallError::NotFound { message: "no such entry".into() };
        assert!(matches!(Error::from(call.clone()), Error::Call(found) if found == call));
    }

    #[test]
    fn other_errors_keep_their_words() {
        let error = Error::from("x".parse::<i32>().unwrap_err());
        assert_eq!(error.to_string(), "invalid digit found in string");
    }
}
