//! Who is signed in, as far as it was asked lately: the disk knows it, and is not asked for every click.

use core::time::Duration;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use handover::Instant;
use http::{StatusCode, header};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::records::{today, with_store};
use crate::site::Site;
use crate::store::{Agent, SessionToken};
use crate::web::{Reply, Request, Response, Work};

/// The name of the cookie: a browser takes it only from us, over TLS, for every path (RFC 6265bis section 4.1.3.2).
const COOKIE: &str = "__Host-keyhush";
/// How long an answer of the disk's counts: a barred agent is let in no longer.
const FRESH: Duration = Duration::from_secs(20);
/// Agents that are remembered.
const MOST: usize = 20_000;

/// The agents who were seen lately.
pub(crate) struct People {
    pub(crate) store: PathBuf,
    /// Held by every sign-in that is being tried.
    pub(crate) trying: Arc<()>,
    seen: HashMap<[u8; 32], (Agent, Instant)>,
}

/// What an answer says that is no page.
#[derive(Serialize)]
pub(crate) struct Told<'t> {
    pub(crate) error: &'t str,
}

/// An answer that says why not.
pub(crate) fn told(status: StatusCode, error: &str) -> Response {
    Response::json(status, &Told { error })
}

/// What answers an agent's request.
pub(crate) type AgentHandler = fn(&Request, &mut Site, Instant, Agent) -> Response;

impl People {
    pub(crate) fn new(store: PathBuf) -> Self {
        People { store, trying: Arc::default(), seen: HashMap::new() }
    }

    fn recall(&self, now: Instant, key: &[u8; 32]) -> Option<Agent> {
        let (agent, at) = self.seen.get(key)?;
        (now.since(*at) < FRESH).then(|| agent.clone())
    }

    fn remember(&mut self, now: Instant, key: [u8; 32], agent: Agent) {
        if self.seen.len() >= MOST {
            self.seen.retain(|_, (_, at)| now.since(*at) < FRESH);
        }
        if self.seen.len() < MOST {
            self.seen.insert(key, (agent, now));
        }
    }

    fn forget(&mut self, key: &[u8; 32]) {
        self.seen.remove(key);
    }
}

/// The token in a request's cookie.
pub(crate) fn token_of(request: &Request) -> Option<SessionToken> {
    let fields = request.parts.headers.get_all(header::COOKIE);
    let mut pairs = fields.iter().filter_map(|field| field.to_str().ok()).flat_map(|field| field.split(';'));
    let value = pairs.find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))?;
    SessionToken::parse(value)
}

fn key_of(token: &SessionToken) -> [u8; 32] {
    Sha256::digest(token.reveal().as_bytes()).into()
}

/// The cookie that a browser is given. Within other pages' frames it is kept apart for each of them.
pub(crate) fn cookie(token: &SessionToken, framed: bool) -> String {
    let site = if framed { "SameSite=None; Partitioned" } else { "SameSite=Lax" };
    format!("{COOKIE}={}; Path=/; Secure; HttpOnly; {site}", token.reveal().as_str())
}

/// The cookie that takes the other away.
pub(crate) fn no_cookie(framed: bool) -> String {
    let site = if framed { "SameSite=None; Partitioned" } else { "SameSite=Lax" };
    format!("{COOKIE}=; Path=/; Secure; HttpOnly; Max-Age=0; {site}")
}

/// Answers by `handler` whoever is signed in, and others by `otherwise`.
pub(crate) fn signed_in(
    request: &Request,
    site: &mut Site,
    now: Instant,
    handler: AgentHandler,
    otherwise: fn() -> Response,
) -> Reply<Site> {
    let (Some(people), Some(token)) = (&site.people, token_of(request)) else { return otherwise().into() };
    let key = key_of(&token);
    if let Some(agent) = people.recall(now, &key) {
        return handler(request, site, now, agent).into();
    }
    let (store, request) = (people.store.clone(), request.clone());
    let work = move || with_store(&store, |store| store.session(&token, today()));
    Reply::Later(Work::new(work, move |found, site: &mut Site, now| match found {
        Ok(Some(session)) => {
            if let Some(people) = &mut site.people {
                people.remember(now, key, session.agent.clone());
            }
            handler(&request, site, now, session.agent)
        }
        Ok(None) => otherwise(),
        Err(_) => told(StatusCode::SERVICE_UNAVAILABLE, "The box cannot look up who you are. Try again."),
    }))
}

/// Ends the session of a request.
pub(crate) fn sign_out(request: &Request, site: &mut Site, _: Instant) -> Reply<Site> {
    let gone = || {
        Response::text(StatusCode::NO_CONTENT, "")
            .with(header::SET_COOKIE, no_cookie(false))
            .with(header::SET_COOKIE, no_cookie(true))
    };
    let (Some(people), Some(token)) = (&mut site.people, token_of(request)) else { return gone().into() };
    people.forget(&key_of(&token));
    let store = people.store.clone();
    let work = move || with_store(&store, |store| store.end_session(&token));
    Reply::Later(Work::new(work, move |ended, _: &mut Site, _| match ended {
        Ok(()) => gone(),
        Err(_) => told(StatusCode::SERVICE_UNAVAILABLE, "The box could not end your session. Try again."),
    }))
}
