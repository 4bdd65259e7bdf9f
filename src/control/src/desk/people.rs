//! Who is signed in, as far as it was asked lately: the disk knows it, and is not asked for every click.

use core::time::Duration;
use std::collections::HashMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Weak};

use handover::Instant;
use http::{StatusCode, header};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::records::{today, with_store};
use crate::site::Site;
use crate::store::{Agent, Role, SessionToken, StoreError};
use crate::web::{Reply, Request, Response, Work, network};

/// The name of the cookie: a browser takes it only from us, over TLS, for every path (RFC 6265bis section 4.1.3.2).
const COOKIE: &str = "__Host-keyhush";
/// How long an answer of the disk's counts: a barred agent is let in no longer.
const FRESH: Duration = Duration::from_secs(20);
/// Sign-ins that are tried at a time, and from one network: each costs a processor for a while.
const SIGNING_IN: usize = 16;
const FROM_ONE_NETWORK: usize = 6;
/// For how long a look-up may be under way.
const GONE: Duration = Duration::from_secs(60);
/// How often it is looked who has been barred: for their open pages.
const LOOK: Duration = Duration::from_secs(30);
/// Agents that are remembered.
const MOST: usize = 20_000;

/// The agents who were seen lately.
pub(crate) struct People {
    pub(crate) store: PathBuf,
    /// Held by every sign-in that is being tried, and by those from one network.
    trying: Arc<()>,
    by_network: HashMap<IpAddr, Weak<()>>,
    /// `None`: signed out, whatever a look-up that was under way may say.
    seen: HashMap<[u8; 32], (Option<Agent>, Instant)>,
    next_look: Instant,
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
        People {
            store,
            trying: Arc::default(),
            by_network: HashMap::new(),
            seen: HashMap::new(),
            next_look: Instant::ZERO,
        }
    }

    /// What a sign-in from an address holds while it is tried; `None` where too many are.
    pub(crate) fn try_from(&mut self, address: IpAddr) -> Option<[Arc<()>; 2]> {
        self.by_network.retain(|_, held| held.strong_count() > 0);
        let network = network(address);
        let held = self.by_network.get(&network).and_then(Weak::upgrade).unwrap_or_default();
        if Arc::strong_count(&self.trying) > SIGNING_IN || Arc::strong_count(&held) > FROM_ONE_NETWORK {
            return None;
        }
        self.by_network.insert(network, Arc::downgrade(&held));
        Some([Arc::clone(&self.trying), held])
    }

    fn recall(&self, now: Instant, key: &[u8; 32]) -> Option<Agent> {
        let (agent, at) = self.seen.get(key)?;
        agent.clone().filter(|_| now.since(*at) < FRESH)
    }

    fn remember(&mut self, now: Instant, key: [u8; 32], agent: Agent) {
        if self.seen.len() >= MOST {
            self.seen.retain(|_, (_, at)| now.since(*at) < FRESH);
        }
        let is_gone = |(agent, at): &(Option<Agent>, Instant)| agent.is_none() && now.since(*at) < GONE;
        if self.seen.len() < MOST && !self.seen.get(&key).is_some_and(is_gone) {
            self.seen.insert(key, (Some(agent), now));
        }
    }

    /// Whoever had this token is signed out; who that was.
    fn forget(&mut self, now: Instant, key: [u8; 32]) -> Option<i64> {
        self.seen.insert(key, (None, now)).and_then(|(agent, _)| agent).map(|agent| agent.id)
    }

    /// Work that finds out, now and then, who has been barred.
    pub(crate) fn look_for_barred(&mut self, now: Instant) -> Option<Work<Site>> {
        if now < self.next_look {
            return None;
        }
        self.next_look = now + LOOK;
        let store = self.store.clone();
        let barred = |agent: Agent| agent.disabled.map(|_| agent.id);
        let work = move || {
            let agents = with_store(&store, |store| store.agents(None));
            agents.map(|agents| agents.into_iter().filter_map(barred).collect::<Vec<i64>>())
        };
        Some(Work::new(work, |found, site: &mut Site, now| {
            if let (Ok(barred), Some(people), Some(desk)) = (found, &mut site.people, &site.desk) {
                for (agent, at) in people.seen.values_mut() {
                    if agent.as_ref().is_some_and(|agent| barred.contains(&agent.id)) {
                        (*agent, *at) = (None, now);
                    }
                }
                desk.send_away(&barred);
            }
            Response::text(StatusCode::OK, "")
        }))
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
    set_cookie(token.reveal().as_str(), "", framed)
}

/// The cookie that takes the other away.
pub(crate) fn no_cookie(framed: bool) -> String {
    set_cookie("", "; Max-Age=0", framed)
}

fn set_cookie(value: &str, age: &str, framed: bool) -> String {
    let site = if framed { "SameSite=None; Partitioned" } else { "SameSite=Lax" };
    format!("{COOKIE}={value}; Path=/; Secure; HttpOnly{age}; {site}")
}

/// What somebody of another role is answered: a page of theirs, or that it is not for them.
fn not_theirs(role: Role, request: &Request) -> Response {
    match (request.parts.uri.path().starts_with("/api/"), role) {
        (true, _) => told(StatusCode::FORBIDDEN, "Your user may not do this. Ask your supervisor."),
        (false, Role::Agent) => Response::see_other("/"),
        (false, Role::Archive) => Response::see_other("/archive"),
    }
}

/// An answer as a thread of the pool gives it.
pub(crate) type Made = Box<dyn FnOnce(&Site) -> Response + Send>;

/// Has `work` done on the pool for whoever is signed in to the archive, and answers others by `otherwise`.
pub(crate) fn signed_in_to_archive(
    request: &Request,
    site: &mut Site,
    now: Instant,
    work: impl FnOnce(&Agent, &std::path::Path) -> Made + Send + 'static,
    otherwise: fn(&Request, &Site) -> Response,
) -> Reply<Site> {
    let (Some(people), Some(token)) = (&site.people, token_of(request)) else {
        return otherwise(request, site).into();
    };
    let key = key_of(&token);
    let (known, store, request) = (people.recall(now, &key), people.store.clone(), request.clone());
    let asked = request.clone();
    // What was remembered is not made younger by being used.
    let is_fresh = known.is_none();
    let work = move || {
        let agent = match known {
            Some(agent) => Some(agent),
            None => with_store(&store, |store| store.session(&token, today()))?.map(|session| session.agent),
        };
        Ok(agent.map(|agent| {
            let made = match agent.role {
                Role::Archive => work(&agent, &store),
                role => Box::new(move |_: &Site| not_theirs(role, &asked)) as Made,
            };
            (agent, made)
        }))
    };
    Reply::Later(Work::new(work, move |done: Result<_, StoreError>, site: &mut Site, now| match done {
        Ok(Some((agent, made))) => {
            if let (Some(people), true) = (&mut site.people, is_fresh) {
                people.remember(now, key, agent);
            }
            made(site)
        }
        Ok(None) => otherwise(&request, site),
        Err(_) => told(StatusCode::SERVICE_UNAVAILABLE, "The box cannot look up who you are. Try again."),
    }))
}

/// Answers by `handler` whoever is signed in and may take payments, and others by `otherwise`.
pub(crate) fn signed_in(
    request: &Request,
    site: &mut Site,
    now: Instant,
    handler: AgentHandler,
    otherwise: fn(&Request, &Site) -> Response,
) -> Reply<Site> {
    let (Some(people), Some(token)) = (&site.people, token_of(request)) else {
        return otherwise(request, site).into();
    };
    let key = key_of(&token);
    let handled = move |request: &Request, site: &mut Site, now, agent: Agent| match agent.role {
        Role::Agent => handler(request, site, now, agent),
        role => not_theirs(role, request),
    };
    if let Some(agent) = people.recall(now, &key) {
        return handled(request, site, now, agent).into();
    }
    let (store, request) = (people.store.clone(), request.clone());
    let work = move || with_store(&store, |store| store.session(&token, today()));
    Reply::Later(Work::new(work, move |found, site: &mut Site, now| match found {
        Ok(Some(session)) => {
            if let Some(people) = &mut site.people {
                people.remember(now, key, session.agent.clone());
            }
            handled(&request, site, now, session.agent)
        }
        Ok(None) => otherwise(&request, site),
        Err(_) => told(StatusCode::SERVICE_UNAVAILABLE, "The box cannot look up who you are. Try again."),
    }))
}

/// Ends the session of a request.
pub(crate) fn sign_out(request: &Request, site: &mut Site, now: Instant) -> Reply<Site> {
    let gone = || {
        Response::text(StatusCode::NO_CONTENT, "")
            .with(header::SET_COOKIE, no_cookie(false))
            .with(header::SET_COOKIE, no_cookie(true))
    };
    let (Some(people), Some(token)) = (&mut site.people, token_of(request)) else { return gone().into() };
    let agent = people.forget(now, key_of(&token));
    if let (Some(agent), Some(desk)) = (agent, &site.desk) {
        desk.send_away(&[agent]);
    }
    let store = people.store.clone();
    let work = move || with_store(&store, |store| store.end_session(&token));
    Reply::Later(Work::new(work, move |ended, _: &mut Site, _| match ended {
        Ok(()) => gone(),
        Err(_) => told(StatusCode::SERVICE_UNAVAILABLE, "The box could not end your session. Try again."),
    }))
}
