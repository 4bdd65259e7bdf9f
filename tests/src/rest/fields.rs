//! A security code by the name of its field: in a form, in JSON, in a log.

use super::{Card, Find, What};

/// What such fields are called, in small letters.
const NAMES: [&[u8]; 6] = [b"cvc", b"cvv", b"csc", b"cid", b"securitycode", b"security_code"];
/// How many bytes may lie between the name and the code: quotes, colons, brackets.
const BETWEEN: usize = 12;

pub(super) fn find(cards: &[Card], bytes: &[u8]) -> Vec<Find> {
    let mut finds = Vec::new();
    for at in 0..bytes.len() {
        if !matches!(bytes[at] | 0x20, b'c' | b's') {
            continue;
        }
        let rest = &bytes[at..];
        let is_name =
            |name: &&[u8]| rest.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
        let Some(name) = NAMES.iter().find(|name| is_name(name)) else { continue };
        let after = &rest[name.len()..];
        // CVV2, CVC2
        let begin = usize::from(after.first() == Some(&b'2'));
        let between = after.iter().skip(begin).take_while(|byte| !byte.is_ascii_alphanumeric()).count();
        let begin = begin + between;
        if between == 0 || between > BETWEEN {
            continue;
        }
        let end =
            after[begin..].iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(after.len() - begin);
        let code = &after[begin..begin + end];
        let owner = cards.iter().position(|card| !card.code.is_empty() && card.code.as_bytes() == code);
        finds.extend(owner.map(|card| Find { at: at + name.len() + begin, card, what: What::CodeField }));
    }
    finds
}
