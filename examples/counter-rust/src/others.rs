//! Jobs that warn, fail, call operations, and try what they may not: what `tests/sdk` runs of every language.

use perdure_sdk::operations::vdfs::{ReadSidecar, WriteSidecar};
use perdure_sdk::{job, CallError, Error, JobContext, Level, Result};
use serde::{Deserialize, Serialize};

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub struct WarnerState {
    count: usize,
}

/// Warns, and logs at each level in turn.
#[job(name = "warner")]
pub fn warner(ctx: &JobContext, state: &mut WarnerState) -> Result<()> {
    ctx.info(format!("Warning {} times", state.count));
    let levels = [Level::Debug, Level::Info, Level::Warn, Level::Error];
    for (level, number) in levels.into_iter().cycle().zip(1..=state.count) {
        ctx.add_warning(format!("Warning {}", number));
        ctx.log(level, format!("line {}", number));
    }
    Ok(())
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub struct FailingState {
    message: String,
}

/// Fails with the message of its state.
#[job(name = "failing")]
pub fn failing(ctx: &JobContext, state: &mut FailingState) -> Result<()> {
    ctx.report_progress(0.5, "About to fail");
    Err(Error::failed(state.message.as_str()))
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub struct NoterState {
    path: String,
    note: String,
}

#[derive(Serialize, Deserialize)]
struct Note<'a> {
    note: &'a str,
}

/// Writes a note beside the entry `path`, and reads it back.
#[job(name = "noter")]
pub fn noter(ctx: &JobContext, state: &mut NoterState) -> Result<()> {
    let note = perdure_sdk::to_json(&Note { note: &state.note })?;
    let sidecar = WriteSidecar::new(&*state.path, "note").media_type("application/json").text(&*note);
    ctx.vdfs().write_sidecar(&sidecar)?;
    let found = ctx.vdfs().read_sidecar(&ReadSidecar::new(&*state.path, "note").text(true))?;
    if found.text.as_deref() != Some(&note) {
        return Err(Error::failed("the note reads back differently"));
    }
    Ok(())
}

#[derive(Default, Serialize, Deserialize)]
pub struct TrespasserState {}

/// Asks for what the manifest does not ask for, and is content to be refused.
#[job(name = "trespasser")]
pub fn trespasser(ctx: &JobContext, _state: &mut TrespasserState) -> Result<()> {
    // In two parts: `perdure build` refuses calls that the manifest does not ask for.
    let method = ["query:", "credentials.get"].concat();
    match ctx.call::<_, TrespasserState>(&method, &Mail { id: "mail" }) {
        Err(error @ CallError::PermissionDenied { .. }) => {
            ctx.info(format!("denied: {}", error.code()));
            ctx.add_warning("denied");
            Ok(())
        }
        Err(error) => Err(error.into()),
        Ok(_) => Err(Error::failed("nobody refused it")),
    }
}

#[derive(Serialize)]
struct Mail {
    id: &'static str,
}

#[cfg(test)]
mod tests {
    use perdure_sdk::json;
    use perdure_sdk::testing::{Event, Exit, TestHost};

    use super::*;
    use crate::Counter;

    #[test]
    fn a_failure_is_logged() {
        let host = TestHost::of::<Counter>();
        assert_eq!(host.run::<failing>(&json!({"message": "no luck"})).exit, Exit::Failed);
        assert_eq!(host.logs(), [(Level::Error, "no luck".to_owned())]);
    }

    #[test]
    fn a_note_is_written_and_read() {
        let host = TestHost::of::<Counter>();
        let sidecar = json!({"entry_id": "e", "name": "note", "media_type": "text/plain", "size": 13,
            "digest": "", "created": 0, "updated": 0, "revision": 1, "extension": null});
        let written = sidecar.clone();
        host.answers("action:vdfs.write_sidecar", move |_| Ok(written.clone()));
        host.answers("query:vdfs.read_sidecar", move |_| Ok(json!({"sidecar": sidecar, "text": "{\"note\":\"hi\"}"})));
        assert_eq!(host.run::<noter>(&json!({"path": "e", "note": "hi"})).exit, Exit::Completed);
        assert_eq!(host.run::<noter>(&json!({"path": "e", "note": "ho"})).exit, Exit::Failed);
    }

    #[test]
    fn an_error_fails_the_job() {
        let host = TestHost::of::<Counter>();
        host.answers("action:vdfs.write_sidecar", |_| Err(CallError::NotFound { message: "no entry".into() }));
        assert_eq!(host.run::<noter>(&json!({"path": "e"})).exit, Exit::Failed);
        assert_eq!(host.logs(), [(Level::Error, "not_found: no entry".to_owned())]);
    }

    #[test]
    fn it_is_refused_what_the_manifest_does_not_ask_for() {
        let host = TestHost::of::<Counter>();
        assert_eq!(host.run::<trespasser>(&json!({})).exit, Exit::Completed);
        assert!(host.events().contains(&Event::Warning("denied".to_owned())));
    }
}
