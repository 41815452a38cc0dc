//! What the imports of a module are elsewhere: the test host of the thread.

use serde_json::{json, Value};

use super::{current, permissions, Event};
use crate::{CallError, Level};

fn record(event: Event) {
    current().borrow_mut().events.push(event);
}

pub fn call(method: &str, _library: Option<&[u8; 16]>, payload: &[u8]) -> Option<Vec<u8>> {
    let payload: Value = serde_json::from_slice(payload).expect("a payload of JSON");
    let outcome = answered(method, &payload);
    record(Event::Call(method.to_owned(), payload, outcome.clone()));
    let answer = outcome.unwrap_or_else(|error| {
        let mut answer = json!({"error": error.message(), "code": error.code()});
        if let Some(milliseconds) = error.retry_after_ms() {
            answer["retry_after_ms"] = milliseconds.into();
        }
        answer
    });
    Some(serde_json::to_vec(&answer).expect("an answer of JSON"))
}

fn answered(method: &str, payload: &Value) -> Result<Value, CallError> {
    let host = current();
    let handler = {
        let recorder = host.borrow();
        if let Some(methods) = &recorder.methods {
            if !permissions::allow(methods, method) {
                let message = format!("the manifest's methods do not allow {}", method);
                return Err(CallError::PermissionDenied { message });
            }
        }
        recorder.handlers.get(permissions::plain_name(method)).cloned()
    };
    // Not while the host is borrowed: the handler may look at it.
    match handler {
        Some(handler) => handler(payload),
        None => Err(CallError::UnknownMethod { message: format!("there is no operation {}", method) }),
    }
}

pub fn log(level: Level, message: &str) {
    record(Event::Log(level, message.to_owned()));
}

pub fn report_progress(_job: &[u8; 16], fraction: f32, message: &str) {
    // As the host does: what is outside is clamped, NaN counts as 0.0.
    let fraction = if fraction.is_nan() { 0.0 } else { fraction.clamp(0.0, 1.0) };
    record(Event::Progress(fraction, message.to_owned()));
}

pub fn checkpoint(_job: &[u8; 16], state: &[u8]) -> bool {
    let stored = !current().borrow().full;
    if stored {
        record(Event::Checkpoint(serde_json::from_slice(state).expect("a state of JSON")));
    }
    stored
}

pub fn is_interrupted(_job: &[u8; 16]) -> bool {
    let host = current();
    let mut recorder = host.borrow_mut();
    recorder.asked += 1;
    recorder.interrupt_at == Some(recorder.asked)
}

pub fn add_warning(_job: &[u8; 16], message: &str) {
    record(Event::Warning(message.to_owned()));
}

pub fn increment_bytes(_job: &[u8; 16], bytes: i64) {
    record(Event::Bytes(bytes));
}

pub fn increment_items(_job: &[u8; 16], count: i64) {
    record(Event::Items(count));
}
