//! What becomes of which payment: chosen by the card's number, else by the last two digits of the amount, else it is approved.

use std::time::Duration;

/// What the sandbox does with a payment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Behaviour {
    /// Approves it, after so many seconds.
    Approves(u64),
    /// Declines it, with this reason.
    Declines(&'static str),
    /// Finds a field wrong.
    Refuses(&'static str),
    /// Does not know who asks.
    Denies,
    /// Has too much to do.
    Defers,
    /// Takes nothing, and answers so.
    Before(Trouble),
    /// Takes and approves it, and answers so.
    After(Trouble),
    /// Says that it is not done with it yet; a while later it is approved.
    Pends,
    /// Takes it and hangs up; only a while later it is found.
    Hides,
    /// Hangs up, and takes it only a while later.
    TakesLate,
}

/// How an answer goes wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trouble {
    /// Answer 503.
    Fails,
    /// The connection is closed.
    Drops,
    /// Nothing more comes.
    Stalls,
    /// Answer 200 with what is no JSON.
    Garbage,
    /// No HTTP at all.
    Noise,
    /// The answer is cut off in its middle.
    Cut,
    /// A mebibyte of an answer.
    Large,
    /// The answer sends us elsewhere.
    Redirects,
    /// The answer comes twice.
    Twice,
    /// The answer comes a byte at a time, for a second.
    Drips,
}

/// Last two digits of the amount, what becomes of the payment, and how it is told. Of any other amount it is approved.
pub const TABLE: &[(u64, Behaviour, &str)] = &[
    (51, Behaviour::Declines("refused"), "declined, without a reason"),
    (52, Behaviour::Declines("funds"), "declined: not enough money"),
    (53, Behaviour::Declines("expired"), "declined: the card has expired"),
    (54, Behaviour::Declines("code"), "declined: wrong security code"),
    (55, Behaviour::Declines("number"), "declined: no such card"),
    (56, Behaviour::Declines("card"), "declined: lost or stolen"),
    (57, Behaviour::Declines("fraud"), "declined: suspected fraud"),
    (58, Behaviour::Declines("authentication"), "the issuer wants its customer to be asked"),
    (59, Behaviour::Declines("later"), "declined: try again later"),
    (60, Behaviour::Refuses("number"), "422: the card number is wrong"),
    (61, Behaviour::Refuses("expiry"), "422: the expiry is wrong"),
    (62, Behaviour::Refuses("code"), "422: the security code is wrong"),
    (63, Behaviour::Refuses("details"), "422: name or address is wrong"),
    (64, Behaviour::Refuses("order"), "422: amount, currency or order is wrong"),
    (65, Behaviour::Refuses("other"), "422: something is wrong"),
    (66, Behaviour::Denies, "401: it does not know who asks"),
    (67, Behaviour::Defers, "429: it has too much to do"),
    (71, Behaviour::Approves(1), "approved after a second"),
    (72, Behaviour::Approves(5), "approved after 5 seconds"),
    (73, Behaviour::Approves(20), "approved after 20 seconds"),
    (74, Behaviour::Approves(60), "approved after a minute"),
    (80, Behaviour::Before(Trouble::Fails), "503, and nothing is taken"),
    (81, Behaviour::After(Trouble::Fails), "503, and it is taken"),
    (82, Behaviour::Before(Trouble::Drops), "hangs up, and nothing is taken"),
    (83, Behaviour::After(Trouble::Drops), "hangs up, and it is taken"),
    (84, Behaviour::After(Trouble::Twice), "approved, and answered twice"),
    (85, Behaviour::Before(Trouble::Stalls), "never answers, and nothing is taken"),
    (86, Behaviour::After(Trouble::Stalls), "never answers, and it is taken"),
    (87, Behaviour::After(Trouble::Garbage), "taken, and the answer is no JSON"),
    (88, Behaviour::After(Trouble::Noise), "taken, and the answer is no HTTP"),
    (89, Behaviour::After(Trouble::Cut), "taken, and the answer is cut off"),
    (90, Behaviour::After(Trouble::Large), "taken, and the answer is a mebibyte"),
    (91, Behaviour::After(Trouble::Redirects), "taken, and the answer sends us elsewhere"),
    (92, Behaviour::After(Trouble::Drips), "approved, a byte at a time"),
    (93, Behaviour::Pends, "202: not decided yet; approved a while later"),
    (94, Behaviour::Hides, "hangs up, and it is taken; found a while later"),
    (95, Behaviour::TakesLate, "hangs up; taken a while later"),
];

/// Cards of which it does not matter what the amount is. They are no real ones.
pub const CARDS: &[(&str, Behaviour, &str)] = &[
    ("4242424242424242", Behaviour::Approves(0), "approved, whatever the amount"),
    ("4000000000000002", Behaviour::Declines("refused"), "declined, without a reason"),
    ("4000000000009995", Behaviour::Declines("funds"), "declined: not enough money"),
    ("4000000000000069", Behaviour::Declines("expired"), "declined: the card has expired"),
    ("4000000000000127", Behaviour::Declines("code"), "declined: wrong security code"),
    ("4000000000009979", Behaviour::Declines("card"), "declined: lost or stolen"),
    ("4000002500003155", Behaviour::Declines("authentication"), "the issuer wants its customer to be asked"),
];

impl Behaviour {
    /// What becomes of a payment of so much by this card.
    pub fn of(amount: u64, card: &str) -> Behaviour {
        let by_card = CARDS.iter().find(|(number, ..)| *number == card).map(|(_, behaviour, _)| *behaviour);
        let by_amount = || TABLE.iter().find(|(last, ..)| *last == amount % 100);
        by_card.or_else(|| by_amount().map(|(_, behaviour, _)| *behaviour)).unwrap_or(Behaviour::Approves(0))
    }

    /// How long it takes over it before anything else.
    pub fn delay(self) -> Duration {
        match self {
            Behaviour::Approves(seconds) => Duration::from_secs(seconds),
            _ => Duration::ZERO,
        }
    }
}

/// Both tables, for people.
pub fn told() -> String {
    let mut told = "What becomes of a payment, by the last two digits of its amount:\n".to_owned();
    for (last, _, text) in TABLE {
        told.push_str(&format!("  …{last}  {text}\n"));
    }
    told.push_str("  others: approved\n\nAnd by its card, whatever the amount:\n");
    for (number, _, text) in CARDS {
        told.push_str(&format!("  {number}  {text}\n"));
    }
    told
}
