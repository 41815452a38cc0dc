//! Why an operation was refused or failed.

use std::fmt;

use serde::Deserialize;

/// Why an operation was refused or failed: the codes of perdure's ABI, and what goes wrong on this side of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallError {
    /// The manifest does not ask for the operation, or nobody granted it.
    PermissionDenied {
        /// For people.
        message: String,
    },
    /// The extension may not work in that library.
    LibraryDenied {
        /// For people.
        message: String,
    },
    /// A budget is used up for now.
    RateLimited {
        /// For people.
        message: String,
        /// After how many milliseconds there is room, where the host knows.
        retry_after_ms: Option<u64>,
    },
    /// The host has no such operation.
    UnknownMethod {
        /// For people.
        message: String,
    },
    /// The payload is not what the operation takes.
    InvalidPayload {
        /// For people.
        message: String,
    },
    /// What the payload names is not there.
    NotFound {
        /// For people.
        message: String,
    },
    /// The operation was tried and failed.
    Failed {
        /// For people.
        message: String,
    },
    /// What the operation needs is not there for now.
    Unavailable {
        /// For people.
        message: String,
    },
    /// A code that this version does not know.
    Other {
        /// The code.
        code: String,
        /// For people.
        message: String,
    },
    /// There is an answer, and it is not of the type that was asked for.
    BadAnswer {
        /// For people.
        message: String,
    },
    /// There is no answer: the guest's memory had no room for it.
    NoAnswer,
}

/// A failed operation's answer.
#[derive(Deserialize)]
struct Failure {
    error: String,
    code: String,
    #[serde(default)]
    retry_after_ms: Option<u64>,
}

impl CallError {
    /// The failure that an answer is; none if it is no failure.
    pub(crate) fn from_answer(answer: &[u8]) -> Option<Self> {
        // Every failure has this word, few other answers do: those are not read twice.
        if !answer.windows(6).any(|window| window == b"\"code\"") {
            return None;
        }
        let failure: Failure = serde_json::from_slice(answer).ok()?;
        Some(Self::new(failure.code, failure.error, failure.retry_after_ms))
    }

    pub(crate) fn new(code: String, message: String, retry_after_ms: Option<u64>) -> Self {
        match code.as_str() {
            "permission_denied" => CallError::PermissionDenied { message },
            "library_denied" => CallError::LibraryDenied { message },
            "rate_limited" => CallError::RateLimited { message, retry_after_ms },
            "unknown_method" => CallError::UnknownMethod { message },
            "invalid_payload" => CallError::InvalidPayload { message },
            "not_found" => CallError::NotFound { message },
            "failed" => CallError::Failed { message },
            "unavailable" => CallError::Unavailable { message },
            _ => CallError::Other { code, message },
        }
    }

    /// The code, as the ABI spells it; `bad_answer` and `no_answer` are this side's.
    pub fn code(&self) -> &str {
        match self {
            CallError::PermissionDenied { .. } => "permission_denied",
            CallError::LibraryDenied { .. } => "library_denied",
            CallError::RateLimited { .. } => "rate_limited",
            CallError::UnknownMethod { .. } => "unknown_method",
            CallError::InvalidPayload { .. } => "invalid_payload",
            CallError::NotFound { .. } => "not_found",
            CallError::Failed { .. } => "failed",
            CallError::Unavailable { .. } => "unavailable",
            CallError::Other { code, .. } => code,
            CallError::BadAnswer { .. } => "bad_answer",
            CallError::NoAnswer => "no_answer",
        }
    }

    /// What the host said, for people.
    pub fn message(&self) -> &str {
        match self {
            CallError::PermissionDenied { message }
            | CallError::LibraryDenied { message }
            | CallError::RateLimited { message, .. }
            | CallError::UnknownMethod { message }
            | CallError::InvalidPayload { message }
            | CallError::NotFound { message }
            | CallError::Failed { message }
            | CallError::Unavailable { message }
            | CallError::Other { message, .. }
            | CallError::BadAnswer { message } => message,
            CallError::NoAnswer => "the answer did not fit into the memory",
        }
    }

    /// After how many milliseconds the same call may succeed, where the host knows.
    pub fn retry_after_ms(&self) -> Option<u64> {
        match self {
            CallError::RateLimited { retry_after_ms, .. } => *retry_after_ms,
            _ => None,
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.code())?;
        formatter.write_str(": ")?;
        formatter.write_str(self.message())
    }
}

impl std::error::Error for CallError {}

#[cfg(test)]
mod tests {
    use super::*;

    const CODES: [&str; 8] = [
        "permission_denied",
        "library_denied",
        "rate_limited",
        "unknown_method",
        "invalid_payload",
        "not_found",
        "failed",
        "unavailable",
    ];

    #[test]
    fn every_code_is_a_variant() {
        for code in CODES {
            let answer = format!(r#"{{"error":"why","code":"{}","retry_after_ms":7}}"#, code);
            let error = CallError::from_answer(answer.as_bytes()).unwrap();
            assert_eq!((error.code(), error.message()), (code, "why"));
            assert!(!matches!(error, CallError::Other { .. }));
            assert_eq!(error.retry_after_ms(), if code == "rate_limited" { Some(7) } else { None });
            assert_eq!(error.to_string(), format!("{}: why", code));
        }
    }

    #[test]
    fn new_codes_are_kept() {
        let error = CallError::from_answer(br#"{"code":"brand_new","error":"why","more":[1]}"#).unwrap();
        assert_eq!(error, CallError::Other { code: "brand_new".into(), message: "why".into() });
    }

    #[test]
    fn other_answers_are_no_failures() {
        for answer in ["{}", "[]", "7", r#"{"code":"x"}"#, r#"{"error":null,"code":"failed"}"#, r#"{"a":"\"code\""}"#] {
            assert_eq!(CallError::from_answer(answer.as_bytes()), None);
        }
    }
}
