//! A request as it came, bounded, in one buffer that is wiped.

use std::io::Read;

use zeroize::Zeroizing;

/// Bytes of a head.
pub const HEAD_MAX: usize = 16 * 1024;
/// Bytes of a body.
pub const BODY_MAX: usize = 16 * 1024;

/// A request of HTTP/1.1, head and body.
pub struct Request {
    bytes: Zeroizing<Vec<u8>>,
    head: usize,
}

/// Why there is no request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unread {
    /// The client went, or took too long.
    Gone,
    /// Its head or its body is too large.
    TooLarge,
    /// It is not HTTP as it is spoken here: no chunks, no upgrades.
    NotHttp,
}

impl Request {
    /// Reads one.
    ///
    /// # Errors
    /// Why there is none.
    pub fn read(from: &mut impl Read) -> Result<Self, Unread> {
        // All at once: a buffer that grows leaves its beginning behind.
        let mut bytes = Zeroizing::new(vec![0; HEAD_MAX + BODY_MAX]);
        let mut filled = 0;
        let mut more = |bytes: &mut Vec<u8>, filled: &mut usize| match from.read(&mut bytes[*filled..]) {
            Ok(0) | Err(_) => Err(Unread::Gone),
            Ok(count) => {
                *filled += count;
                Ok(())
            }
        };
        let head = loop {
            if let Some(at) = bytes[..filled].windows(4).position(|end| end == b"\r\n\r\n")
                && at + 4 <= HEAD_MAX
            {
                break at + 4;
            }
            if filled >= HEAD_MAX {
                return Err(Unread::TooLarge);
            }
            more(&mut bytes, &mut filled)?;
        };
        let mut request = Request { bytes, head };
        if request.text().is_none_or(|text| text.split(' ').count() < 3)
            || request.header("transfer-encoding").is_some()
        {
            return Err(Unread::NotHttp);
        }
        let length = match request.header("content-length") {
            Some(length) => length.parse::<usize>().map_err(|_| Unread::NotHttp)?,
            None => 0,
        };
        if length > BODY_MAX {
            return Err(Unread::TooLarge);
        }
        while filled < head + length {
            more(&mut request.bytes, &mut filled)?;
        }
        request.bytes.truncate(head + length);
        Ok(request)
    }

    fn text(&self) -> Option<&str> {
        std::str::from_utf8(self.bytes.get(..self.head)?).ok()
    }

    fn word(&self, number: usize) -> &str {
        self.text().and_then(|text| text.split([' ', '\r']).nth(number)).unwrap_or_default()
    }

    /// Its method.
    pub fn method(&self) -> &str {
        self.word(0)
    }

    /// What it asks for: path and query.
    pub fn target(&self) -> &str {
        self.word(1)
    }

    /// A header; `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.text()?.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.find(|(called, _)| called.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    /// Its body.
    pub fn body(&self) -> &[u8] {
        self.bytes.get(self.head..).unwrap_or_default()
    }

    /// All of it, as it came.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Result<Request, Unread> {
        Request::read(&mut { text })
    }

    #[test]
    fn a_request_is_read_as_it_came() {
        let text = b"POST /a?b=c HTTP/1.1\r\nContent-Length: 4\r\nX-Key:  7 \r\n\r\nbodyrest";
        let request = read(text).expect("it is one");
        assert_eq!((request.method(), request.target()), ("POST", "/a?b=c"));
        assert_eq!((request.header("x-key"), request.body()), (Some("7"), &b"body"[..]));
        assert_eq!(request.bytes(), &text[..text.len() - 4]);
    }

    #[test]
    fn what_is_no_request_is_told_apart() {
        let long = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(HEAD_MAX));
        for (text, why) in [
            (&b""[..], Unread::Gone),
            (b"GET / HTTP/1.1\r\n", Unread::Gone),
            (b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nshort", Unread::Gone),
            (b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", Unread::NotHttp),
            (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", Unread::NotHttp),
            (b"\xff\xff\r\n\r\n", Unread::NotHttp),
            (b"POST / HTTP/1.1\r\nContent-Length: 99999\r\n\r\n", Unread::TooLarge),
            (long.as_bytes(), Unread::TooLarge),
        ] {
            assert_eq!(
                read(text).err(),
                Some(why),
                "{:?}",
                String::from_utf8_lossy(&text[..text.len().min(60)])
            );
        }
    }
}
