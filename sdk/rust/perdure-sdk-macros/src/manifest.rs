//! The manifest as JSON, in the order of `docs/abi.md`; what was not said is left out.

use crate::json::quoted;

/// What an extension says of itself.
#[derive(Default)]
pub struct Manifest {
    pub id: String,
    pub name: String,
    pub version: String,
    pub description: Option<String>,
    pub author: Option<String>,
    pub homepage: Option<String>,
    pub methods: Option<Vec<String>>,
    pub libraries: Option<Vec<String>>,
    pub requests_per_minute: Option<u64>,
    pub concurrent_jobs: Option<u64>,
    pub network_access: Option<Vec<String>>,
    pub max_memory_mb: Option<u64>,
    /// A JSON object as a text.
    pub config_schema: Option<String>,
}

impl Manifest {
    /// One JSON object, without `wasm_file`: only the build knows that.
    pub fn to_json(&self) -> String {
        let limits = object([
            ("requests_per_minute", self.requests_per_minute.map(number)),
            ("concurrent_jobs", self.concurrent_jobs.map(number)),
        ]);
        let permissions = object([
            ("methods", self.methods.as_deref().map(list)),
            ("libraries", self.libraries.as_deref().map(list)),
            ("rate_limits", limits),
            ("network_access", self.network_access.as_deref().map(list)),
            ("max_memory_mb", self.max_memory_mb.map(number)),
        ]);
        let text = |value: &Option<String>| value.as_deref().map(quoted);
        let manifest = object([
            ("id", Some(quoted(&self.id))),
            ("name", Some(quoted(&self.name))),
            ("version", Some(quoted(&self.version))),
            ("description", text(&self.description)),
            ("author", text(&self.author)),
            ("homepage", text(&self.homepage)),
            ("permissions", permissions),
            ("config_schema", self.config_schema.as_deref().map(|schema| schema.trim().to_owned())),
        ]);
        manifest.unwrap_or_default()
    }
}

fn number(value: u64) -> String {
    value.to_string()
}

fn list(entries: &[String]) -> String {
    let quoted: Vec<String> = entries.iter().map(|entry| quoted(entry)).collect();
    format!("[{}]", quoted.join(","))
}

/// An object of the fields that there are; none if there are none.
fn object<const N: usize>(fields: [(&str, Option<String>); N]) -> Option<String> {
    let present: Vec<String> =
        fields.into_iter().filter_map(|(key, value)| Some(format!("{}:{}", quoted(key), value?))).collect();
    (!present.is_empty()).then(|| format!("{{{}}}", present.join(",")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn least() -> Manifest {
        Manifest { id: "a".into(), name: "A \"b\"".into(), version: "1".into(), ..Manifest::default() }
    }

    #[test]
    fn what_was_not_said_is_left_out() {
        assert_eq!(least().to_json(), r#"{"id":"a","name":"A \"b\"","version":"1"}"#);
    }

    #[test]
    fn permissions_and_a_schema() {
        let manifest = Manifest {
            methods: Some(vec!["query:".into(), "action:x.y".into()]),
            concurrent_jobs: Some(2),
            max_memory_mb: Some(64),
            config_schema: Some(" {\"type\": \"object\"}\n".into()),
            ..least()
        };
        let permissions =
            r#"{"methods":["query:","action:x.y"],"rate_limits":{"concurrent_jobs":2},"max_memory_mb":64}"#;
        let expected = format!(
            r#"{{"id":"a","name":"A \"b\"","version":"1","permissions":{},"config_schema":{{"type": "object"}}}}"#,
            permissions
        );
        assert_eq!(manifest.to_json(), expected);
    }
}
