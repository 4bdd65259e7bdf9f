//! The agents' pages: what is served, and what it says.
//!
//! | module | holds |
//! |---|---|
//! | [`view`] | what a payment's page shows, as the script takes it |
//! | `words` | what it says in each state |
//! | [`typed`] | what agents type, and what is said of it |
//! | [`amount`] | amounts, with each currency's decimals |
//! | [`countries`] | the list of countries |
//! | [`suspension`] | what the page for suspending recordings shows |
//! | `archive` | the archive's pages and the auditors' |
//! | [`policy`] | what a page's browser may do with it |
//! | `assets` | script, style sheet and icon |
//!
//! Pages are made from `templates/`, checked when this crate is built. They hold no payment: the script asks for it. Every text that is
//! shown comes from here or from a template; the script has none of its own.

use std::fmt::Write as _;

use askama::Template;
use http::StatusCode;
use http::header::{self, HeaderName};

use crate::web::Response;

pub mod amount;
pub mod countries;
pub mod policy;
pub mod suspension;
pub mod typed;
pub mod view;

pub(crate) mod archive;
mod assets;
mod words;

pub(crate) use assets::{asset_archive_js, asset_verify_js};
pub use assets::{asset_css, asset_icon, asset_js, asset_suspend_js};
pub use view::{Context, PageCall, PageView};

/// What is said of a sign-in that was refused: the same for a name that nobody has and for a wrong password.
pub const SIGN_IN_REFUSED: &str = "Name and password do not belong together. Check both and try again.";
/// What is said where it was tried too often.
pub const SIGN_IN_TOO_OFTEN: &str = "This was tried too often. Wait a few minutes, or ask your supervisor.";
/// What is said of a click that is not for now: [`payment::Handled::Ignored`].
pub const NOT_NOW: &str = "That cannot be done now. The page shows how things stand.";
/// What is said where no payment can be started.
pub const NO_ROOM: &str = "No payment can be started now. Try again in a minute.";
/// What is said where no call reference can be shown.
pub const NO_REFERENCE: &str = "No reference can be shown now. Try again in a minute.";
/// What is said of a payment that is not there.
pub const NO_SUCH_PAYMENT: &str = "There is no such payment, or it is over.";

/// What stands around a payment.
#[derive(Clone, Copy, Debug)]
pub struct Shell<'s> {
    /// Who is signed in.
    pub agent_name: &'s str,
    /// For whom.
    pub tenant_name: &'s str,
    /// Origins that may frame the page and are told how far a payment is.
    pub frame_origins: &'s [String],
    /// Codes of the currencies that the tenant takes.
    pub currencies: &'s [String],
    /// The one that is chosen at first.
    pub currency: &'s str,
    /// Where whoever is signed out signs in again.
    pub sign_in: &'s str,
    /// Whether the tenant's calls are recorded: there is a page for suspending that.
    pub is_recorded: bool,
    /// The payment; `None` where a new one is to be started.
    pub id: Option<&'s str>,
}

/// What stands around the page for suspending recordings.
#[derive(Clone, Copy, Debug)]
pub struct Suspending<'s> {
    /// Who is signed in.
    pub agent_name: &'s str,
    /// For whom.
    pub tenant_name: &'s str,
    /// Origins that may frame the page.
    pub frame_origins: &'s [String],
}

/// What every page has.
struct Frame {
    script: String,
    script_integrity: &'static str,
    style: String,
    style_integrity: &'static str,
    icon: String,
    origins: String,
}

impl Frame {
    fn new(frame_origins: &[String]) -> Self {
        let mut origins = String::new();
        for origin in frame_origins.iter().filter(|origin| policy::is_origin(origin)) {
            // Writing to a String does not fail.
            let _ = write!(origins, "{}{origin}", if origins.is_empty() { "" } else { " " });
        }
        Frame { origins, ..Frame::with_script(&assets::SCRIPT) }
    }

    /// In no frame, and with another script.
    fn with_script(script: &'static assets::Asset) -> Self {
        Frame {
            script: script.url(),
            script_integrity: &script.integrity,
            style: assets::STYLE.url(),
            style_integrity: &assets::STYLE.integrity,
            icon: assets::ICON.url(),
            origins: String::new(),
        }
    }

    /// The same with another script.
    fn and_script(self, script: &'static assets::Asset) -> Self {
        Frame { script: script.url(), script_integrity: &script.integrity, ..self }
    }
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    frame: Frame,
}

#[derive(Template)]
#[template(path = "payment.html")]
struct PaymentPage<'s> {
    frame: Frame,
    shell: &'s Shell<'s>,
    countries: &'static [(&'static str, &'static str)],
    country: &'static str,
}

#[derive(Template)]
#[template(path = "suspend.html")]
struct SuspendPage<'s> {
    frame: Frame,
    shell: &'s Suspending<'s>,
}

#[derive(Template)]
#[template(path = "not_found.html")]
struct NotFoundPage {
    frame: Frame,
}

/// The page on which agents sign in, in a frame of these origins at most.
pub fn sign_in(frame_origins: &[String]) -> Response {
    answer(StatusCode::OK, &SignInPage { frame: Frame::new(frame_origins) }, frame_origins)
}

/// The page of a payment, or of a new one.
pub fn payment(shell: &Shell<'_>) -> Response {
    let page = PaymentPage {
        frame: Frame::new(shell.frame_origins),
        shell,
        countries: countries::COUNTRIES,
        country: countries::of_currency(shell.currency).unwrap_or_default(),
    };
    answer(StatusCode::OK, &page, shell.frame_origins)
}

/// The page on which recordings are suspended.
pub fn suspending(shell: &Suspending<'_>) -> Response {
    let frame = Frame::new(shell.frame_origins).and_script(&assets::SUSPEND);
    answer(StatusCode::OK, &SuspendPage { frame, shell }, shell.frame_origins)
}

/// The page for an address that nothing is at.
pub fn not_found() -> Response {
    answer(StatusCode::NOT_FOUND, &NotFoundPage { frame: Frame::new(&[]) }, &[])
}

fn answer(status: StatusCode, page: &impl Template, frame_origins: &[String]) -> Response {
    let response = answer_with(status, page, policy::content(frame_origins));
    if frame_origins.is_empty() {
        return response;
    }
    // A page that isolates itself frames only what allows it by these two; who may frame this one is the policy's to say.
    response
        .with(HeaderName::from_static("cross-origin-resource-policy"), "cross-origin")
        .with(HeaderName::from_static("cross-origin-embedder-policy"), "require-corp")
}

fn answer_with(status: StatusCode, page: &impl Template, policy: String) -> Response {
    let Ok(html) = page.render() else {
        return Response::text(StatusCode::INTERNAL_SERVER_ERROR, "the page cannot be written\n");
    };
    Response::html(status, html).with(header::CONTENT_SECURITY_POLICY, policy)
}

#[cfg(test)]
mod tests;
