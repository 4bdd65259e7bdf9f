//! What header values are made of (RFC 3261 section 25.1): tokens, quoted strings, addresses, parameters.

use super::{Field, Method, SipError};

/// A token's character.
pub(super) const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~')
}

const fn is_white(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Without the white space around it, folds included.
pub(super) fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = bytes
        && is_white(*first)
    {
        bytes = rest;
    }
    while let [rest @ .., last] = bytes
        && is_white(*last)
    {
        bytes = rest;
    }
    bytes
}

/// A decimal number of any length that fits.
pub(super) fn number(bytes: &[u8]) -> Option<u32> {
    if bytes.is_empty() {
        return None;
    }
    bytes.iter().try_fold(0u32, |number, byte| {
        byte.is_ascii_digit().then_some(())?;
        number.checked_mul(10)?.checked_add(u32::from(byte - b'0'))
    })
}

/// Number and method of a CSeq.
pub(super) fn cseq(value: &[u8]) -> Result<(u32, Method<'_>), SipError> {
    let unreadable = SipError::Unreadable(Field::CSeq);
    let space = value.iter().position(|&byte| is_white(byte)).ok_or(unreadable)?;
    let (digits, method) = value.split_at_checked(space).ok_or(unreadable)?;
    let method = trim(method);
    if method.is_empty() || !method.iter().copied().all(is_token) {
        return Err(unreadable);
    }
    Ok((number(digits).ok_or(unreadable)?, Method::from_bytes(method)))
}

/// Where the first byte outside quoted strings is that `wanted` accepts.
enum Found {
    At(usize),
    Nowhere,
    /// A quoted string that does not end.
    Unbalanced,
}

fn outside_quotes(bytes: &[u8], wanted: impl Fn(u8) -> bool) -> Found {
    let mut quoted = false;
    let mut escaped = false;
    for (at, &byte) in bytes.iter().enumerate() {
        if escaped {
            escaped = false;
        } else if quoted {
            escaped = byte == b'\\';
            quoted = byte != b'"';
        } else if wanted(byte) {
            return Found::At(at);
        } else {
            quoted = byte == b'"';
        }
    }
    if quoted { Found::Unbalanced } else { Found::Nowhere }
}

/// The parameters of an address header (From, To): those after `<…>`, or, without brackets, all (RFC 3261 section
/// 20.10). `None` where a quote or a bracket does not end.
pub(super) fn address_parameters(value: &[u8]) -> Option<Parameters<'_>> {
    let at = match outside_quotes(value, |byte| matches!(byte, b'<' | b';')) {
        Found::At(at) => at,
        Found::Nowhere => return Some(Parameters::default()),
        Found::Unbalanced => return None,
    };
    let rest = value.get(at..)?;
    if rest.first() == Some(&b'<') {
        let close = rest.iter().position(|&byte| byte == b'>')?;
        return Some(Parameters { rest: rest.get(close + 1..)? });
    }
    Some(Parameters { rest })
}

/// The first address of an address header (From, To, P-Asserted-Identity): what stands in `<…>`, or, without brackets,
/// what stands before its parameters and before a further address. `None` where there is none, or a quote or a bracket
/// does not end.
pub(super) fn address(value: &[u8]) -> Option<&[u8]> {
    let at = match outside_quotes(value, |byte| matches!(byte, b'<' | b';' | b',')) {
        Found::At(at) => at,
        Found::Nowhere => value.len(),
        Found::Unbalanced => return None,
    };
    let (before, rest) = value.split_at_checked(at)?;
    let address = match rest.strip_prefix(b"<") {
        Some(inside) => inside.get(..inside.iter().position(|&byte| byte == b'>')?)?,
        None => before,
    };
    Some(trim(address)).filter(|address| !address.is_empty())
}

/// The branch of the first of the values of a Via.
pub(super) fn via_branch(value: &[u8]) -> Option<&[u8]> {
    let first = match outside_quotes(value, |byte| byte == b',') {
        Found::At(comma) => value.get(..comma)?,
        Found::Nowhere | Found::Unbalanced => value,
    };
    let (_, parameters) = with_parameters(first);
    parameters.get("branch")
}

/// What stands before the first semicolon, and the parameters after it.
pub(super) fn with_parameters(value: &[u8]) -> (&[u8], Parameters<'_>) {
    match outside_quotes(value, |byte| byte == b';') {
        Found::At(at) => {
            let (first, rest) = value.split_at_checked(at).unwrap_or((value, &[]));
            (trim(first), Parameters { rest })
        }
        Found::Nowhere | Found::Unbalanced => (trim(value), Parameters::default()),
    }
}

/// One parameter of a header value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Parameter<'a> {
    /// Its name, any case.
    pub name: &'a [u8],
    /// Its value as it was written, quotes included.
    pub value: Option<&'a [u8]>,
}

impl<'a> Parameter<'a> {
    /// The value without its quotes. Escapes within are left as they were written.
    pub fn unquoted(&self) -> Option<&'a [u8]> {
        let value = self.value?;
        let inner = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
        Some(inner.unwrap_or(value))
    }
}

/// Parameters in their order; empty ones are left out.
#[derive(Clone, Copy, Default, Debug)]
pub struct Parameters<'a> {
    rest: &'a [u8],
}

impl<'a> Parameters<'a> {
    /// The value of the first of that name, without its quotes.
    pub fn get(self, name: &str) -> Option<&'a [u8]> {
        let mut all = self;
        all.find(|parameter| parameter.name.eq_ignore_ascii_case(name.as_bytes()))?.unquoted()
    }

    /// Whether one of that name is there.
    pub fn has(self, name: &str) -> bool {
        let mut all = self;
        all.any(|parameter| parameter.name.eq_ignore_ascii_case(name.as_bytes()))
    }
}

impl<'a> Iterator for Parameters<'a> {
    type Item = Parameter<'a>;

    fn next(&mut self) -> Option<Parameter<'a>> {
        while !self.rest.is_empty() {
            let rest = self.rest.strip_prefix(b";").unwrap_or(self.rest);
            let (one, rest) = match outside_quotes(rest, |byte| byte == b';') {
                Found::At(at) => rest.split_at_checked(at)?,
                Found::Nowhere | Found::Unbalanced => (rest, &[][..]),
            };
            self.rest = rest;
            let (name, value) = match one.iter().position(|&byte| byte == b'=') {
                Some(at) => (trim(one.get(..at)?), Some(trim(one.get(at + 1..)?))),
                None => (trim(one), None),
            };
            if !name.is_empty() {
                return Some(Parameter { name, value });
            }
        }
        None
    }
}
