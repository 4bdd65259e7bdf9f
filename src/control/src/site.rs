//! What is served where, and what handlers work on.

use std::sync::Arc;

use handover::Instant;
use http::{Method, StatusCode};

use crate::overview::{Metrics, Overview};
use crate::web::{
    Handler, Identity, Order, Reply, Request, Response, Route, RouteError, Routes, State, Work,
};

/// What handlers work on.
pub(crate) struct Site {
    overview: Arc<Overview>,
    metrics: Metrics,
    identity: Option<Identity>,
    orders: Vec<Order<Site>>,
    reloaded: Vec<(u64, Result<(), String>)>,
}

impl Site {
    pub(crate) fn new(overview: Arc<Overview>, metrics: Metrics, identity: Option<Identity>) -> Self {
        Site { overview, metrics, identity, orders: Vec::new(), reloaded: Vec::new() }
    }

    /// Reads again what can be read again; `token` comes back with what came of it.
    pub(crate) fn reload(&mut self, token: u64) {
        let Some(identity) = self.identity.clone() else {
            return self.reloaded.push((token, Ok(())));
        };
        let work = Work::new(
            move || identity.reload().map_err(|error| format!("{error}. The one from before stays in use.")),
            move |result, site: &mut Site, _| {
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
    fn turn(&mut self, _: Instant) -> Vec<Order<Self>> {
        std::mem::take(&mut self.orders)
    }
}

/// The agents' pages.
pub(crate) fn agents() -> Result<Routes<Site>, RouteError> {
    Routes::new([])
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
