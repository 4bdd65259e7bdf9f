//! What pages ask: signing in, a new payment, its state and events, the agent's clicks. Bodies are JSON, errors are sentences for people.

use handover::Instant;
use http::{StatusCode, header};
use payment::session::{Click, Handled};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::NoPayment;
use super::people::{cookie, signed_in, told};
use super::records::{today, with_store};
use crate::page::typed::{self, Errors, TypedDetails, TypedOrder};
use crate::page::{self, view};
use crate::site::Site;
use crate::store::{Agent, Role, SignIn, may_be_order_reference};
use crate::web::{Reply, Request, Response, Work};

/// Longest user name and password that are looked at.
const LONGEST: usize = 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignInAsked {
    user_name: String,
    password: Zeroizing<String>,
}

#[derive(Serialize)]
struct Begun {
    id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClickAsked {
    click: String,
    #[serde(default)]
    field: Option<String>,
    #[serde(default)]
    details: TypedDetails,
}

#[derive(Serialize)]
struct State<'p> {
    view: &'p serde_json::value::RawValue,
    last: String,
}

/// What is wrong, by field.
#[derive(Serialize)]
struct Wrong {
    errors: Errors,
}

fn wrong(errors: Errors) -> Response {
    Response::json(StatusCode::UNPROCESSABLE_ENTITY, &Wrong { errors })
}

pub(super) fn parsed<T: DeserializeOwned>(request: &Request) -> Result<T, Box<Response>> {
    let kind = request.header(header::CONTENT_TYPE).unwrap_or("");
    let kind = kind.split(';').next().unwrap_or("").trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        let why = "This is read as application/json only.";
        return Err(Box::new(told(StatusCode::UNSUPPORTED_MEDIA_TYPE, why)));
    }
    // What serde says of it may quote it, and it may hold what must not be said again.
    serde_json::from_slice(&request.body)
        .map_err(|_| Box::new(told(StatusCode::BAD_REQUEST, "This request was not understood.")))
}

pub(super) fn not_signed_in(_: &Request, _: &Site) -> Response {
    told(StatusCode::UNAUTHORIZED, "You are signed out. Sign in again.")
}

fn no_such_payment() -> Response {
    told(StatusCode::NOT_FOUND, page::NO_SUCH_PAYMENT)
}

/// `POST /api/sign-in`
pub(crate) fn sign_in(request: &Request, site: &mut Site, _: Instant) -> Reply<Site> {
    let asked: SignInAsked = match parsed(request) {
        Ok(asked) => asked,
        Err(refusal) => return (*refusal).into(),
    };
    let Some(people) = &mut site.people else { return no_such_payment().into() };
    let refused = || told(StatusCode::UNAUTHORIZED, page::SIGN_IN_REFUSED);
    if asked.user_name.len() > LONGEST || asked.password.len() > LONGEST {
        return refused().into();
    }
    // Whoever tries very many must not keep others out, nor payments from being written down.
    let Some(trying) = people.try_from(request.address) else {
        site.sign_ins_refused += 1;
        return told(StatusCode::TOO_MANY_REQUESTS, page::SIGN_IN_TOO_OFTEN).into();
    };
    let store = people.store.clone();
    let work = move || {
        let answer = with_store(&store, |store| store.sign_in(&asked.user_name, &asked.password, today()));
        drop(trying);
        answer
    };
    Reply::Later(Work::new(work, move |answer, site: &mut Site, _| match answer {
        Ok(SignIn::Welcome { agent, token }) => {
            site.signed_in += 1;
            // The archive is in nobody's frame.
            let framed = agent.role == Role::Agent
                && site.desk.as_ref().is_some_and(|desk| desk.is_framed(&agent.tenant));
            Response::text(StatusCode::NO_CONTENT, "").with(header::SET_COOKIE, cookie(&token, framed))
        }
        Ok(SignIn::Refused(_)) => {
            site.sign_ins_refused += 1;
            refused()
        }
        Err(_) => told(StatusCode::SERVICE_UNAVAILABLE, "The box cannot look up who you are. Try again."),
    }))
}

/// `POST /api/payments`
pub(crate) fn begin(request: &Request, site: &mut Site, now: Instant) -> Reply<Site> {
    signed_in(request, site, now, begin_of, not_signed_in)
}

fn begin_of(request: &Request, site: &mut Site, now: Instant, agent: Agent) -> Response {
    let asked: TypedOrder = match parsed(request) {
        Ok(asked) => asked,
        Err(refusal) => return *refusal,
    };
    let Some(desk) = &mut site.desk else { return no_such_payment() };
    let (money, order) = match asked.read(&super::pages::currencies()) {
        Ok(read) => read,
        Err(errors) => return wrong(errors),
    };
    // What the store would not take must not be found out when the caller has keyed everything.
    if !order.is_empty() && !may_be_order_reference(order) {
        let why = "Use at most 64 letters, digits and signs of an English keyboard, and no card number.";
        return wrong(Errors::from([("order", why.into())]));
    }
    match desk.begin(now, agent, money, order) {
        Ok(id) => Response::json(StatusCode::CREATED, &Begun { id }),
        Err(NoPayment::Order) => told(StatusCode::BAD_REQUEST, "This order reference cannot be kept."),
        Err(NoPayment::NoTenant) => told(
            StatusCode::SERVICE_UNAVAILABLE,
            "Your company is not set up on this box. Tell your supervisor.",
        ),
        Err(NoPayment::NoRandom) => told(StatusCode::SERVICE_UNAVAILABLE, page::NO_ROOM),
        Err(NoPayment::TooMany) => told(
            StatusCode::SERVICE_UNAVAILABLE,
            "Too many payments are open. Cancel those that you do not need.",
        ),
    }
}

/// `GET /api/payments/{id}`
pub(crate) fn state(request: &Request, site: &mut Site, now: Instant) -> Reply<Site> {
    signed_in(request, site, now, state_of, not_signed_in)
}

fn state_of(request: &Request, site: &mut Site, now: Instant, agent: Agent) -> Response {
    let name = request.param("id").unwrap_or("");
    let Some(desk) = &site.desk else { return no_such_payment() };
    let Some(payment) = desk.payment_of(&agent, name) else { return no_such_payment() };
    let shown = desk.shown(now, payment, &payment.session.view());
    match serde_json::value::RawValue::from_string(shown) {
        Ok(view) => {
            let last = payment.channel.last_id();
            Response::json(StatusCode::OK, &State { view: &view, last })
        }
        Err(_) => told(StatusCode::INTERNAL_SERVER_ERROR, "The payment cannot be shown."),
    }
}

/// `GET /api/payments/{id}/events`
pub(crate) fn events(request: &Request, site: &mut Site, now: Instant) -> Reply<Site> {
    signed_in(request, site, now, events_of, not_signed_in)
}

fn events_of(request: &Request, site: &mut Site, _: Instant, agent: Agent) -> Response {
    let name = request.param("id").unwrap_or("");
    let payment = site.desk.as_ref().and_then(|desk| desk.payment_of(&agent, name));
    let Some(payment) = payment else { return no_such_payment() };
    let query = request.parts.uri.query().unwrap_or("");
    let asked = query.split('&').find_map(|pair| pair.strip_prefix("last="));
    // A browser that connects again by itself asks for the same address, and says what it has seen in its header.
    match payment.channel.subscribe(request.last_event_id().or(asked)) {
        Ok(subscription) => Response::events(subscription),
        Err(_) => told(StatusCode::TOO_MANY_REQUESTS, "This payment is open in too many windows."),
    }
}

/// `POST /api/payments/{id}/clicks`
pub(crate) fn click(request: &Request, site: &mut Site, now: Instant) -> Reply<Site> {
    signed_in(request, site, now, click_of, not_signed_in)
}

fn click_of(request: &Request, site: &mut Site, now: Instant, agent: Agent) -> Response {
    let asked: ClickAsked = match parsed(request) {
        Ok(asked) => asked,
        Err(refusal) => return *refusal,
    };
    let name = request.param("id").unwrap_or("");
    let click = match asked.click.as_str() {
        "next" => Click::Next,
        "reset" => match asked.field.as_deref().and_then(view::kind_of) {
            Some(kind) => Click::Reset(kind),
            None => return told(StatusCode::BAD_REQUEST, "There is no such field."),
        },
        "start_again" => Click::StartAgain,
        "ask_again" => Click::AskAgain,
        "cancel" => Click::Cancel,
        "pay" => match asked.details.read() {
            Ok(details) => Click::Pay(Box::new(details)),
            Err(errors) => return wrong(errors),
        },
        _ => return told(StatusCode::BAD_REQUEST, "There is no such button."),
    };
    let Some(desk) = &mut site.desk else { return no_such_payment() };
    match desk.click(now, &agent, name, click) {
        Some(Handled::Done) => Response::text(StatusCode::NO_CONTENT, ""),
        Some(Handled::NoExpiry) => wrong(typed::no_expiry()),
        Some(Handled::Ignored) => told(StatusCode::CONFLICT, page::NOT_NOW),
        None => no_such_payment(),
    }
}

impl super::Desk {
    /// Whether a tenant's agents see the page in frames of other pages.
    pub(crate) fn is_framed(&self, tenant: &str) -> bool {
        self.directory.get(tenant).is_some_and(|served| !served.tenant.frame_origins.is_empty())
    }
}
