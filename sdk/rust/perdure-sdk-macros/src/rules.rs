//! What the texts of a manifest may be: the same as the host's own checks, for messages at the right place. The host
//! checks again, and knows some rules that are not here (which hosts can be reached).

type Check = Result<(), String>;

const MAX_NAME_LENGTH: usize = 200;

fn refuse(why: &str) -> Check {
    Err(why.to_owned())
}

fn is_lower(letter: u8) -> bool {
    letter.is_ascii_lowercase() || letter.is_ascii_digit()
}

/// An extension's id: lowercase letters and digits, with single `-`, `_` or `.` in between; at most 64.
pub fn id(text: &str) -> Check {
    let parts = text.split(&['-', '_', '.'][..]);
    if text.len() > 64 {
        return refuse("an id has at most 64 characters");
    }
    if parts.into_iter().any(|part| part.is_empty() || !part.bytes().all(is_lower)) {
        return refuse("an id is of lowercase letters, digits, and single '-', '_' or '.' in between");
    }
    Ok(())
}

/// A version: letters, digits and `.+_-`, like 1.0.0; at most 64.
pub fn version(text: &str) -> Check {
    let plain = |letter: u8| letter.is_ascii_alphanumeric() || b".+_-".contains(&letter);
    if text.len() > 64 {
        return refuse("a version has at most 64 characters");
    }
    if !text.as_bytes().first().map_or(false, u8::is_ascii_alphanumeric) || !text.bytes().all(plain) {
        return refuse("a version is of letters, digits and '.+_-', like 1.0.0");
    }
    Ok(())
}

/// A job's name: 1 to 64 letters, digits, `_`, `.` and `-`, the last two not at its start.
pub fn job_name(text: &str) -> Check {
    let plain = |letter: u8| letter.is_ascii_alphanumeric() || b"_.-".contains(&letter);
    let begins_well = !text.is_empty() && !text.starts_with(&['.', '-'][..]);
    if text.len() > 64 || !begins_well || !text.bytes().all(plain) {
        return refuse("a job's name is 1 to 64 letters, digits, '_', '.' or '-', the last two not at its start");
    }
    Ok(())
}

/// A name for people.
pub fn title(text: &str) -> Check {
    if text.trim().is_empty() {
        return refuse("it is empty");
    }
    shown(text, MAX_NAME_LENGTH, false)
}

/// Who made it.
pub fn author(text: &str) -> Check {
    shown(text, MAX_NAME_LENGTH, false)
}

/// Where more is said.
pub fn homepage(text: &str) -> Check {
    shown(text, 2_000, false)
}

/// What it does, in lines.
pub fn description(text: &str) -> Check {
    shown(text, 10_000, true)
}

fn shown(text: &str, longest: usize, lines: bool) -> Check {
    // Shown in terminals: nothing that steers one, and nothing that turns the direction of writing.
    let steers = |letter: char| {
        letter.is_control()
            || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    if text.chars().count() > longest {
        return Err(format!("it has more than {} characters", longest));
    }
    if text.chars().any(|letter| steers(letter) && !(lines && matches!(letter, '\n' | '\t'))) {
        return refuse("it has characters that cannot be shown");
    }
    Ok(())
}

/// An entry of `methods`: an operation's name, or the beginning of names.
pub fn method(text: &str) -> Check {
    let expected = "an entry is an operation like query:ai.ocr, or a beginning like query:ai. or action:* or *";
    if text == "*" {
        return Ok(());
    }
    let rest = match text.split_once(':') {
        Some(("query" | "action", rest)) if text.len() <= MAX_NAME_LENGTH => rest,
        _ => return refuse(expected),
    };
    let segment = |part: &str| !part.is_empty() && part.bytes().all(|letter| is_lower(letter) || letter == b'_');
    let mut parts: Vec<&str> = rest.split('.').collect();
    let last = parts.pop().unwrap_or_default();
    let ends_well = match last.strip_suffix('*') {
        Some(beginning) => beginning.is_empty() || segment(beginning),
        None => segment(last) || last.is_empty(),
    };
    if !ends_well || !parts.into_iter().all(segment) {
        return refuse(expected);
    }
    Ok(())
}

/// An entry of `libraries`: a UUID with hyphens, or `*`.
pub fn library(text: &str) -> Check {
    let uuid = text.len() == 36
        && text.bytes().enumerate().all(|(at, letter)| match at {
            8 | 13 | 18 | 23 => letter == b'-',
            _ => letter.is_ascii_hexdigit(),
        });
    if text == "*" || uuid {
        return Ok(());
    }
    refuse("an entry is the UUID of a library, or * for all")
}

/// An entry of `network_access`: a host, with a port or `http://` if need be.
pub fn host(text: &str) -> Check {
    if text.starts_with("https://") {
        return refuse("leave https:// out, it is what an entry without a scheme means");
    }
    let host = text.strip_prefix("http://").unwrap_or(text);
    let plain = |letter: u8| is_lower(letter) || b".-:[]*".contains(&letter);
    if host.is_empty() || !host.bytes().all(plain) {
        return refuse("an entry is a host, like api.example.com, *.example.com, localhost:8080 or http://192.0.2.1");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(check: fn(&str) -> Check, good: &[&str], bad: &[&str]) {
        for text in good {
            assert_eq!(check(text), Ok(()), "{:?}", text);
        }
        for text in bad {
            assert!(check(text).is_err(), "{:?}", text);
        }
    }

    #[test]
    fn ids() {
        let long = "a".repeat(65);
        all(id, &["counter", "counter-rust", "a.b_c-1"], &["", "Counter", "a--b", "-a", "a-", "a b", "ü", &long]);
    }

    #[test]
    fn versions() {
        all(version, &["1", "0.1.0", "1.0.0-rc.1+x_2"], &["", ".1", "1 0", "1/0"]);
    }

    #[test]
    fn job_names() {
        let long = "a".repeat(65);
        all(job_name, &["count", "_count.all-2"], &["", ".a", "-a", "a:b", "a b", "ü", &long]);
    }

    #[test]
    fn methods() {
        all(
            method,
            &["*", "query:", "query:*", "action:vdfs.", "action:vdfs.w*", "query:ai.ocr", "query:ai.ocr.v1"],
            &["", "query", "vdfs.read", "event:x", "query:AI", "query:a..b", "query:.a", "query:a*b", "query:*."],
        );
    }

    #[test]
    fn libraries_and_hosts() {
        all(library, &["*", "0193b0a4-5f6e-7c3d-8b1a-2f4e6d8c0a12"], &["", "**", "0193b0a45f6e7c3d8b1a2f4e6d8c0a12"]);
        let good = ["api.example.com", "*.example.com:8443", "http://localhost:8080", "[2001:db8::1]:1"];
        all(host, &good, &["", "https://example.com", "example.com/a", "Example.com", "http://", "user@example.com"]);
    }

    #[test]
    fn texts_for_people() {
        all(title, &["Counter (Rust)", "Zähler"], &["", "  ", "a\nb", "a\u{1b}[1m", "\u{202e}a"]);
        all(description, &["one\n\ttwo"], &["a\u{7}"]);
    }
}
