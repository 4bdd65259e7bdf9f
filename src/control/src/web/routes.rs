//! Which handler answers which path, by method.

use core::fmt;

use handover::Instant;
use http::{Method, StatusCode, header};

use super::message::{Request, Response};

/// What answers a request: a plain function of the request, the state and the time.
pub type Handler<S> = fn(&Request, &mut S, Instant) -> Reply<S>;

/// What a handler gives back.
pub enum Reply<S> {
    /// The answer.
    Now(Response),
    /// Work that blocks, and the answer after it.
    Later(Work<S>),
}

impl<S> From<Response> for Reply<S> {
    fn from(response: Response) -> Self {
        Reply::Now(response)
    }
}

/// What is done in the loop when work has been done.
pub(crate) type Then<S> = Box<dyn FnOnce(&mut S, Instant) -> Response + Send>;

/// Work for the pool: it may wait for the disk and the network, and sees nothing of the state.
pub struct Work<S>(pub(crate) Box<dyn FnOnce() -> Then<S> + Send>);

impl<S: 'static> Work<S> {
    /// `work` is done on a thread of the pool; then, in the loop, `then` makes an answer of what came of it. `then` is called
    /// even if the client has gone meanwhile, and not called if `work` panics.
    pub fn new<T: Send + 'static>(
        work: impl FnOnce() -> T + Send + 'static,
        then: impl FnOnce(T, &mut S, Instant) -> Response + Send + 'static,
    ) -> Self {
        Work(Box::new(move || {
            let done = work();
            Box::new(move |state, now| then(done, state, now))
        }))
    }
}

/// A path, such as `/payments/{id}`, its method and its handler.
pub struct Route<S>(pub Method, pub &'static str, pub Handler<S>);

/// Two routes want the same, or a path is none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RouteError(String);

impl fmt::Display for RouteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for RouteError {}

/// All routes of one listener.
pub struct Routes<S> {
    paths: matchit::Router<usize>,
    handlers: Vec<Vec<(Method, Handler<S>)>>,
}

impl<S> Routes<S> {
    /// A table of routes.
    ///
    /// # Errors
    /// The path that is none, or is another's.
    pub fn new(list: impl IntoIterator<Item = Route<S>>) -> Result<Self, RouteError> {
        let mut routes = Routes { paths: matchit::Router::new(), handlers: Vec::new() };
        let mut known: Vec<&'static str> = Vec::new();
        for Route(method, path, handler) in list {
            let at = match known.iter().position(|own| *own == path) {
                Some(at) => at,
                None => {
                    let wrong = |error| RouteError(format!("{path}: {error}"));
                    routes.paths.insert(path, known.len()).map_err(wrong)?;
                    known.push(path);
                    routes.handlers.push(Vec::new());
                    known.len() - 1
                }
            };
            if let Some(handlers) = routes.handlers.get_mut(at) {
                if handlers.iter().any(|(own, _)| *own == method) {
                    return Err(RouteError(format!("{path}: {method} is there twice")));
                }
                handlers.push((method, handler));
            }
        }
        Ok(routes)
    }

    /// The handler for a request, and what its path left open; or the answer that there is none. HEAD is answered as GET.
    pub(crate) fn find(&self, method: &Method, path: &str) -> Result<Found<S>, Box<Response>> {
        let missing = || Box::new(Response::text(StatusCode::NOT_FOUND, "there is nothing here\n"));
        let found = self.paths.at(path).map_err(|_| missing())?;
        let handlers = self.handlers.get(*found.value).ok_or_else(missing)?;
        let wanted = if method == Method::HEAD { &Method::GET } else { method };
        let Some((_, handler)) = handlers.iter().find(|(own, _)| own == wanted) else {
            let allowed: Vec<&str> = handlers.iter().map(|(own, _)| own.as_str()).collect();
            let refusal = Response::text(StatusCode::METHOD_NOT_ALLOWED, "not by this method\n");
            return Err(Box::new(refusal.with(header::ALLOW, allowed.join(", "))));
        };
        let params = found.params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Ok(Found { handler: *handler, params })
    }
}

/// A handler, and what the path left open.
pub(crate) struct Found<S> {
    pub(crate) handler: Handler<S>,
    pub(crate) params: Vec<(String, String)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(_: &Request, (): &mut (), _: Instant) -> Reply<()> {
        Response::text(StatusCode::OK, "").into()
    }

    fn refusal(routes: &Routes<()>, method: Method, path: &str) -> Option<(StatusCode, Option<String>)> {
        let response = routes.find(&method, path).err()?;
        let allow = response.headers.get(header::ALLOW).and_then(|allow| allow.to_str().ok());
        Some((response.status, allow.map(str::to_owned)))
    }

    #[test]
    fn paths_and_methods_lead_to_handlers() {
        let list = [
            Route(Method::GET, "/", answer as Handler<()>),
            Route(Method::GET, "/payments/{id}", answer),
            Route(Method::POST, "/payments/{id}", answer),
            Route(Method::GET, "/payments/{id}/events", answer),
        ];
        let routes = Routes::new(list).expect("they go together");
        let found = routes.find(&Method::POST, "/payments/a%20b").ok().expect("it is there");
        assert_eq!(found.params, [("id".to_owned(), "a%20b".to_owned())]);
        assert!(routes.find(&Method::HEAD, "/").is_ok());
        assert_eq!(refusal(&routes, Method::GET, "/nothing"), Some((StatusCode::NOT_FOUND, None)));
        let allow = Some("GET, POST".to_owned());
        let expected = Some((StatusCode::METHOD_NOT_ALLOWED, allow));
        assert_eq!(refusal(&routes, Method::PUT, "/payments/7"), expected);
        for odd in ["", "*", "//", "/payments/", "/payments//events", "/payments/../x/y", "\u{0}"] {
            assert!(refusal(&routes, Method::GET, odd).is_some(), "{odd}");
        }
    }

    #[test]
    fn routes_that_contradict_each_other_are_refused() {
        let twice = [Route(Method::GET, "/", answer as Handler<()>), Route(Method::GET, "/", answer)];
        assert!(Routes::new(twice).is_err());
        let names = [Route(Method::GET, "/{a}", answer as Handler<()>), Route(Method::GET, "/{b}", answer)];
        assert!(Routes::new(names).is_err());
    }
}
