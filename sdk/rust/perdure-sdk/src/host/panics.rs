//! A panic is a line of the log before it is a trap.

use crate::log;

/// Has the message and the place of a panic logged. The host sees only that the guest stopped.
pub fn log_them() {
    std::panic::set_hook(Box::new(|info| {
        let payload = info.payload();
        let message = payload.downcast_ref::<&str>().copied();
        let message = message.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
        match info.location() {
            Some(place) => log::error(format!("panicked at {}:{}: {}", place.file(), place.line(), message)),
            None => log::error(format!("panicked: {}", message)),
        }
    }));
}
