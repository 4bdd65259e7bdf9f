//! What is asked of suspending: by the agents' page, and by programs that know a call by its number or Call-ID. Both are an agent's who is
//! signed in; a program signs in as one.

use handover::{CallHandle, Instant};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::Desk;
use super::api::{not_signed_in, parsed};
use super::pages::to_sign_in;
use super::people::{signed_in, told};
use super::recordings::NotSuspended;
use crate::page;
use crate::page::suspension::{BUSY, NO_CALL, NO_SUCH_CALL};
use crate::site::Site;
use crate::store::Agent;
use crate::web::{Reply, Request, Response};

/// Longest number and Call-ID that are looked for: handover tells of no longer one.
const LONGEST: usize = 256;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CallAsked {
    #[serde(default)]
    number: Option<String>,
    #[serde(default)]
    call_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClickAsked {
    click: String,
}

#[derive(Serialize)]
struct Answered {
    calls: Vec<CallAnswered>,
}

/// A call whose recording was suspended or resumed.
#[derive(Serialize)]
struct CallAnswered {
    call_id: String,
    number: String,
    suspended: bool,
    /// In how many seconds the recording goes on by itself.
    left_s: Option<u64>,
}

#[derive(Serialize)]
struct State<'p> {
    view: &'p serde_json::value::RawValue,
    last: String,
}

fn nothing_here() -> Response {
    told(StatusCode::NOT_FOUND, NO_CALL)
}

/// `GET /recordings/suspend`
pub(crate) fn page(request: &Request, site: &mut Site, now: Instant) -> Reply<Site> {
    signed_in(request, site, now, page_of, to_sign_in)
}

fn page_of(_: &Request, site: &mut Site, _: Instant, agent: Agent) -> Response {
    let served = site.desk.as_ref().and_then(|desk| desk.directory().get(&agent.tenant));
    let Some(served) = served else { return page::not_found() };
    page::suspending(&page::Suspending {
        agent_name: &agent.user_name,
        tenant_name: &served.tenant.name,
        frame_origins: &served.tenant.frame_origins,
    })
}

/// `GET /assets/suspend.js`
pub(crate) fn script(request: &Request, _: &mut Site, _: Instant) -> Reply<Site> {
    page::asset_suspend_js(request).into()
}

/// `GET /api/suspension`
pub(crate) fn state(request: &Request, site: &mut Site, now: Instant) -> Reply<Site> {
    signed_in(request, site, now, state_of, not_signed_in)
}

fn state_of(_: &Request, site: &mut Site, now: Instant, agent: Agent) -> Response {
    let Some(desk) = &site.desk else { return nothing_here() };
    let (shown, channel) = desk.line(now, &agent);
    let last = channel.map(|channel| channel.last_id()).unwrap_or_default();
    match serde_json::value::RawValue::from_string(shown) {
        Ok(view) => Response::json(StatusCode::OK, &State { view: &view, last }),
        Err(_) => told(StatusCode::INTERNAL_SERVER_ERROR, "The page cannot be shown."),
    }
}

/// `GET /api/suspension/events`
pub(crate) fn events(request: &Request, site: &mut Site, now: Instant) -> Reply<Site> {
    signed_in(request, site, now, events_of, not_signed_in)
}

fn events_of(request: &Request, site: &mut Site, now: Instant, agent: Agent) -> Response {
    let Some(desk) = &site.desk else { return nothing_here() };
    let (_, Some(channel)) = desk.line(now, &agent) else { return nothing_here() };
    let query = request.parts.uri.query().unwrap_or("");
    let asked = query.split('&').find_map(|pair| pair.strip_prefix("last="));
    match channel.subscribe(request.last_event_id().or(asked)) {
        Ok(subscription) => Response::events(subscription),
        Err(_) => told(StatusCode::TOO_MANY_REQUESTS, "This page is open in too many windows."),
    }
}

/// `POST /api/suspension`
pub(crate) fn click(request: &Request, site: &mut Site, now: Instant) -> Reply<Site> {
    signed_in(request, site, now, click_of, not_signed_in)
}

fn click_of(request: &Request, site: &mut Site, now: Instant, agent: Agent) -> Response {
    let asked: ClickAsked = match parsed(request) {
        Ok(asked) => asked,
        Err(refusal) => return *refusal,
    };
    let Some(desk) = &mut site.desk else { return nothing_here() };
    let done = match asked.click.as_str() {
        "reference" => match desk.show_reference(now, &agent) {
            Ok(()) => Some(Ok(())),
            Err(_) => return told(StatusCode::SERVICE_UNAVAILABLE, page::NO_REFERENCE),
        },
        "suspend" => desk.click_line(now, &agent, true),
        "resume" => desk.click_line(now, &agent, false),
        _ => return told(StatusCode::BAD_REQUEST, "There is no such button."),
    };
    match done {
        Some(Ok(())) => Response::text(StatusCode::NO_CONTENT, ""),
        Some(Err(why)) => refused(why),
        None => told(StatusCode::CONFLICT, NO_CALL),
    }
}

fn refused(why: NotSuspended) -> Response {
    match why {
        NotSuspended::NotRecorded => told(StatusCode::CONFLICT, "This call is not recorded any more."),
        NotSuspended::Busy => told(StatusCode::SERVICE_UNAVAILABLE, BUSY),
    }
}

/// `POST /api/recordings/suspend`
pub(crate) fn suspend(request: &Request, site: &mut Site, now: Instant) -> Reply<Site> {
    signed_in(
        request,
        site,
        now,
        |request, site, now, agent| by_call(request, site, now, &agent, true),
        not_signed_in,
    )
}

/// `POST /api/recordings/resume`
pub(crate) fn resume(request: &Request, site: &mut Site, now: Instant) -> Reply<Site> {
    signed_in(
        request,
        site,
        now,
        |request, site, now, agent| by_call(request, site, now, &agent, false),
        not_signed_in,
    )
}

fn by_call(request: &Request, site: &mut Site, now: Instant, agent: &Agent, is_suspend: bool) -> Response {
    let asked: CallAsked = match parsed(request) {
        Ok(asked) => asked,
        Err(refusal) => return *refusal,
    };
    let by = match (&asked.number, &asked.call_id) {
        (Some(number), None) if number.len() <= LONGEST => By::Number(number),
        (None, Some(call_id)) if call_id.len() <= LONGEST => By::CallId(call_id),
        _ => return told(StatusCode::BAD_REQUEST, "Name either the number or the call_id of one call."),
    };
    let Some(desk) = &mut site.desk else { return told(StatusCode::NOT_FOUND, NO_SUCH_CALL) };
    // One conversation may be several calls here: one that goes through the wire twice has the same number in each.
    let calls = desk.recorded_calls(&agent.tenant, by);
    if calls.is_empty() {
        return told(StatusCode::NOT_FOUND, NO_SUCH_CALL);
    }
    let mut answered = Vec::new();
    for call in calls {
        if !is_suspend {
            desk.resume(now, call);
        } else if let Err(why) = desk.suspend(now, call, Some(&agent.user_name)) {
            return refused(why);
        }
        let Some(known) = desk.calls.get(call) else { continue };
        let suspension = desk.recordings.suspension(call);
        answered.push(CallAnswered {
            call_id: known.begun.call_id.to_string(),
            number: known.number().to_owned(),
            suspended: suspension.is_some(),
            left_s: suspension.map(|suspension| suspension.until.since(now).as_secs()),
        });
    }
    Response::json(StatusCode::OK, &Answered { calls: answered })
}

/// How a program names a call.
#[derive(Clone, Copy, Debug)]
pub(crate) enum By<'a> {
    /// The number of the one outside, however it is written.
    Number(&'a str),
    /// The Call-ID of its first INVITE.
    CallId(&'a str),
}

impl Desk {
    /// The calls of a tenant's that are recorded and are so named.
    pub(crate) fn recorded_calls(&self, tenant: &str, by: By<'_>) -> Vec<CallHandle> {
        let is_it = |call: &CallHandle| {
            let Some(known) = self.calls.get(*call) else { return false };
            let is_named = match by {
                By::Number(number) => {
                    let wanted = digits(number);
                    !wanted.is_empty() && digits(known.number()) == wanted
                }
                By::CallId(call_id) => !call_id.is_empty() && *known.begun.call_id == *call_id,
            };
            is_named && self.recordings.tenant(*call) == Some(tenant)
        };
        let mut calls: Vec<CallHandle> = self.recordings.recorded().filter(is_it).collect();
        calls.sort_unstable_by_key(|call| (call.slot, call.generation));
        calls
    }
}

/// A number without what people and SIP write around its digits.
fn digits(number: &str) -> String {
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    match digits.strip_prefix("00") {
        Some(rest) if !number.trim_start().starts_with('+') => rest.to_owned(),
        _ => digits,
    }
}
