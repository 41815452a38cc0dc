//! Which operations a manifest allows, as the host reads it.

use serde_json::Value;

/// The `methods` of a manifest.
pub fn asked_for(manifest: &str) -> Vec<String> {
    let manifest: Value = serde_json::from_str(manifest).expect("a manifest of JSON");
    let entries = manifest["permissions"]["methods"].as_array().cloned().unwrap_or_default();
    entries.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// An operation's name without what the wire may add to it: `.input` and the version 1.
pub fn plain_name(method: &str) -> &str {
    let name = method.strip_suffix(".v1").unwrap_or(method);
    name.strip_suffix(".input").unwrap_or(name)
}

/// Whether one of the entries allows an operation.
pub fn allow(entries: &[String], method: &str) -> bool {
    let name = plain_name(method);
    entries.iter().any(|entry| {
        if entry.ends_with(&[':', '.', '*'][..]) {
            name.starts_with(entry.strip_suffix('*').unwrap_or(entry))
        } else {
            plain_name(entry) == name
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_beginnings() {
        let manifest = r#"{"permissions":{"methods":["query:ai.ocr.v1","action:vdfs.","query:notes.s*"]}}"#;
        let entries = asked_for(manifest);
        for good in ["query:ai.ocr", "query:ai.ocr.input.v1", "action:vdfs.write_sidecar", "query:notes.search"] {
            assert!(allow(&entries, good), "{}", good);
        }
        for bad in ["query:ai.ocr2", "query:ai.ocr.v2", "query:vdfs.read_sidecar", "query:notes.find", "action:vdfs"] {
            assert!(!allow(&entries, bad), "{}", bad);
        }
        assert!(allow(&["*".to_owned()], "query:anything.at_all"));
        assert!(!allow(&asked_for("{}"), "query:ai.ocr"));
    }
}
