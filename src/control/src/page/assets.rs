//! The scripts (each page has one), the one style sheet and the icon: part of the program, known to browsers by their content.

use std::sync::LazyLock;

use http::{StatusCode, header};
use sha2::{Digest, Sha256, Sha384};

use crate::web::{Request, Response};

/// A file that pages load.
pub(super) struct Asset {
    path: &'static str,
    content_type: &'static str,
    pub(super) text: &'static str,
    /// What the URL and the ETag carry: another for every other content.
    version: String,
    /// For the attribute `integrity` (Subresource Integrity section 3.1).
    pub(super) integrity: String,
}

impl Asset {
    fn new(path: &'static str, content_type: &'static str, text: &'static str) -> Self {
        let version: String = Sha256::digest(text).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let integrity = format!("sha384-{}", base64(&Sha384::digest(text)));
        Asset { path, content_type, text, version, integrity }
    }

    /// Where a page loads it from.
    pub(super) fn url(&self) -> String {
        format!("{}?v={}", self.path, self.version)
    }

    /// It is kept for a year where its URL names its content, and asked about every time where not.
    fn answer(&self, request: &Request) -> Response {
        let tag = format!("\"{}\"", self.version);
        let is_named = request.parts.uri.query().and_then(|query| query.strip_prefix("v="));
        let cache = match is_named {
            Some(version) if version == self.version => "public, max-age=31536000, immutable",
            _ => "no-cache",
        };
        let is_known = request
            .header(header::IF_NONE_MATCH)
            .is_some_and(|tags| tags.split(',').any(|known| known.trim().trim_start_matches("W/") == tag));
        let response = if is_known {
            Response::new(StatusCode::NOT_MODIFIED, self.content_type, "")
        } else {
            Response::new(StatusCode::OK, self.content_type, self.text)
        };
        response.with(header::ETAG, tag).with(header::CACHE_CONTROL, cache)
    }
}

pub(super) static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new(
        "/assets/keyhush.js",
        "text/javascript; charset=utf-8",
        include_str!("../../assets/keyhush.js"),
    )
});
pub(super) static SUSPEND: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new(
        "/assets/suspend.js",
        "text/javascript; charset=utf-8",
        include_str!("../../assets/suspend.js"),
    )
});
pub(super) static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("/assets/keyhush.css", "text/css; charset=utf-8", include_str!("../../assets/keyhush.css"))
});
pub(super) static ICON: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("/assets/keyhush.svg", "image/svg+xml", include_str!("../../assets/keyhush.svg"))
});

pub(super) static ARCHIVE: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new(
        "/assets/archive.js",
        "text/javascript; charset=utf-8",
        include_str!("../../assets/archive.js"),
    )
});
pub(super) static VERIFY: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("/assets/verify.js", "text/javascript; charset=utf-8", include_str!("../../assets/verify.js"))
});

/// `GET /assets/archive.js`
pub(crate) fn asset_archive_js(request: &Request) -> Response {
    ARCHIVE.answer(request)
}

/// `GET /assets/verify.js`
pub(crate) fn asset_verify_js(request: &Request) -> Response {
    VERIFY.answer(request)
}

/// `GET /assets/keyhush.js`
pub fn asset_js(request: &Request) -> Response {
    SCRIPT.answer(request)
}

/// `GET /assets/suspend.js`
pub fn asset_suspend_js(request: &Request) -> Response {
    SUSPEND.answer(request)
}

/// `GET /assets/keyhush.css`
pub fn asset_css(request: &Request) -> Response {
    STYLE.answer(request)
}

/// `GET /assets/keyhush.svg`
pub fn asset_icon(request: &Request) -> Response {
    ICON.answer(request)
}

/// RFC 4648 section 4, of whole groups of three bytes: as many as a SHA-384 has.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let letter = |bits: u32| char::from(LETTERS[(bits & 63) as usize]);
    let group = |bytes: &[u8]| {
        let bits = bytes.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
        [18, 12, 6, 0].map(|shift| letter(bits >> shift))
    };
    bytes.chunks_exact(3).flat_map(group).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_rfc_4648() {
        assert_eq!(base64(b"foobar"), "Zm9vYmFy");
        assert_eq!(base64(&[0xff, 0xfe, 0xfd]), "//79");
        assert_eq!(SCRIPT.integrity.len(), "sha384-".len() + 64);
    }
}
