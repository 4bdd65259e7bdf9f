//! What is served where, and what handlers work on.

use std::sync::Arc;

use handover::{Counter, Instant, Transport};
use http::{Method, StatusCode};

use crate::archive::shelf::Shelf;
use crate::archive::{api as archive_api, pages as archive_pages};
use crate::desk::directory::Directory;
use crate::desk::people::{People, sign_out};
use crate::desk::{Desk, api, pages, suspend_api};
use crate::overview::{Metrics, Overview, Told};
use crate::web::{
    Handler, Identity, Order, Reply, Request, Response, Route, RouteError, Routes, State, Work,
};

/// Reads the tenants anew.
pub(crate) type Reread = Arc<dyn Fn() -> Result<Directory, String> + Send + Sync>;

/// What handlers work on.
pub(crate) struct Site {
    overview: Arc<Overview>,
    metrics: Metrics,
    identity: Option<Identity>,
    reread: Option<Reread>,
    pub(crate) desk: Option<Desk>,
    pub(crate) people: Option<People>,
    pub(crate) shelf: Option<Arc<Shelf>>,
    pub(crate) signed_in: u64,
    pub(crate) sign_ins_refused: u64,
    /// Callers' keys: reports by transport, and presses over all.
    pub(crate) presses: (Vec<(Transport, u64)>, u64),
    orders: Vec<Order<Site>>,
    reloaded: Vec<(u64, Result<(), String>)>,
}

impl Site {
    pub(crate) fn new(overview: Arc<Overview>, metrics: Metrics, identity: Option<Identity>) -> Self {
        Site {
            overview,
            metrics,
            identity,
            reread: None,
            desk: None,
            people: None,
            shelf: None,
            signed_in: 0,
            sign_ins_refused: 0,
            presses: (Vec::new(), 0),
            orders: Vec::new(),
            reloaded: Vec::new(),
        }
    }

    /// The same with payments.
    pub(crate) fn with_desk(mut self, desk: Desk, people: People, reread: Reread) -> Self {
        (self.desk, self.people, self.reread) = (Some(desk), Some(people), Some(reread));
        self
    }

    /// Reads again what can be read again, all or nothing; `token` comes back with what came of it.
    pub(crate) fn reload(&mut self, token: u64) {
        let (identity, reread) = (self.identity.clone(), self.reread.clone());
        let work = Work::new(
            move || {
                // The tenants are judged before the certificate is taken: of two mistakes the first is told.
                let directory = reread.map(|reread| reread()).transpose()?;
                let renewed = identity.map(|identity| identity.reload()).transpose();
                renewed.map_err(|error| format!("{error}. The one from before stays in use."))?;
                Ok(directory)
            },
            move |result: Result<Option<Directory>, String>, site: &mut Site, now| {
                let result = result.map(|directory| {
                    if let (Some(desk), Some(directory)) = (&mut site.desk, directory) {
                        desk.serve(now, Arc::new(directory));
                    }
                });
                site.reloaded.push((token, result));
                Response::text(StatusCode::OK, "")
            },
        );
        self.orders.push(Order::Work(work));
    }

    /// What came of reloading.
    pub(crate) fn take_reloaded(&mut self) -> Vec<(u64, Result<(), String>)> {
        std::mem::take(&mut self.reloaded)
    }
}

impl State for Site {
    fn turn(&mut self, now: Instant) -> Vec<Order<Self>> {
        let mut orders = std::mem::take(&mut self.orders);
        if let Some(desk) = &mut self.desk {
            orders.extend(desk.turn(now, self.overview.sum(Counter::LcorePanics)));
        }
        orders.extend(self.people.as_mut().and_then(|people| people.look_for_barred(now)).map(Order::Work));
        orders
    }
}

/// The agents' pages.
pub(crate) fn agents() -> Result<Routes<Site>, RouteError> {
    Routes::new([
        Route(Method::GET, "/", pages::home as Handler<Site>),
        Route(Method::GET, "/sign-in", pages::sign_in),
        Route(Method::GET, "/at/{tenant}", pages::framed),
        Route(Method::GET, "/payments/{id}", pages::payment),
        Route(Method::GET, "/assets/keyhush.js", pages::script),
        Route(Method::GET, "/assets/keyhush.css", pages::style),
        Route(Method::GET, "/assets/keyhush.svg", pages::icon),
        Route(Method::POST, "/api/sign-in", api::sign_in),
        Route(Method::POST, "/api/sign-out", sign_out),
        Route(Method::GET, "/archive", archive_pages::search),
        Route(Method::GET, "/archive/{name}", archive_pages::recording),
        Route(Method::GET, "/verify", archive_pages::verify),
        Route(Method::GET, "/verify/page.html", archive_pages::verify_alone),
        Route(Method::GET, "/assets/archive.js", archive_pages::archive_script),
        Route(Method::GET, "/assets/verify.js", archive_pages::verify_script),
        Route(Method::GET, "/api/recordings", archive_api::search),
        Route(Method::GET, "/api/recordings/{name}", archive_api::recording),
        Route(Method::GET, "/api/recordings/{name}/audio", archive_api::audio),
        Route(Method::GET, "/api/recordings/{name}/proof", archive_api::proof),
        Route(Method::GET, "/api/recordings/{name}/waveform", archive_api::waveform),
        Route(Method::GET, "/api/recordings/{name}/verification", archive_api::verification),
        Route(Method::POST, "/api/payments", api::begin),
        Route(Method::GET, "/api/payments/{id}", api::state),
        Route(Method::GET, "/api/payments/{id}/events", api::events),
        Route(Method::POST, "/api/payments/{id}/clicks", api::click),
        Route(Method::GET, "/recordings/suspend", suspend_api::page),
        Route(Method::GET, "/assets/suspend.js", suspend_api::script),
        Route(Method::GET, "/api/suspension", suspend_api::state),
        Route(Method::GET, "/api/suspension/events", suspend_api::events),
        Route(Method::POST, "/api/suspension", suspend_api::click),
        Route(Method::POST, "/api/recordings/suspend", suspend_api::suspend),
        Route(Method::POST, "/api/recordings/resume", suspend_api::resume),
    ])
}

/// The management address.
pub(crate) fn management() -> Result<Routes<Site>, RouteError> {
    Routes::new([
        Route(Method::GET, "/metrics", metrics as Handler<Site>),
        Route(Method::GET, "/healthz", healthy),
        Route(Method::GET, "/readyz", ready),
    ])
}

fn metrics(_: &Request, site: &mut Site, _: Instant) -> Reply<Site> {
    site.overview.tell(Told {
        desk: site.desk.as_ref().map(Desk::all_figures).unwrap_or_default(),
        presses: site.presses.0.iter().map(|(transport, many)| (transport.name(), *many)).collect(),
        merged: site.presses.1,
        signed_in: site.signed_in,
        sign_ins_refused: site.sign_ins_refused,
    });
    match site.metrics.text() {
        Ok(text) => Response::new(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", text),
        Err(_) => Response::text(StatusCode::INTERNAL_SERVER_ERROR, "the metrics cannot be written\n"),
    }
    .into()
}

/// That this is answered is the answer.
fn healthy(_: &Request, _: &mut Site, _: Instant) -> Reply<Site> {
    Response::text(StatusCode::OK, "healthy\n").into()
}

fn ready(_: &Request, site: &mut Site, _: Instant) -> Reply<Site> {
    match site.overview.faults() {
        faults if faults.is_empty() => Response::text(StatusCode::OK, "ready\n"),
        faults => Response::text(StatusCode::SERVICE_UNAVAILABLE, faults.join("\n") + "\n"),
    }
    .into()
}
