//! Who may ask for a change: pages of ours, and programs. A page of another origin is told by what its browser says of it.

use http::header::{self, HeaderMap, HeaderName};
use http::{Method, Version};

/// Whether a request may be looked at: a browser says of every request that may change something where it comes from.
/// `scheme` is what our pages are served by. A request of a program says nothing, and no browser's cookies are with it.
pub(crate) fn may_ask(method: &Method, headers: &HeaderMap, scheme: &str) -> bool {
    if method.is_safe() {
        return true;
    }
    let site = headers.get(HeaderName::from_static("sec-fetch-site"));
    // "none" is a person's own doing, such as a reload.
    if site.is_some_and(|site| site != "same-origin" && site != "none") {
        return false;
    }
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let Some(origin) = origins.next() else { return true };
    let Some(host) = headers.get(header::HOST).and_then(|host| host.to_str().ok()) else { return false };
    let own = format!("{scheme}://{host}");
    origins.next().is_none() && origin.as_bytes().eq_ignore_ascii_case(own.as_bytes())
}

/// Whether exactly one host is named, as RFC 9112 section 3.2 asks for.
pub(crate) fn names_its_host(version: Version, headers: &HeaderMap) -> bool {
    match headers.get_all(header::HOST).iter().count() {
        0 => version < Version::HTTP_11,
        1 => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(list: &[(&'static str, &'static str)]) -> HeaderMap {
        let field = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        HeaderMap::from_iter(list.iter().map(field))
    }

    #[test]
    fn changes_are_asked_for_by_pages_of_ours_and_by_programs() {
        let host = ("host", "box.example:8443");
        for (list, expected) in [
            (vec![], true),
            (vec![("origin", "https://box.example:8443")], true),
            (vec![("origin", "https://Box.Example:8443"), ("sec-fetch-site", "same-origin")], true),
            (vec![("sec-fetch-site", "none")], true),
            (vec![("sec-fetch-site", "cross-site")], false),
            (vec![("sec-fetch-site", "same-site")], false),
            (vec![("sec-fetch-site", "cross-site"), ("origin", "https://box.example:8443")], false),
            (vec![("sec-fetch-site", "same-origin"), ("origin", "https://evil.example")], false),
            (vec![("origin", "https://box.example")], false),
            (vec![("origin", "http://box.example:8443")], false),
            (vec![("origin", "null")], false),
            (vec![("origin", "https://box.example:8443.evil.example")], false),
            (vec![("origin", "")], false),
        ] {
            let list = headers(&[vec![host], list].concat());
            assert_eq!(may_ask(&Method::POST, &list, "https"), expected, "{list:?}");
            assert!(may_ask(&Method::GET, &list, "https"));
        }
        let hostless = headers(&[("origin", "https://box.example:8443")]);
        assert!(!may_ask(&Method::DELETE, &hostless, "https"));
    }

    #[test]
    fn one_host_is_named() {
        assert!(names_its_host(Version::HTTP_11, &headers(&[("host", "a")])));
        assert!(!names_its_host(Version::HTTP_11, &headers(&[])));
        assert!(names_its_host(Version::HTTP_10, &headers(&[])));
        let mut two = headers(&[("host", "a")]);
        two.append(header::HOST, HeaderValue::from_static("b"));
        assert!(!names_its_host(Version::HTTP_11, &two));
    }
}
