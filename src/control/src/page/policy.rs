//! What a page's browser may do with it: load our script and style, talk to us, and be framed by whom a tenant lists.

/// The content security policy of a page that `origins` may frame. What is no origin is left out.
pub fn content(origins: &[String]) -> String {
    let mut policy = String::from(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
         form-action 'self'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'; \
         frame-ancestors",
    );
    let mut listed = origins.iter().filter(|origin| is_origin(origin)).peekable();
    if listed.peek().is_none() {
        policy.push_str(" 'none'");
    }
    for origin in listed {
        policy.push(' ');
        policy.push_str(origin);
    }
    policy
}

/// The policy of the archive's pages, which nobody frames and which play audio.
pub(crate) fn archive() -> String {
    format!("{}; media-src 'self'", content(&[]))
}

/// The policy of the auditors' page: what is dropped on it goes nowhere, since it may ask nobody for anything.
pub(crate) fn verify() -> String {
    content(&[])
        .replace("connect-src 'self'", "connect-src 'none'")
        .replace("form-action 'self'", "form-action 'none'")
}

/// Whether this is an origin as a browser writes it (RFC 6454 section 6.1): `https://crm.example` or
/// `http://localhost:3000`. Nothing else may come into a policy, where a semicolon begins another rule.
pub fn is_origin(text: &str) -> bool {
    let Some(host) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) else {
        return false;
    };
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) => (name, Some(port)),
        None => (host, None),
    };
    let is_port =
        |port: &str| port.parse::<u16>().is_ok_and(|number| number > 0 && number.to_string() == port);
    let is_name = |name: &str| {
        let labels = |label: &str| {
            !label.is_empty()
                && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        name.len() <= 253 && name.split('.').all(labels)
    };
    is_name(name) && port.is_none_or(is_port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_origins_come_into_a_policy() {
        for origin in ["https://crm.example", "http://localhost:3000", "https://a-b.c1.example:8443"] {
            assert!(is_origin(origin), "{origin}");
        }
        for other in [
            "",
            "*",
            "https://",
            "https://*",
            "https://*.example",
            "https://crm.example/",
            "https://crm.example; script-src *",
            "https://crm.example https://evil.example",
            "https://CRM.example",
            "https://crm.example:0",
            "https://crm.example:080",
            "https://crm.example:99999",
            "https://user@crm.example",
            "https://crm..example",
            "javascript://crm.example",
            "'self'",
            "https://crm.example\r\nset-cookie: a",
        ] {
            assert!(!is_origin(other), "{other}");
        }
    }

    #[test]
    fn a_page_is_framed_by_whom_the_tenant_lists_and_by_nobody_else() {
        let nobody = content(&[]);
        assert!(nobody.starts_with("default-src 'none'; script-src 'self';"));
        assert!(nobody.ends_with("frame-ancestors 'none'"), "{nobody}");
        assert!(!nobody.contains("unsafe") && !nobody.contains("data:"));
        let listed = content(&[
            "https://crm.example".into(),
            "x; script-src *".into(),
            "https://b.example:8443".into(),
        ]);
        assert!(listed.ends_with("frame-ancestors https://crm.example https://b.example:8443"), "{listed}");
        assert!(content(&["*".into()]).ends_with("frame-ancestors 'none'"));
    }
}
