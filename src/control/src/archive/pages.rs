//! `/archive`, a page that lists and one for each recording; and `/verify`, for auditors, who sign in nowhere.

use handover::Instant;
use http::StatusCode;
use recording::proof::Proof;

use super::api::{self, Ground, MOST_USES, Missing, answered, named};
use super::asked::Search;
use super::look;
use super::when::{clock, rfc3339, shown};
use crate::desk::records::with_store;
use crate::page;
use crate::page::archive::{Around, Listed, MarkShown, RecordingShown, SearchShown};
use crate::site::Site;
use crate::store::Recording;
use crate::web::{Reply, Request, Response};

fn to_sign_in(_: &Request, _: &Site) -> Response {
    Response::see_other("/sign-in")
}

fn missing(why: &Missing) -> Response {
    match why {
        Missing::Nowhere | Missing::Deleted => page::not_found(),
        Missing::Unread | Missing::Busy => {
            let why = "The archive cannot be read. Tell whoever runs Keyhush.\n";
            Response::text(StatusCode::SERVICE_UNAVAILABLE, why)
        }
    }
}

/// Who is signed in, and where.
fn around(site: &Site, agent_name: &str, tenant: &str) -> Around {
    let served = site.desk.as_ref().and_then(|desk| desk.directory().get(tenant));
    let tenant_name = served.map_or_else(|| tenant.to_owned(), |served| served.tenant.name.clone());
    Around { agent_name: agent_name.to_owned(), tenant_name }
}

/// `GET /archive`
pub(crate) fn search(request: &Request, site: &mut Site, now: Instant) -> Reply<Site> {
    answered(request, site, now, search_of, to_sign_in, missing)
}

fn search_of(ground: &Ground<'_>) -> Result<crate::desk::people::Made, Missing> {
    let query = ground.request.parts.uri.query().unwrap_or("").to_owned();
    let (search, misread) = Search::read(&query, &ground.agent.tenant);
    // What cannot be understood finds nothing, rather than everything.
    let (found, next) = match misread {
        None => api::found(ground, &search)?,
        Some(_) => (Vec::new(), None),
    };
    let briefs = ground.shelf.proofs_in_brief(&found);
    let rows = found.into_iter().enumerate().map(|(at, recording)| {
        let brief = briefs.get(at).map(Vec::as_slice).unwrap_or_default();
        let marks = look::marks_in_brief(brief).into_iter();
        listed(recording, marks.map(|(mark, count)| MarkShown::counted(mark, count)).collect())
    });
    let shown = SearchShown {
        rows: rows.collect(),
        next: next.map(|next| search.further(&next)),
        is_first: search.filter.after.is_none(),
        asked: search.asked,
        misread,
    };
    let (agent, tenant) = (ground.agent.user_name.clone(), ground.agent.tenant.clone());
    Ok(Box::new(move |site: &Site| page::archive::search(&around(site, &agent, &tenant), &shown)))
}

fn listed(recording: Recording, marks: Vec<MarkShown>) -> Listed {
    Listed {
        began: shown(recording.began),
        began_at: rfc3339(recording.began),
        duration: clock(recording.duration),
        is_interrupted: recording.is_interrupted,
        held: recording.held,
        deleted: recording.deleted.map(shown),
        keep_until: shown(recording.keep_until),
        name: recording.name,
        caller: recording.caller,
        called: recording.called,
        agents: recording.agents,
        orders: recording.orders,
        marks,
    }
}

/// `GET /archive/{name}`
pub(crate) fn recording(request: &Request, site: &mut Site, now: Instant) -> Reply<Site> {
    answered(request, site, now, recording_of, to_sign_in, missing)
}

fn recording_of(ground: &Ground<'_>) -> Result<crate::desk::people::Made, Missing> {
    let recording = named(ground)?;
    let uses = with_store(ground.store, |store| store.uses(&recording.name, MOST_USES))?;
    let proof = ground.shelf.proof(&recording).ok().and_then(|bytes| Proof::from_bytes(&bytes).ok());
    let statement = proof.as_ref().map(Proof::statement);
    let marks = proof.as_ref().map(look::marks).unwrap_or_default();
    // Those that the list has are not told twice.
    let is_other = |name: &str| !["caller", "called", "agent", "order"].contains(&name);
    let facts = statement.iter().flat_map(|statement| &statement.facts);
    let facts = facts.filter(|(name, _)| is_other(name.as_str()));
    let shown = RecordingShown {
        facts: facts.map(|(name, text)| (name.as_str().to_owned(), text.as_str().to_owned())).collect(),
        encoding: statement.map(|statement| format!("{}, {} Hz", statement.encoding, statement.rate)),
        duration_ms: recording.duration,
        marks: marks
            .iter()
            .map(|marked| MarkShown::stretch(marked.mark, marked.from_ms, marked.to_ms))
            .collect(),
        uses: uses.into_iter().map(|used| (shown(used.at), used.who, used.what)).collect(),
        recording: listed(recording, Vec::new()),
    };
    let (agent, tenant) = (ground.agent.user_name.clone(), ground.agent.tenant.clone());
    Ok(Box::new(move |site: &Site| page::archive::recording(&around(site, &agent, &tenant), &shown)))
}

/// `GET /verify`
pub(crate) fn verify(_: &Request, _: &mut Site, _: Instant) -> Reply<Site> {
    page::archive::verify().into()
}

/// `GET /verify/page.html`: the same as one file, to be kept.
pub(crate) fn verify_alone(_: &Request, _: &mut Site, _: Instant) -> Reply<Site> {
    page::archive::verify_alone().into()
}

/// `GET /assets/archive.js`
pub(crate) fn archive_script(request: &Request, _: &mut Site, _: Instant) -> Reply<Site> {
    page::asset_archive_js(request).into()
}

/// `GET /assets/verify.js`
pub(crate) fn verify_script(request: &Request, _: &mut Site, _: Instant) -> Reply<Site> {
    page::asset_verify_js(request).into()
}
