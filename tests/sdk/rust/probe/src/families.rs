//! The typed clients against the real operations.

use perdure_sdk::operations::ai::ReadDocument;
use perdure_sdk::operations::config::SetConfig;
use perdure_sdk::operations::credentials::{
    ApiKey, Basic, Credential, GetCredential, ListCredentials, NameCredential, OAuth2, StoreCredential,
};
use perdure_sdk::operations::events::{PublishEvent, Subscribe, Unsubscribe};
use perdure_sdk::operations::jobs::{DispatchJob, ListJobs, NameJob, Status, WaitForJob};
use perdure_sdk::operations::vdfs::{AppendContent, CreateEntry, ListEntries, ReadContent, ReadSidecar, WriteSidecar};
use perdure_sdk::{job, json, CallError, Error, JobContext, Result};

fn check(holds: bool, what: &str) -> Result<()> {
    if holds {
        Ok(())
    } else {
        Err(Error::failed(what))
    }
}

/// Uses each family, and fails where it is not as it should be.
#[job]
pub fn everything(ctx: &JobContext, state: &mut String) -> Result<()> {
    vdfs(ctx)?;
    credentials(ctx)?;
    config(ctx)?;
    events(ctx)?;
    jobs(ctx)?;
    ai(ctx)?;
    *state = "done".to_owned();
    Ok(())
}

fn vdfs(ctx: &JobContext) -> Result<()> {
    let vdfs = ctx.vdfs();
    let entry = vdfs.create_entry(&CreateEntry::new("a.bin").kind("probe").content(vec![0_u8, 255, 7]))?;
    check(entry.size == 3 && entry.name == "a.bin", "create_entry")?;
    let longer = vdfs.append_content(&AppendContent::new(&*entry.id, 3, &b"more"[..]))?;
    check(longer.size == 7 && longer.revision > entry.revision, "append_content")?;
    let part = vdfs.read_content(&ReadContent::new(&*entry.id).offset(1))?;
    check(part.content.map(|bytes| bytes.0) == Some(b"\xff\x07more".to_vec()), "read_content")?;
    vdfs.write_sidecar(&WriteSidecar::new(&*entry.id, "s").text("é").if_revision(0))?;
    let sidecar = vdfs.read_sidecar(&ReadSidecar::new(&*entry.id, "s").text(true))?;
    check(sidecar.text.as_deref() == Some("é") && sidecar.sidecar.size == 2, "read_sidecar")?;
    let page = vdfs.list_entries(&ListEntries::new().kind("probe").order("name").limit(10))?;
    check(page.entries.len() == 1 && page.entries[0].sidecars == 1 && page.next.is_none(), "list_entries")?;
    check(vdfs.get_usage()?.entries_used == 1, "get_usage")
}

fn credentials(ctx: &JobContext) -> Result<()> {
    let credentials = ctx.credentials();
    let token = OAuth2::new("secret-token").expires_at(4_000_000_000).scopes(vec!["mail".to_owned()]);
    check(!format!("{:?}", token).contains("secret-token"), "a secret in Debug")?;
    let all = [
        ("mail", Credential::OAuth2(token)),
        ("key", Credential::ApiKey(ApiKey::new("k"))),
        ("user", Credential::Basic(Basic::new("me", "pass"))),
    ];
    for (name, credential) in all {
        credentials.store(&StoreCredential::new(name, credential.clone()))?;
        let found = credentials.get(&GetCredential::new(name))?.credential;
        match (&found, &credential) {
            (Credential::OAuth2(found), Credential::OAuth2(stored)) => {
                check(found.access_token == stored.access_token && found.scopes == stored.scopes, "oauth2")?
            }
            (found, stored) => check(found == stored, "credential")?,
        }
    }
    let listed = credentials.list(&ListCredentials::new().limit(2))?;
    check(listed.credentials.len() == 2 && listed.next.is_some(), "list")?;
    check(listed.credentials[0].r#type == "api_key", "type")?;
    check(credentials.delete(&NameCredential::new("key"))?.deleted, "delete")?;
    let gone = credentials.get(&GetCredential::new("key"));
    check(matches!(gone, Err(CallError::NotFound { .. })), "a deleted credential")
}

fn ai(ctx: &JobContext) -> Result<()> {
    match ctx.ai().ocr(&ReadDocument::new()) {
        Err(CallError::InvalidPayload { .. }) => Ok(()),
        other => Err(Error::failed(format!("ai.ocr of nothing: {:?}", other))),
    }
}

fn config(ctx: &JobContext) -> Result<()> {
    check(ctx.config().get()?.values["depth"] == 3, "a default")?;
    let five = json!({"depth": 5}).as_object().cloned();
    let set = ctx.config().set(&SetConfig::new(five))?;
    check(set.values["depth"] == 5 && set.revision == 1, "config.set")
}

fn events(ctx: &JobContext) -> Result<()> {
    let topics = vec!["probe.happened".to_owned()];
    let made = ctx.events().subscribe(&Subscribe::new(topics, "shout"))?;
    ctx.events().publish(&PublishEvent::new("probe.told").data(json!({"n": 1.5})))?;
    check(ctx.events().list()?.subscriptions.len() == 1, "list")?;
    check(ctx.events().unsubscribe(&Unsubscribe::new(made.subscription_id))?.removed, "unsubscribe")
}

fn jobs(ctx: &JobContext) -> Result<()> {
    let child = ctx.jobs().dispatch(&DispatchJob::new("probe:recover").state(json!("parse")))?;
    let ended = ctx.jobs().wait(&WaitForJob::new(&*child.job_id))?;
    check(ended.status == Status::Failed && ended.parent.as_deref() == Some(ctx.job_id()), "wait")?;
    check(ended.error.map_or(false, |error| error.kind == "guest_failed"), "the child's error")?;
    let same = ctx.jobs().get(&NameJob::new(child.job_id))?;
    check(same.finished && same.attempts == 1, "get")?;
    let mine = ListJobs::new().parent(ctx.job_id()).statuses(vec![Status::Failed]);
    check(ctx.jobs().list(&mine)?.jobs.len() == 1, "list")
}
