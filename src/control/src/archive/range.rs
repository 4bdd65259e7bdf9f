//! Which bytes of a file are wanted (RFC 9110 section 14): one range; several are answered by the whole file, as the section allows.

/// What is asked for of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wanted {
    /// All of it.
    Whole,
    /// From a byte to before another.
    Part(u64, u64),
    /// Nothing that is in it.
    Nowhere,
}

/// Reads the header field `Range` for a file of so many bytes. `validator` is what the file is known by, and `if_range` the header field
/// `If-Range`: a range of another file is a wish for the whole of this one. A part is no longer than `most`: a client that
/// wants more asks again from where it ended.
pub(crate) fn wanted(
    range: Option<&str>,
    if_range: Option<&str>,
    validator: &str,
    len: u64,
    most: u64,
) -> Wanted {
    if if_range.is_some_and(|known| known.trim() != validator) {
        return Wanted::Whole;
    }
    let Some((first, last)) = range.and_then(one_range) else { return Wanted::Whole };
    let (from, to) = match (first, last) {
        (Some(first), None) => (first, len),
        (Some(first), Some(last)) if first <= last => (first, last.saturating_add(1).min(len)),
        (None, Some(suffix)) => (len.saturating_sub(suffix), len),
        _ => return Wanted::Whole,
    };
    if from >= to { Wanted::Nowhere } else { Wanted::Part(from, to.min(from.saturating_add(most))) }
}

fn one_range(field: &str) -> Option<(Option<u64>, Option<u64>)> {
    let (unit, range) = field.split_once('=')?;
    let (first, last) = range.trim().split_once('-')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let number = |text: &str| match text.trim() {
        "" => Some(None),
        text if text.bytes().all(|digit| digit.is_ascii_digit()) => text.parse().ok().map(Some),
        _ => None,
    };
    match (number(first)?, number(last)?) {
        (None, None) => None,
        range => Some(range),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_those_of_rfc_9110() {
        let of = |range| wanted(Some(range), None, "\"a\"", 1_000, 400);
        assert_eq!(of("bytes=0-0"), Wanted::Part(0, 1));
        assert_eq!(of("bytes=10-99"), Wanted::Part(10, 100));
        assert_eq!(of("Bytes = 900-5000"), Wanted::Part(900, 1_000));
        assert_eq!(of("bytes=900-"), Wanted::Part(900, 1_000));
        assert_eq!(of("bytes=0-"), Wanted::Part(0, 400), "no more than a piece");
        assert_eq!(of("bytes=-100"), Wanted::Part(900, 1_000));
        assert_eq!(of("bytes=-5000"), Wanted::Part(0, 400));
        assert_eq!(of("bytes=1000-"), Wanted::Nowhere);
        assert_eq!(of("bytes=-0"), Wanted::Nowhere);
        for whole in
            ["", "bytes", "bytes=", "bytes=-", "bytes=5-4", "bytes=0-1,4-5", "lines=1-2", "bytes=+1-2"]
        {
            assert_eq!(of(whole), Wanted::Whole, "{whole}");
        }
        assert_eq!(of("bytes=99999999999999999999-"), Wanted::Whole);
    }

    #[test]
    fn a_range_of_another_file_is_a_wish_for_the_whole_of_this_one() {
        assert_eq!(wanted(Some("bytes=1-2"), Some("\"b\""), "\"a\"", 10, 10), Wanted::Whole);
        assert_eq!(wanted(Some("bytes=1-2"), Some("\"a\""), "\"a\"", 10, 10), Wanted::Part(1, 3));
        assert_eq!(wanted(None, None, "\"a\"", 10, 10), Wanted::Whole);
    }
}
