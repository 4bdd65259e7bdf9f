use secret::DigitSink;

use super::references::length;
use super::*;

const ACME: TenantId = TenantId(1);
const OTHER: TenantId = TenantId(2);

fn at(milliseconds: u64) -> Instant {
    Instant::ZERO + Duration::from_millis(10_000 + milliseconds)
}

fn call(slot: u32) -> CallHandle {
    CallHandle { slot, generation: 0 }
}

struct Shown(String);

impl DigitSink for Shown {
    fn digits(&mut self, ascii: &[u8]) {
        self.0.extend(ascii.iter().map(|byte| char::from(*byte)));
    }
}

struct Office {
    pairing: Pairing,
    rules: ReferenceRules,
    vault: Vault,
    drawn: u32,
}

impl Office {
    fn new(rules: ReferenceRules) -> Self {
        let vault = Vault::new(512).expect("some pages");
        Office { pairing: Pairing::new(PairingLimits::default(), vault.clone()), rules, vault, drawn: 0 }
    }

    /// The reference that is issued, as its page shows it.
    fn issue(&mut self, now: u64, tenant: TenantId, session: u64) -> String {
        let mut random = [0; 256];
        for byte in &mut random {
            self.drawn = self.drawn.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *byte = (self.drawn >> 24) as u8;
        }
        let (reference, _) = self
            .pairing
            .issue(at(now), tenant, SessionId(session), self.rules, &random)
            .expect("there is room");
        let mut shown = Shown(String::new());
        reference.write_to(&mut shown);
        shown.0
    }

    /// Keys, one each 200 ms from `now` on; what is heard until a second and a half after the last.
    fn key(&mut self, now: u64, slot: u32, tenant: TenantId, keys: &str) -> Vec<Heard> {
        let mut heard = Vec::new();
        let mut time = now;
        for key in keys.bytes() {
            heard.extend(self.pairing.poll(at(time)));
            let digit = Digit::from_ascii(key).expect("a key");
            self.pairing.press(at(time), call(slot), tenant, self.rules, &digit);
            time += 200;
        }
        while let Some(due) = self.pairing.deadline().filter(|due| *due <= at(time + 1_300)) {
            match self.pairing.poll(due) {
                Some(found) => heard.push(found),
                None if self.pairing.deadline() == Some(due) => break,
                None => {}
            }
        }
        heard
    }
}

#[test]
fn a_reference_pairs_once_and_with_its_tenants_calls_only() {
    let mut office = Office::new(ReferenceRules::default());
    let reference = office.issue(0, ACME, 7);
    assert_eq!(reference.len(), 6);
    assert_eq!(office.key(1_000, 1, OTHER, &reference), [], "another tenant's call");
    let heard = office.key(10_000, 2, ACME, &reference);
    assert_eq!(heard, [Heard { session: SessionId(7), call: call(2), again: false }]);
    assert_eq!(office.key(20_000, 2, ACME, &reference), [], "it is used");
    assert_eq!((office.pairing.open(), office.vault.free()), (0, office.vault.slots()));
}

#[test]
fn quiet_before_exact_length_and_a_pause_after_are_needed() {
    for (before, after, is_heard) in
        [("", "", true), ("1", "", false), ("*", "", false), ("", "1", false), ("", "#", false)]
    {
        let mut office = Office::new(ReferenceRules::default());
        let reference = office.issue(0, ACME, 7);
        let keyed = format!("{before}{reference}{after}");
        assert_eq!(office.key(1_000, 1, ACME, &keyed).len() == 1, is_heard, "{before} {after}");
        assert_eq!(
            office.key(9_000, 1, ACME, &reference).len() == 1,
            !is_heard,
            "again, after {before} {after}"
        );
    }
}

#[test]
fn with_a_prefix_key_it_is_heard_amid_other_keys_and_only_after_it() {
    let rules = ReferenceRules { prefix: Some(10), ..ReferenceRules::default() };
    let mut office = Office::new(rules);
    let reference = office.issue(0, ACME, 7);
    assert_eq!(office.key(1_000, 1, ACME, &reference), [], "without it");
    assert_eq!(office.key(5_000, 1, ACME, &format!("123*1{reference}")), [], "not the length");
    assert_eq!(office.key(11_000, 1, ACME, &format!("123*99*{reference}")).len(), 1);
}

#[test]
fn heard_on_several_calls_within_two_seconds_it_pairs_all_of_them() {
    let mut office = Office::new(ReferenceRules::default());
    let reference = office.issue(0, ACME, 7);
    for (place, key) in reference.bytes().enumerate() {
        for slot in [1, 2] {
            let now = at(1_000 + 200 * place as u64 + 30 * u64::from(slot));
            let digit = Digit::from_ascii(key).expect("a key");
            office.pairing.press(now, call(slot), ACME, office.rules, &digit);
        }
    }
    let heard: Vec<Heard> = core::iter::from_fn(|| office.pairing.poll(at(3_500))).collect();
    let told: Vec<_> = heard.iter().map(|heard| (heard.call, heard.again)).collect();
    assert_eq!(told, [(call(1), false), (call(2), true)]);
    assert_eq!(office.key(6_000, 3, ACME, &reference), [], "too late to be the same conversation");
}

#[test]
fn a_reference_lives_five_minutes() {
    let mut office = Office::new(ReferenceRules::default());
    let reference = office.issue(0, ACME, 7);
    assert_eq!(office.key(299_000, 1, ACME, &reference), []);
    assert_eq!((office.pairing.counts().expired, office.pairing.open()), (1, 0));
    let reference = office.issue(400_000, ACME, 8);
    office.pairing.withdraw(SessionId(8));
    assert_eq!(office.key(401_000, 1, ACME, &reference), [], "withdrawn");
}

#[test]
fn guessing_is_limited_by_call_and_by_tenant_and_counted() {
    let mut office = Office::new(ReferenceRules::default());
    let reference = office.issue(0, ACME, 7);
    let wrong = if reference == "123456" { "123457" } else { "123456" };
    for attempt in 0..5 {
        assert_eq!(office.key(attempt * 5_000, 1, ACME, wrong), []);
    }
    assert_eq!(office.pairing.counts().wrong, 5);
    assert_eq!(office.key(30_000, 1, ACME, &reference), [], "the call has guessed too often");
    assert_eq!(office.pairing.counts().limited, 1);
    assert_eq!(office.key(40_000, 1, ACME, "1234"), [], "no reference is so short");
    assert_eq!(office.pairing.counts().wrong, 5);
    assert_eq!(office.key(50_000, 2, ACME, &reference).len(), 1, "another call has not");

    let mut office = Office::new(ReferenceRules::default());
    let reference = office.issue(0, ACME, 7);
    for slot in 0..200 {
        office.key(1_000, 100 + slot, ACME, wrong);
    }
    assert_eq!(
        office.key(9_000, 100, ACME, &reference),
        [],
        "the tenant's calls have guessed too often, this one too"
    );
    assert_eq!(office.key(9_000, 1, ACME, &reference).len(), 1, "and this one has not");
    let mut office = Office::new(ReferenceRules::default());
    let reference = office.issue(0, ACME, 7);
    for slot in 0..2_000 {
        office.key(1_000, 100 + slot, ACME, wrong);
    }
    assert_eq!(office.key(9_000, 1, ACME, &reference), [], "so many that nobody is innocent any more");
}

#[test]
fn references_grow_with_their_number_and_none_is_twice() {
    for (open, digits) in [(1, 6), (10, 6), (11, 7), (100, 7), (101, 8), (10_000, 9), (10_001, 10)] {
        assert_eq!(length(open, 6), digits, "{open}");
    }
    assert_eq!((length(1, 4), length(1, 8), length(1, 99)), (5, 8, 12));
    let mut office = Office::new(ReferenceRules::default());
    let mut shown: Vec<String> = (0..120).map(|session| office.issue(0, ACME, session)).collect();
    assert_eq!(shown.iter().map(String::len).collect::<Vec<_>>()[..12], [6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 7, 7]);
    shown.sort();
    shown.dedup();
    assert_eq!(shown.len(), 120);
}

#[test]
fn the_page_that_asks_again_has_one_reference() {
    let mut office = Office::new(ReferenceRules::default());
    let old = office.issue(0, ACME, 7);
    let new = office.issue(1_000, ACME, 7);
    assert_eq!(office.pairing.open(), 1);
    assert_eq!(office.key(2_000, 1, ACME, &old), []);
    assert_eq!(office.key(9_000, 1, ACME, &new).len(), 1);
}

#[test]
fn what_is_remembered_is_bounded_and_wiped() {
    let vault = Vault::new(128).expect("a page");
    let limits = PairingLimits { references: 3, runs: 4, ..PairingLimits::default() };
    let mut pairing = Pairing::new(limits, vault.clone());
    let random: Vec<u8> = (0..200).collect();
    for session in 0..3_u8 {
        let random = &random[usize::from(session)..];
        assert!(
            pairing.issue(at(0), ACME, SessionId(session.into()), ReferenceRules::default(), random).is_ok()
        );
    }
    let issued = pairing.issue(at(0), ACME, SessionId(9), ReferenceRules::default(), &random);
    assert_eq!(issued.err(), Some(NotIssued::Full));
    let digit = Digit::from_ascii(b'1').expect("a key");
    for slot in 0..10 {
        pairing.press(at(0), call(slot), ACME, ReferenceRules::default(), &digit);
    }
    assert_eq!((pairing.runs.len(), pairing.counts().unheard), (4, 6));
    pairing.call_ended(call(0));
    assert_eq!(pairing.runs.len(), 3);
    while let Some(due) = pairing.deadline() {
        assert_eq!(pairing.poll(due), None);
    }
    assert_eq!((pairing.runs.len(), pairing.open(), vault.free()), (0, 0, vault.slots()));
}

/// Random keys of several calls of several tenants, references among them; whatever is heard was keyed as it must be.
#[test]
fn whatever_is_heard_was_keyed_by_the_right_tenant_alone_and_in_time() {
    struct Issued {
        digits: String,
        tenant: TenantId,
        until: Instant,
        heard: Option<(CallHandle, Instant)>,
    }
    let mut heard_in_all = 0;
    let runs = if std::env::var_os("KEYHUSH_LONG").is_some() { 2_000 } else { 60 };
    for seed in 0..runs {
        let mut office = Office::new(ReferenceRules { length: 4, ..ReferenceRules::default() });
        office.drawn = seed;
        let mut state = u64::from(seed) << 32 | 7;
        let mut below = |limit: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % limit
        };
        let mut issued: HashMap<SessionId, Issued> = HashMap::new();
        let mut keyed: HashMap<CallHandle, Vec<(Instant, u8)>> = HashMap::new();
        let mut now = 0;
        for session in 0..200 {
            if below(3) == 0 {
                let tenant = TenantId(below(2) as u32);
                let (digits, until) = (office.issue(now, tenant, session), at(now) + VALID_FOR);
                issued.insert(SessionId(session), Issued { digits, tenant, until, heard: None });
            }
            // A call keys something: mostly a reference, of its tenant's or not, whole or not.
            let slot = below(4) as u32;
            let pick = SessionId(below(session + 1));
            let mut keys = issued.get(&pick).map_or("123456".to_owned(), |issued| issued.digits.clone());
            match below(6) {
                0 => keys.push('1'),
                1 => keys.insert(0, '*'),
                2 => drop(keys.pop()),
                _ => {}
            }
            now += [100, 1_000, 2_500, 4_000][below(4) as usize];
            for key in keys.bytes() {
                now += 50 + below(400);
                let mut found: Vec<Heard> = core::iter::from_fn(|| office.pairing.poll(at(now))).collect();
                for Heard { session, call, again } in found.drain(..) {
                    heard_in_all += 1;
                    let issued = issued.get_mut(&session).expect("it was issued");
                    assert_eq!(issued.tenant, TenantId(call.slot % 2), "seed {seed}: another tenant's");
                    assert!(at(now) <= issued.until + HEARD_TOGETHER, "seed {seed}: expired");
                    let presses = &keyed[&call];
                    let (before, run) = presses.split_at(presses.len() - issued.digits.len());
                    let text: String = run.iter().map(|(_, key)| char::from(*key)).collect();
                    assert_eq!(text, issued.digits, "seed {seed}");
                    let quiet = before.last().is_none_or(|(last, _)| run[0].0.since(*last) >= QUIET_BEFORE);
                    assert!(quiet, "seed {seed}: keys before it");
                    let pause = at(now).since(run[run.len() - 1].0);
                    assert!(pause >= office.rules.pause, "seed {seed}: no pause after it");
                    match issued.heard {
                        None => assert!(!again, "seed {seed}"),
                        Some((first, when)) => {
                            assert!(again && first != call, "seed {seed}: used twice");
                            assert!(at(now).since(when) <= HEARD_TOGETHER, "seed {seed}: too late");
                        }
                    }
                    issued.heard.get_or_insert((call, at(now)));
                }
                let digit = Digit::from_ascii(key).expect("a key");
                office.pairing.press(at(now), call(slot), TenantId(slot % 2), office.rules, &digit);
                keyed.entry(call(slot)).or_default().push((at(now), key));
            }
        }
    }
    assert!(heard_in_all > 5 * runs, "{heard_in_all}: nothing is heard");
}

#[test]
fn nothing_is_kept_of_runs_that_are_over() {
    let mut office = Office::new(ReferenceRules::default());
    let reference = office.issue(0, ACME, 1);
    for slot in 0..50 {
        // Numbers of every kind: too short, of another kind, and the reference itself.
        let keys = ["12", "12345678901234", "4*7", reference.as_str()][slot as usize % 4];
        office.key(u64::from(slot) * 10_000, slot, ACME, keys);
    }
    assert_eq!(office.pairing.runs.len(), office.pairing.due.len());
    assert_eq!(office.pairing.poll(at(1_000_000)), None);
    assert!(office.pairing.runs.is_empty() && office.pairing.due.is_empty());
    let mut now = 2_000_000;
    for keys in ["1", "12345", "*"] {
        for key in keys.bytes() {
            let digit = Digit::from_ascii(key).expect("a key");
            office.pairing.press(at(now), call(7), ACME, office.rules, &digit);
            assert_eq!((office.pairing.runs.len(), office.pairing.due.len()), (1, 1));
            now += 100;
        }
    }
    office.pairing.call_ended(call(7));
    assert!(office.pairing.runs.is_empty() && office.pairing.due.is_empty());
}
