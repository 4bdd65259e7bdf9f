use super::*;
use crate::Within;

fn vault() -> Vault {
    Vault::new(8).expect("one page may be locked")
}

fn digits(vault: &Vault, keys: &str) -> Digits {
    let mut digits = Digits::new(vault).expect("room");
    for key in keys.bytes() {
        assert!(digits.push(&Digit::from_ascii(key).expect("a key")));
    }
    digits
}

struct Seen(Vec<u8>);

impl DigitSink for Seen {
    fn digits(&mut self, ascii: &[u8]) {
        self.0.extend_from_slice(ascii);
    }
}

#[test]
fn a_sink_sees_the_number_and_nobody_else_does() {
    let vault = vault();
    let pan = Pan::new(digits(&vault, "4111111111111111")).expect("16 digits");
    let csc = Csc::new(digits(&vault, "737")).expect("3 digits");
    let mut seen = Seen(Vec::new());
    pan.write_to(&mut seen);
    csc.write_to(&mut seen);
    assert_eq!(seen.0, b"4111111111111111737");
    assert_eq!(format!("{pan:?} {csc:?} {:?}", pan.last_four()), "Pan(_) Csc(_) LastFour(_)");
    assert_eq!(format!("{:?}", digits(&vault, "12")), "Digits(_)");
}

#[test]
fn what_is_shown_of_a_number_depends_on_its_length() {
    let vault = vault();
    for (number, first_six) in [
        ("676100000001", None),
        ("36000000000008", None),
        ("370000000000002", Some("370000")),
        ("4111111111111111", Some("411111")),
        ("6304000000000000000", Some("630400")),
    ] {
        let pan = Pan::new(digits(&vault, number)).expect("a length of a PAN");
        assert_eq!(pan.first_six().as_ref().map(FirstSix::as_str), first_six, "{number}");
        assert_eq!(pan.last_four().as_str(), &number[number.len() - 4..]);
    }
    assert!(Pan::new(digits(&vault, "41111111111")).is_err(), "11 digits");
    assert!(Csc::new(digits(&vault, "41")).is_err() && Csc::new(digits(&vault, "41111")).is_err());
    assert!(digits(&vault, "41111111111111").first_six().is_none(), "14 of them");
}

#[test]
fn slots_come_back_wiped_whatever_held_them() {
    let vault = vault();
    let all = vault.free();
    drop(Pan::new(digits(&vault, "4111111111111111")));
    drop(Csc::new(digits(&vault, "41")));
    let mut cleared = digits(&vault, "123");
    cleared.clear();
    assert!(cleared.is_empty() && cleared.equals(&Digits::new(&vault).expect("room")));
    drop(cleared);
    assert_eq!(vault.free(), all);
}

#[test]
fn a_run_takes_nineteen_digits_and_no_other_keys() {
    let vault = vault();
    let mut run = digits(&vault, "1234567890123456789");
    assert!(!run.push(&Digit::from_ascii(b'0').expect("a key")), "the twentieth");
    run.clear();
    for key in "*#ABCD".bytes() {
        assert!(!run.push(&Digit::from_ascii(key).expect("a key")));
    }
    assert!(run.is_empty());
}

#[test]
fn luhn_tells_published_numbers_from_wrong_ones() {
    let vault = vault();
    for right in ["4111111111111111", "378282246310005", "6304000000000000", "0", "18", "30569309025904"] {
        assert!(digits(&vault, right).passes_luhn(), "{right}");
    }
    for wrong in ["", "4111111111111112", "1", "378282246310050"] {
        assert!(!digits(&vault, wrong).passes_luhn(), "{wrong}");
    }
}

#[test]
fn a_range_is_told_as_soon_as_it_can_be() {
    let vault = vault();
    for (keyed, within) in [
        ("", Within::Open),
        ("2", Within::Open),
        ("3", Within::No),
        ("22", Within::Open),
        ("222", Within::Open),
        ("2220", Within::No),
        ("2221", Within::Yes),
        ("23", Within::Yes),
        ("27", Within::Open),
        ("272", Within::Open),
        ("2720", Within::Yes),
        ("27209999", Within::Yes),
        ("2721", Within::No),
        ("28", Within::No),
    ] {
        assert_eq!(digits(&vault, keyed).leading_within(2221, 2720, 4), within, "{keyed}");
    }
}

#[test]
fn dates_are_read_by_two_and_card_numbers_are_not() {
    let vault = vault();
    let date = digits(&vault, "1227");
    assert_eq!((date.two(0), date.two(2), date.two(3)), (Some(12), Some(27), None));
    assert_eq!(digits(&vault, "41111").two(0), None);
}

#[test]
fn references_are_unbiased_and_compared_whole() {
    let vault = vault();
    let mut random = [255, 250, 13, 249, 0].into_iter();
    let reference = CallReference::random(&vault, 3, &mut random).expect("enough bytes");
    assert!(reference.is(&digits(&vault, "390")));
    for other in ["391", "39", "3900", "", "490"] {
        assert!(!reference.is(&digits(&vault, other)), "{other}");
    }
    assert!(CallReference::random(&vault, 2, &mut [7, 255].into_iter()).is_none(), "too few bytes");
    assert!(CallReference::random(&vault, 13, &mut core::iter::repeat(7)).is_none(), "too long");
    assert_eq!(format!("{reference:?}"), "CallReference(_)");
}
