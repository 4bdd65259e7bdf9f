//! What the page says in each state: what is the case, and what the agent is to do or to say to the caller now.

use payment::session::{End, Icon, Lost, Shown, Stop, Unmaskable};
use payment::{Decline, FieldKind, FieldState, FieldView, NotIssued, Outcome, Refused, View, WrongField};

use super::amount;
use super::view::{Context, Text};

pub(super) struct Words {
    pub(super) headline: Text,
    pub(super) say: Text,
    pub(super) tone: &'static str,
}

fn words(tone: &'static str, headline: impl Into<Text>, say: impl Into<Text>) -> Words {
    Words { headline: headline.into(), say: say.into(), tone }
}

pub(super) fn of(view: &View, context: &Context<'_>) -> Words {
    let own = match &view.stage {
        Shown::Waiting => words("busy", "One moment", "Keyhush is drawing a call reference."),
        Shown::Reference(_) => reference(context),
        Shown::Securing => words(
            "busy",
            "Securing the call",
            "Do not ask for the card number yet. Wait until SecureMode is on.",
        ),
        Shown::Keying => keying(view, context),
        Shown::Details => details(view),
        Shown::Sending => words(
            "busy",
            format!("Taking {}", amount::text(context.money)),
            "Ask the caller to wait a moment. Nothing more can be changed now.",
        ),
        Shown::Resolving => words(
            "busy",
            "Finding out whether the payment was taken",
            "The answer was lost on its way, and Keyhush is asking the payment provider for it. Do not take the payment again \
             by other means. Ask the caller to wait.",
        ),
        Shown::Result(outcome) => result(outcome, context),
        Shown::Stopped(why) => return stopped(*why),
        Shown::Ended(why) => ended(*why),
    };
    match view.icon {
        Icon::Stop => words(
            "stop",
            "Tell the caller to press no more keys",
            format!("SecureMode was lost, and keys may be heard. {}", own.say),
        ),
        Icon::Off | Icon::Awaited | Icon::On => own,
    }
}

fn reference(context: &Context<'_>) -> Words {
    let digits = context.reference.map_or(0, str::len);
    let say = match context.prefix {
        Some(prefix) => format!(
            "While the call is up, press {prefix} and then these {digits} digits on your own telephone’s keypad. Then wait a \
             moment."
        ),
        None => format!(
            "While the call is up, key these {digits} digits on your own telephone’s keypad. Press no other key for two \
             seconds before and after."
        ),
    };
    words("calm", "Key this reference on your telephone", say)
}

fn keying(view: &View, context: &Context<'_>) -> Words {
    let open = view.open.and_then(|kind| view.fields.iter().find(|field| field.kind == kind));
    let Some(field) = open else {
        return words("busy", "One moment", "Wait until the next field opens.");
    };
    if let FieldState::Refused(why) = field.state {
        return words(
            "bad",
            format!("{} is not right", subject(field.kind)),
            format!(
                "{} Choose Reset, then ask the caller to key {} again from its first digit.",
                refused(field.kind, why),
                object(field.kind)
            ),
        );
    }
    if field.state == FieldState::MayEnd {
        return words(
            "good",
            format!("{} may be complete", subject(field.kind)),
            "Ask the caller whether all of it is keyed. If so, choose Next. If not, let the caller go on.",
        );
    }
    if field.length > 0 {
        return words(
            "calm",
            format!("The caller is keying {}", object(field.kind)),
            "Stay on the line and let the caller finish. Every key shows here as a dot.",
        );
    }
    match field.kind {
        FieldKind::Pan => words(
            "calm",
            "Ask for the card number",
            "Ask the caller to key the card number on the telephone’s keypad, and not to say it aloud.",
        ),
        FieldKind::Expiry => words(
            "calm",
            "Ask for the expiry date",
            "Ask the caller to key the expiry date: two digits for the month, two for the year. If it is to be typed instead, \
             choose Next.",
        ),
        FieldKind::ValidFrom => words(
            "calm",
            "Ask for the date from which the card is valid",
            "Ask the caller to key it: two digits for the month, two for the year. If the card has none, choose Next.",
        ),
        FieldKind::Issue => words(
            "calm",
            "Ask for the issue number",
            "Ask the caller to key the card’s issue number, one or two digits. If the card has none, choose Next.",
        ),
        FieldKind::Csc => words(
            "calm",
            "Ask for the security code",
            match context.code_length {
                Some(3) => {
                    "Ask the caller to key the last three digits on the back of the card, and not to say them aloud."
                }
                Some(4) => {
                    "Ask the caller to key the four digits on the front of the card, and not to say them aloud."
                }
                _ => {
                    "Ask the caller to key the security code, and not to say it aloud: the last three digits on the back of \
                     the card, or the four on the front of an American Express card."
                }
            },
        ),
    }
}

fn details(view: &View) -> Words {
    let guard = match view.icon {
        Icon::On => " SecureMode ends by itself in a few seconds.",
        Icon::Off | Icon::Awaited => " Keys are heard again: the caller need press no more.",
        Icon::Stop => "",
    };
    words("calm", "Type the details and pay", format!("Ask the caller for what is missing below.{guard}"))
}

fn result(outcome: &Outcome, context: &Context<'_>) -> Words {
    let paid = amount::text(context.money);
    let nothing = "Nothing was taken.";
    match outcome {
        Outcome::Approved { .. } => {
            words("good", "Payment approved", format!("Tell the caller that {paid} has been paid."))
        }
        Outcome::Declined { reason, .. } => {
            words("bad", "Payment declined", format!("{nothing} {}", declined(*reason)))
        }
        Outcome::InputRefused(field) => {
            words("bad", "Something was not right", format!("{nothing} {}", wrong(*field)))
        }
        Outcome::Misconfigured => words(
            "bad",
            "The payment provider does not serve this account",
            format!(
                "{nothing} It is not the caller’s fault, and trying again will not help. Tell your supervisor, and offer the \
                 caller another way to pay."
            ),
        ),
        Outcome::NotTaken => words(
            "bad",
            "The payment was not sent",
            format!("{nothing} The payment provider could not be reached. You may try again."),
        ),
        Outcome::Unknown => words(
            "bad",
            "Nobody knows yet whether the payment was taken",
            "Do not take it again: the caller might pay twice. Tell the caller that you will confirm it later. Choose Ask \
             again, or give the reference below to your supervisor.",
        ),
    }
}

const fn declined(reason: Decline) -> &'static str {
    match reason {
        Decline::Refused => "The card’s bank gives no reason. Offer the caller another card.",
        Decline::Funds => "There is not enough money, or a limit is reached. Offer the caller another card.",
        Decline::Expired => {
            "The card has expired, or the expiry date is wrong. Check the date with the caller and try again."
        }
        Decline::Code => {
            "The security code is wrong. Try again, and ask the caller to look at the card while keying it."
        }
        Decline::Number => {
            "No card has this number. Try again, and ask the caller to look at the card while keying it."
        }
        Decline::Card => "The card cannot be used for this. Offer the caller another card.",
        Decline::Fraud => "The payment provider does not allow it. Offer the caller another way to pay.",
        Decline::Authentication => {
            "The bank wants its customer to confirm in person, which cannot be done by telephone. Offer another card."
        }
        Decline::Later => {
            "The bank cannot be reached, or it was tried too often. Try again in a few minutes."
        }
    }
}

const fn wrong(field: WrongField) -> &'static str {
    match field {
        WrongField::Number => "The payment provider finds the card number wrong. Try again.",
        WrongField::Expiry => {
            "The payment provider finds the expiry date wrong. Check it with the caller and try again."
        }
        WrongField::Code => "The payment provider finds the security code wrong. Try again.",
        WrongField::Details => {
            "The payment provider finds the name or address wrong. Check them and try again."
        }
        WrongField::Order => {
            "The payment provider does not take this amount, currency or order. Tell your supervisor."
        }
        WrongField::Other => "The payment provider does not say what. Check the details and try again.",
    }
}

fn stopped(why: Stop) -> Words {
    let again = "Choose Start again when the caller is ready.";
    match why {
        Stop::NoReference(NotIssued::Full) => words(
            "bad",
            "No call reference is free",
            "Very many payments have just been started. Choose Start again in a minute.",
        ),
        Stop::NoReference(NotIssued::NoRoom) | Stop::NoRoom => words(
            "bad",
            "Keyhush has no room for another card",
            "Very many payments are under way. Choose Start again in a minute; if it happens again, tell your supervisor.",
        ),
        Stop::NoReference(NotIssued::Random) => words(
            "bad",
            "There is no call reference",
            "Choose Start again; if it happens again, tell your supervisor.",
        ),
        Stop::NoAnswer => words(
            "bad",
            "There is no call reference",
            "Keyhush did not answer in time. Choose Start again; if it happens again, tell your supervisor.",
        ),
        Stop::Lapsed => words(
            "bad",
            "The reference has lapsed",
            "It was not heard on a call within five minutes. Choose Start again for a new one.",
        ),
        Stop::Refused(why) => words("bad", "This call cannot be secured", unmaskable(why)),
        Stop::NotAcknowledged => words(
            "stop",
            "The call is not secured",
            format!(
                "SecureMode could not be switched on in time. Tell the caller to press no keys and to say no card number. \
                 {again}"
            ),
        ),
        Stop::Lost(why) => words(
            "stop",
            "Tell the caller to press no more keys",
            format!("{} What was keyed has been wiped. {again}", lost(why)),
        ),
        Stop::TooLong => words(
            "bad",
            "SecureMode was on for its longest time",
            format!(
                "Fields are closed, and what was keyed has been wiped. Ask the caller to press no more keys. {again}"
            ),
        ),
        Stop::HungUp => words(
            "bad",
            "The call has ended",
            "Nothing was taken, and what was keyed has been wiped. When you are speaking to the caller again, choose Start \
             again for a new reference.",
        ),
    }
}

const fn unmaskable(why: Unmaskable) -> &'static str {
    match why {
        Unmaskable::MediaElsewhere => {
            "Its sound does not pass through Keyhush. Do not let the caller key a card number. Ring the caller again, or tell \
             your supervisor."
        }
        Unmaskable::Encrypted => {
            "Its sound is encrypted, and Keyhush cannot mask it. Do not let the caller key a card number. Tell your supervisor."
        }
        Unmaskable::Codec => {
            "Its sound is coded in a way that Keyhush cannot mask. Do not let the caller key a card number. Tell your supervisor."
        }
        Unmaskable::NoSuchCall => {
            "The call has ended, or has been transferred. Choose Start again when you are speaking to the caller."
        }
        Unmaskable::Contested => {
            "Another call in progress claims the same sound, so whose keys are in it cannot be told. Do not let the caller key a \
             card number. End any other call on your telephone and ring the caller again, or tell your supervisor."
        }
        Unmaskable::Busy => {
            "Keyhush has too much to do. Do not let the caller key a card number yet. Choose Start again in a minute."
        }
    }
}

const fn lost(why: Lost) -> &'static str {
    match why {
        Lost::Heartbeat => "Part of Keyhush has stopped answering, and keys may be heard.",
        Lost::Media => "The call’s sound no longer passes through Keyhush, and keys may be heard.",
        Lost::ForcedOff => "Somebody has switched SecureMode off, and keys may be heard.",
    }
}

fn ended(why: End) -> Words {
    match why {
        End::Cancelled => {
            words("calm", "Payment cancelled", "Nothing was taken, and what was keyed has been wiped.")
        }
        End::Closed => words("calm", "This payment is closed", "Start a new payment for the next caller."),
        End::Idle => words(
            "calm",
            "This payment was closed because nobody used it",
            "What was keyed has been wiped. If a result was shown, it stands.",
        ),
    }
}

pub(super) const fn icon(icon: Icon) -> &'static str {
    match icon {
        Icon::Off => "SecureMode off",
        Icon::Awaited => "SecureMode is being switched on",
        Icon::On => "SecureMode on",
        Icon::Stop => "STOP",
    }
}

pub(super) const fn label(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::Pan => "Card number",
        FieldKind::Expiry => "Expiry date",
        FieldKind::ValidFrom => "Valid from",
        FieldKind::Issue => "Issue number",
        FieldKind::Csc => "Security code",
    }
}

const fn subject(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::Pan => "The card number",
        FieldKind::Expiry => "The expiry date",
        FieldKind::ValidFrom => "The date",
        FieldKind::Issue => "The issue number",
        FieldKind::Csc => "The security code",
    }
}

const fn object(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::Pan => "the card number",
        FieldKind::Expiry => "the expiry date",
        FieldKind::ValidFrom => "the date from which the card is valid",
        FieldKind::Issue => "the issue number",
        FieldKind::Csc => "the security code",
    }
}

pub(super) const fn state(state: FieldState) -> &'static str {
    match state {
        FieldState::Waiting => "Later",
        FieldState::Open => "Now",
        FieldState::MayEnd => "May be complete",
        FieldState::Complete => "Complete",
        FieldState::Skipped => "You type it",
        FieldState::Refused(_) => "Not right",
    }
}

pub(super) const fn refused(kind: FieldKind, why: Refused) -> &'static str {
    match (why, kind) {
        (Refused::NoBrand, _) => "No card begins with these digits.",
        (Refused::CheckDigit, _) => "A digit is wrong or missing.",
        (Refused::Length, FieldKind::Pan) => "No card has a number of this length.",
        (Refused::Length, _) => "It has too few digits.",
        (Refused::Month, _) => "There is no such month.",
    }
}

/// How a field stands, as a sentence.
pub(super) fn said(field: &FieldView) -> String {
    let label = label(field.kind);
    let keys = match field.length {
        1 => "1 digit".to_owned(),
        length => format!("{length} digits"),
    };
    match field.state {
        FieldState::Waiting => format!("{label}: not yet asked for."),
        FieldState::Open => format!("{label}: {keys} keyed."),
        FieldState::MayEnd => format!("{label}: {keys} keyed, may be complete."),
        FieldState::Complete => format!("{label}: complete, {keys}."),
        FieldState::Skipped => format!("{label}: to be typed."),
        FieldState::Refused(why) => format!("{label}: {}", refused(field.kind, why)),
    }
}

pub(super) fn dropped(keys: u64) -> Option<String> {
    match keys {
        0 => None,
        1 => Some("1 key was pressed while no field was open. It was not used.".to_owned()),
        keys => Some(format!("{keys} keys were pressed while no field was open. They were not used.")),
    }
}

pub(super) const fn start_again(shown: &Shown) -> &'static str {
    match shown {
        Shown::Result(_) => "Try again",
        Shown::Waiting
        | Shown::Reference(_)
        | Shown::Securing
        | Shown::Keying
        | Shown::Details
        | Shown::Sending
        | Shown::Resolving
        | Shown::Stopped(_)
        | Shown::Ended(_) => "Start again",
    }
}

pub(super) const fn cancel(shown: &Shown) -> &'static str {
    match shown {
        Shown::Result(_) => "New payment",
        Shown::Waiting
        | Shown::Reference(_)
        | Shown::Securing
        | Shown::Keying
        | Shown::Details
        | Shown::Sending
        | Shown::Resolving
        | Shown::Stopped(_)
        | Shown::Ended(_) => "Cancel payment",
    }
}
