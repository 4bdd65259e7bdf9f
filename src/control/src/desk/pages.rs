//! The pages themselves, and what they are made of.

use handover::Instant;
use http::StatusCode;

use super::people::signed_in;
use crate::page;
use crate::site::Site;
use crate::store::Agent;
use crate::web::{Reply, Request, Response};

/// `GET /`: a new payment.
pub(crate) fn home(request: &Request, site: &mut Site, now: Instant) -> Reply<Site> {
    signed_in(request, site, now, |_, site, _, agent| shell(site, &agent, None), to_sign_in)
}

/// `GET /payments/{id}`
pub(crate) fn payment(request: &Request, site: &mut Site, now: Instant) -> Reply<Site> {
    signed_in(request, site, now, payment_of, to_sign_in)
}

fn payment_of(request: &Request, site: &mut Site, _: Instant, agent: Agent) -> Response {
    let name = request.param("id").unwrap_or("");
    let is_there = site.desk.as_ref().is_some_and(|desk| desk.payment_of(&agent, name).is_some());
    if is_there { shell(site, &agent, Some(name)) } else { page::not_found() }
}

fn shell(site: &Site, agent: &Agent, id: Option<&str>) -> Response {
    let served = site.desk.as_ref().and_then(|desk| desk.directory().get(&agent.tenant));
    let Some(served) = served else {
        let why = "Your company is not set up on this box. Tell your supervisor.\n";
        return Response::text(StatusCode::SERVICE_UNAVAILABLE, why);
    };
    let sign_in = if served.tenant.frame_origins.is_empty() {
        "/sign-in".to_owned()
    } else {
        format!("/at/{}", agent.tenant)
    };
    page::payment(&page::Shell {
        sign_in: &sign_in,
        agent_name: &agent.user_name,
        tenant_name: &served.tenant.name,
        frame_origins: &served.tenant.frame_origins,
        currencies: &currencies(),
        currency: "GBP",
        is_recorded: served.tenant.recording.is_some(),
        id,
    })
}

/// The currencies that may be chosen.
pub(crate) fn currencies() -> Vec<String> {
    page::amount::CURRENCIES.iter().map(|currency| currency.code.to_owned()).collect()
}

pub(super) fn to_sign_in(_: &Request, _: &Site) -> Response {
    Response::see_other("/sign-in")
}

/// `GET /sign-in`: in no frame.
pub(crate) fn sign_in(_: &Request, _: &mut Site, _: Instant) -> Reply<Site> {
    page::sign_in(&[]).into()
}

/// `GET /at/{tenant}`: the same as `/`, for a page that shows it in a frame. Who signs in there may be seen by that tenant's pages.
pub(crate) fn framed(request: &Request, site: &mut Site, now: Instant) -> Reply<Site> {
    signed_in(request, site, now, |_, _, _, _| Response::see_other("/"), framed_sign_in)
}

fn framed_sign_in(request: &Request, site: &Site) -> Response {
    let tenant = request.param("tenant").unwrap_or("");
    match site.desk.as_ref().and_then(|desk| desk.directory().get(tenant)) {
        Some(served) => page::sign_in(&served.tenant.frame_origins),
        None => page::not_found(),
    }
}

/// `GET /assets/keyhush.js`
pub(crate) fn script(request: &Request, _: &mut Site, _: Instant) -> Reply<Site> {
    page::asset_js(request).into()
}

/// `GET /assets/keyhush.css`
pub(crate) fn style(request: &Request, _: &mut Site, _: Instant) -> Reply<Site> {
    page::asset_css(request).into()
}

/// `GET /assets/keyhush.svg`
pub(crate) fn icon(request: &Request, _: &mut Site, _: Instant) -> Reply<Site> {
    page::asset_icon(request).into()
}
