//! A tenant's `[psp]`.

use std::net::Ipv6Addr;
use std::path::Path;

use super::credentials::{Credentials, CredentialsError};
use super::model::{Endpoint, Provider, Psp, beside};
use super::read::only;
use crate::document::{Document, Section};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Sandbox,
    Stripe,
    Adyen,
}

const KINDS: [(&str, Kind); 3] =
    [("sandbox", Kind::Sandbox), ("stripe", Kind::Stripe), ("adyen", Kind::Adyen)];

/// Stripe's one address; the others' depend on the account or on where the sandbox runs.
const STRIPE: &str = "https://api.stripe.com";

/// Reads the table; `None` where something is wrong with it. A table that is missing is told only where the file `is_toml`.
pub(super) fn read(
    document: &mut Document<'_>,
    root: &Section<'_, '_>,
    file: &Path,
    is_toml: bool,
) -> Option<Psp> {
    if !root.has("psp") {
        if is_toml {
            let remedy = "add [psp] on a line of its own, and kind = \"sandbox\" below";
            document.problem(0..0, "psp", "missing", "the table [psp]: who is asked for the money", remedy);
        }
        return None;
    }
    let section = root.table(document, "psp")?;
    only(document, &section, "[psp]");
    if !section.has("kind") {
        let expected = "one of \"sandbox\", \"stripe\", \"adyen\"";
        document.problem(section.span(), "psp.kind", "missing", expected, "add kind = \"sandbox\"");
    }
    let kind = section.choice(document, "kind", &KINDS);
    let account = read_account(document, &section);
    let credentials = read_credentials(document, &section, file);
    let endpoint = read_endpoint(document, &section, kind);
    let authorities = section.text(document, "authorities").map(|(named, span)| {
        let path = beside(file, named);
        if !path.is_file() {
            let found = format!("\"{}\", which is not there", named.escape_debug());
            let remedy = "name the PEM file of the authorities, or remove it";
            document.problem(
                span,
                "psp.authorities",
                found,
                "a file beside this one, or a whole path",
                remedy,
            );
        }
        path
    });
    let kind = kind?;
    let mut missing = |key: &str, expected: &str, remedy: &str| {
        if !section.has(key) {
            document.problem(section.span(), format!("psp.{key}"), "missing", expected, remedy);
        }
    };
    if kind != Kind::Sandbox {
        missing(
            "credentials",
            "the file with the PSP's key",
            "add credentials = \"example.key\", a file of mode 0600",
        );
    }
    if kind == Kind::Adyen {
        missing("account", "the merchant account", "add account = \"ExampleLtdMOTO\"");
    }
    if kind != Kind::Stripe {
        let example = match kind {
            Kind::Adyen => "add endpoint = \"https://checkout-test.adyen.com/v72\"",
            _ => "add endpoint = \"https://127.0.0.1:9443\"",
        };
        missing("endpoint", "where the PSP answers", example);
    }
    let provider = match kind {
        Kind::Sandbox => Provider::Sandbox { account, credentials },
        Kind::Stripe => Provider::Stripe { account, credentials: credentials? },
        Kind::Adyen => Provider::Adyen { merchant: account?, credentials: credentials? },
    };
    Some(Psp { provider, endpoint: endpoint?, authorities })
}

fn read_account(document: &mut Document<'_>, section: &Section<'_, '_>) -> Option<String> {
    let (account, span) = section.text(document, "account")?;
    // It is sent in headers and bodies.
    let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.');
    if account.is_empty() || account.len() > 80 || !account.chars().all(plain) {
        let found = format!("\"{}\"", account.escape_debug());
        let expected = "1 to 80 letters, digits, dots, hyphens and underscores";
        document.problem(span, "psp.account", found, expected, "copy it from the PSP's own pages");
    }
    Some(account.to_owned())
}

fn read_credentials(
    document: &mut Document<'_>,
    section: &Section<'_, '_>,
    file: &Path,
) -> Option<Credentials> {
    let (named, span) = section.text(document, "credentials")?;
    let (path, error) = match Credentials::of(beside(file, named)) {
        Ok(credentials) => return Some(credentials),
        Err(wrong) => wrong,
    };
    let path = path.display();
    let remedy = match &error {
        CredentialsError::Exposed(_) => format!("chmod 600 {path}"),
        CredentialsError::Unreadable(error) if error.kind() == std::io::ErrorKind::NotFound => {
            format!("write the key into {path}, a file of mode 0600; it never stands in this file")
        }
        CredentialsError::Unreadable(_) => "let the user who runs Keyhush own it".to_owned(),
        CredentialsError::NotAFile => "name a file".to_owned(),
        CredentialsError::NotAKey => "write into it the PSP's key and nothing else".to_owned(),
    };
    // What was written may be the key itself, by mistake: it is not said again.
    document.problem(
        span,
        "psp.credentials",
        format!("a file that {error}"),
        "a file that only its owner may read",
        remedy,
    );
    None
}

fn read_endpoint(
    document: &mut Document<'_>,
    section: &Section<'_, '_>,
    kind: Option<Kind>,
) -> Option<Endpoint> {
    let Some((text, span)) = section.text(document, "endpoint") else {
        return if kind == Some(Kind::Stripe) && !section.has("endpoint") {
            endpoint(STRIPE).ok()
        } else {
            None
        };
    };
    match endpoint(text) {
        Ok(endpoint) => Some(endpoint),
        Err(unclear) => {
            let found = format!("\"{}\"", text.escape_debug());
            let expected = "an address https://HOST, perhaps with :PORT and /PATH";
            document.problem(span, "psp.endpoint", found, expected, unclear.remedy(STRIPE));
            None
        }
    }
}

/// Why a text is no HTTPS address.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Unclear {
    Scheme,
    Host,
    Port,
    Path,
}

impl Unclear {
    pub(crate) fn remedy(self, example: &str) -> String {
        match self {
            Unclear::Scheme => {
                format!("begin it with https://, as in \"{example}\": nothing is sent in the clear")
            }
            Unclear::Host => format!("write the host's name or address after the //, as in \"{example}\""),
            Unclear::Port => format!("write a port from 1 to 65535, or none, as in \"{example}\""),
            Unclear::Path => "write a plain path after the host, without ? and #, or none".to_owned(),
        }
    }
}

/// Reads `https://HOST[:PORT][/PATH]` (RFC 3986 section 3), of letters that need no escape.
pub(super) fn endpoint(text: &str) -> Result<Endpoint, Unclear> {
    let scheme = text.get(..8).ok_or(Unclear::Scheme)?;
    if !scheme.eq_ignore_ascii_case("https://") {
        return Err(Unclear::Scheme);
    }
    after_scheme(&text[8..], 443)
}

/// Reads `http://HOST[:PORT][/PATH]` or the same of HTTPS; whether it is HTTPS.
pub(crate) fn http_endpoint(text: &str) -> Result<(bool, Endpoint), Unclear> {
    match text.get(..7) {
        Some(scheme) if scheme.eq_ignore_ascii_case("http://") => Ok((false, after_scheme(&text[7..], 80)?)),
        _ => Ok((true, endpoint(text)?)),
    }
}

fn after_scheme(rest: &str, usual_port: u16) -> Result<Endpoint, Unclear> {
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (host, port) = match authority.strip_prefix('[') {
        Some(inside) => {
            let (host, after) = inside.split_once(']').ok_or(Unclear::Host)?;
            host.parse::<Ipv6Addr>().map_err(|_| Unclear::Host)?;
            (host, if after.is_empty() { None } else { Some(after.strip_prefix(':').ok_or(Unclear::Port)?) })
        }
        None => {
            let (host, port) =
                authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
            let letters = |label: &str| label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
            let is_label = |label: &str| !label.is_empty() && label.len() <= 63 && letters(label);
            if host.len() > 253 || !host.split('.').all(is_label) {
                return Err(Unclear::Host);
            }
            (host, port)
        }
    };
    let port = match port {
        None => usual_port,
        Some(port) if port.bytes().all(|digit| digit.is_ascii_digit()) => {
            port.parse().ok().filter(|port| *port != 0).ok_or(Unclear::Port)?
        }
        Some(_) => return Err(Unclear::Port),
    };
    let plain =
        |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '/' | '-' | '_' | '.' | '~');
    if path.len() > 200 || !path.chars().all(plain) || path.contains("//") || path.contains("/.") {
        return Err(Unclear::Path);
    }
    Ok(Endpoint { host: host.to_ascii_lowercase(), port, path: path.trim_end_matches('/').to_owned() })
}
