use std::time::Instant;

use proptest::prelude::*;

use super::*;
use crate::rtp::{KeyPlan, Stream};
use crate::seed::Seed;

const NUMBERS: [&str; 3] = ["4539578763621486", "371449635398431", "6759649826438453019"];
const CODES: [&str; 3] = ["731", "9042", ""];

fn cards() -> Vec<Card> {
    NUMBERS.iter().zip(CODES).map(|(number, code)| Card::new(number, code)).collect()
}

const FORMS: [Form; 7] = [
    Form::Ascii,
    Form::Utf16,
    Form::Bytes,
    Form::Bcd { low_first: false, shifted: false },
    Form::Bcd { low_first: false, shifted: true },
    Form::Bcd { low_first: true, shifted: false },
    Form::Bcd { low_first: true, shifted: true },
];

/// Digits as somebody else would write them; what is left of a byte is 13, as telephony fills it up.
fn written(digits: &[u8], form: Form) -> Vec<u8> {
    let digit = |digit: &u8| digit - b'0';
    match form {
        Form::Ascii => digits.to_vec(),
        Form::Utf16 => digits.iter().flat_map(|digit| [*digit, 0]).collect(),
        Form::Bytes => digits.iter().map(digit).collect(),
        Form::Bcd { low_first, shifted } => {
            let mut nibbles: Vec<u8> = if shifted { vec![13] } else { Vec::new() };
            nibbles.extend(digits.iter().map(digit));
            if nibbles.len() % 2 == 1 {
                nibbles.push(13);
            }
            let byte = |pair: &[u8]| if low_first { pair[1] << 4 | pair[0] } else { pair[0] << 4 | pair[1] };
            nibbles.chunks(2).map(byte).collect()
        }
    }
}

fn plant(memory: &mut [u8], at: usize, stride: usize, bytes: &[u8]) {
    for (place, byte) in bytes.iter().enumerate() {
        memory[at + place * stride] = *byte;
    }
}

/// Memory that is empty, that is anything, and that is full of digits.
fn memory(kind: u8, seed: &mut Seed, len: usize) -> Vec<u8> {
    match kind {
        0 => vec![0; len],
        1 => seed.bytes(len),
        _ => (0..len)
            .map(|_| if seed.percent(50) { seed.below(10) as u8 } else { b'0' + seed.below(10) as u8 })
            .collect(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_planted_number_is_found_in_every_form_at_every_stride(
        card in 0..3_usize,
        form in 0..FORMS.len(),
        stride in 1..=LONGEST_STRIDE,
        backwards: bool,
        kind in 0..3_u8,
        at in 0..4_000_usize,
        seed: u64,
    ) {
        let mut memory = memory(kind, &mut Seed::new(seed), 16_000);
        let mut digits = NUMBERS[card].as_bytes().to_vec();
        if backwards {
            digits.reverse();
        }
        // UTF-16 has a stride of its own.
        let stride = if FORMS[form] == Form::Utf16 { 1 } else { stride };
        plant(&mut memory, at, stride, &written(&digits, FORMS[form]));
        let finds = Secrets::new(&cards()).find(&memory);
        let is_it = |find: &Find| {
            let What::Number { form: found, stride: found_stride, backwards: found_backwards, .. } = find.what else {
                return false;
            };
            // ASCII in every second byte of empty memory is UTF-16.
            let is_same = found == FORMS[form] || (found == Form::Utf16 && FORMS[form] == Form::Ascii && stride == 2);
            let is_form = is_same && (found_stride == stride || found == Form::Utf16);
            find.card == card && is_form && found_backwards == backwards && find.at.abs_diff(at) <= 3 * stride.max(2)
        };
        // Of BCD backwards the nibbles may be told the other way round.
        let is_found = finds.iter().any(is_it) || (backwards && finds.iter().any(|find| find.card == card));
        prop_assert!(is_found, "{finds:?}");
    }
}

/// As many as a long test has.
fn many_cards() -> Vec<Card> {
    let mut seed = Seed::new(9);
    let card =
        || Card::new(&(0..16).map(|_| char::from(b'0' + seed.below(10) as u8)).collect::<String>(), "481");
    std::iter::repeat_with(card).filter(|card| can_tell(&card.number)).take(200).collect()
}

#[test]
fn nothing_is_found_where_nothing_is() {
    let mut seed = Seed::new(4);
    let secrets = Secrets::new(&many_cards());
    for kind in 0..2 {
        let memory = memory(kind, &mut seed, 4 << 20);
        assert_eq!(secrets.find(&memory), [], "memory of kind {kind}");
    }
    // Full of digits beside each other everything is a candidate: less of it.
    let memory = memory(2, &mut seed, 1 << 16);
    assert_eq!(secrets.find(&memory), []);
}

#[test]
fn what_may_be_kept_is_not_found_and_ten_digits_are() {
    let secrets = Secrets::new(&cards());
    assert_eq!(secrets.find(b"card 453957******1486, approved"), []);
    let find = |text: &[u8]| secrets.find(text).len();
    assert_eq!((find(b"....9578763621..."), find(b"....4539578763....")), (1, 0));
}

#[test]
fn a_code_is_found_behind_its_number_and_by_its_fields_name() {
    let secrets = Secrets::new(&cards());
    let code_is_told = |finds: &[Find]| {
        let told = |find: &Find| match find.what {
            What::Number { with_code, .. } => with_code,
            What::CodeField => true,
            What::Events => false,
        };
        finds.iter().any(told)
    };
    for stride in [1, 8, 16, 24] {
        let mut memory = vec![0; 1_000];
        plant(&mut memory, 100, stride, b"4539578763621486731");
        assert!(code_is_told(&secrets.find(&memory)), "stride {stride}");
        plant(&mut memory, 100 + 16 * stride, stride, b"732");
        assert!(!code_is_told(&secrets.find(&memory)), "another code");
    }
    for text in
        ["{\"cvc\":\"731\"}", "payment_method_data[card][cvc]=731&", "\"securityCode\": 9042,", "CVV2: 731"]
    {
        assert!(code_is_told(&secrets.find(text.as_bytes())), "{text}");
    }
    for text in ["{\"cvc\":\"732\"}", "731", "\"cvc\":\"17310\"", "cscfifo 731x cvc"] {
        assert_eq!(secrets.find(text.as_bytes()), [], "{text}");
    }
}

#[test]
fn events_are_found_one_a_packet_in_any_order() {
    let mut stream = Stream::new(7);
    let mut packets: Vec<Vec<u8>> = Vec::new();
    for key in NUMBERS[0].bytes() {
        packets.extend(stream.press(key, &KeyPlan::default()));
    }
    let mut seed = Seed::new(1);
    let mut pool = seed.bytes(packets.len() * 2_304 + 4_096);
    for number in (1..packets.len()).rev() {
        packets.swap(number, seed.below(number as u64 + 1) as usize);
    }
    for (number, packet) in packets.iter().enumerate() {
        pool[number * 2_304 + 170..][..packet.len()].copy_from_slice(packet);
    }
    let finds = Secrets::new(&cards()).find(&pool);
    assert!(matches!(finds[..], [Find { card: 0, what: What::Events, .. }]), "{finds:?}");
}

#[test]
fn what_lies_over_the_edge_of_a_piece_is_found_in_a_file() {
    let directory = std::env::temp_dir().join(format!("keyhush-rest-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("a directory");
    let path = directory.join("image");
    let mut image = vec![0; (64 << 20) + 100_000];
    plant(&mut image, (64 << 20) - 700, 200, NUMBERS[1].as_bytes());
    plant(&mut image, (64 << 20) + 60_000, 1, NUMBERS[0].as_bytes());
    std::fs::write(&path, &image).expect("written");
    let finds = Secrets::new(&cards()).find_in_file(&path).expect("read");
    std::fs::remove_dir_all(&directory).expect("removed");
    let places: Vec<_> = finds.iter().map(|find| (find.card, find.at)).collect();
    assert_eq!(places, [(1, (64 << 20) - 700 + 2 * 200), (0, (64 << 20) + 60_003)]);
}

/// What a core image is mostly made of: code, tables, text, and zeroes.
#[test]
#[allow(clippy::disallowed_methods, reason = "it is what is measured")]
fn real_memory_is_searched_at_megabytes_a_second() {
    let program = std::fs::read(std::env::current_exe().expect("this program")).expect("it can be read");
    for cards in [cards(), many_cards()] {
        let secrets = Secrets::new(&cards);
        let begin = Instant::now();
        let finds = secrets.find(&program);
        let rate = program.len() as f64 / 1e6 / begin.elapsed().as_secs_f64();
        println!("{} cards in {} MB: {rate:.0} MB/s", cards.len(), program.len() / 1_000_000);
        assert!(rate > 1.0, "{rate} MB/s");
        // The first ones stand in this very file.
        assert!(cards.len() == NUMBERS.len() || finds.is_empty(), "{finds:?}");
    }
}
