//! What the page shows of a payment, with every text that an agent reads: made here, so that the script only shows it.
//!
//! Nothing is in it that [`payment::View`] does not let agents see: of a card number the first six and last four digits where the
//! tenant shows them, and a bullet for every other key.

use std::borrow::Cow;

use payment::session::{Icon, Shown};
use payment::{FieldKind, FieldState, FieldView, Money, Outcome, Refused, View};
use serde::Serialize;

use super::{amount, words};

/// A text: most are the same for everybody.
pub type Text = Cow<'static, str>;

/// What the session does not know of itself.
#[derive(Clone, Copy, Debug)]
pub struct Context<'c> {
    /// The digits of the call reference, while there is one. It is no card data.
    pub reference: Option<&'c str>,
    /// For how many seconds more it can be keyed.
    pub reference_seconds: Option<u32>,
    /// The key that tells a reference to the box, where the tenant has one.
    pub prefix: Option<char>,
    /// The paired calls.
    pub calls: &'c [PageCall],
    /// How much.
    pub money: Money,
    /// The merchant's order.
    pub order: &'c str,
    /// What the agent is asked to type beside the expiry: valid from, issue number.
    pub typed: &'c [FieldKind],
    /// How many digits the security code of the card's brand has, where that is known: 3 or 4.
    pub code_length: Option<u8>,
}

/// A paired call, so that an agent sees a wrong pairing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct PageCall {
    /// The number of the other end, as it is written.
    pub number: String,
    /// When the call began: `14:03:22`.
    pub since: String,
    /// Who dialled: `The caller dialled` or `Your side dialled`.
    pub side: &'static str,
}

/// All that the page shows.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct PageView {
    /// `waiting`, `reference`, `securing`, `keying`, `details`, `sending`, `resolving`, `result`, `stopped` or `ended`.
    pub stage: &'static str,
    /// The place in the row of steps: 0 reference, 1 card number, 2 security code, 3 details, 4 result.
    pub step: Option<u8>,
    /// The digits of the call reference while it can be keyed.
    pub reference: Option<String>,
    /// For how many seconds more.
    pub reference_seconds: Option<u32>,
    /// `off`, `awaited`, `on` or `stop`.
    pub icon: &'static str,
    /// What stands beside it.
    pub icon_text: &'static str,
    /// Whether the page says STOP.
    pub loud: bool,
    /// What is the case.
    pub headline: Text,
    /// What the agent is to do or to say now.
    pub say: Text,
    /// `calm`, `busy`, `good`, `bad` or `stop`.
    pub tone: &'static str,
    /// The paired calls.
    pub calls: Vec<PageCall>,
    /// The fields that are keyed, in their order.
    pub fields: Vec<PageField>,
    /// The card's brand, once it is certain.
    pub brand: Option<String>,
    /// The kind of the field that takes keys now.
    pub open: Option<&'static str>,
    /// Keys that came while no field was open.
    pub dropped_keys: u64,
    /// What became of them.
    pub dropped_text: Option<String>,
    /// What the agent types of `expiry`, `valid_from`, `issue`.
    pub typed: Vec<&'static str>,
    /// How much, as it is read aloud.
    pub amount: String,
    /// The merchant's order.
    pub order: String,
    /// What became of the payment.
    pub result: Option<PageResult>,
    /// Which buttons there are.
    pub may: PageMay,
    /// What stands on *Start again*.
    pub start_again: &'static str,
    /// What stands on *Cancel*.
    pub cancel: &'static str,
}

/// A field that is keyed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct PageField {
    /// `pan`, `expiry`, `valid_from`, `issue` or `csc`.
    pub kind: &'static str,
    /// Its name.
    pub label: &'static str,
    /// `waiting`, `open`, `may_end`, `complete`, `skipped` or `refused`.
    pub state: &'static str,
    /// The same in words.
    pub state_text: &'static str,
    /// A bullet for each key, and the digits that may be seen.
    pub shown: String,
    /// How many keys.
    pub length: usize,
    /// The same as a sentence, for who cannot see it.
    pub said: String,
    /// Why it cannot be valid.
    pub problem: Option<&'static str>,
    /// Whether it can be keyed again.
    pub may_reset: bool,
}

/// What became of a payment.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct PageResult {
    /// [`Outcome::name`].
    pub outcome: &'static str,
    /// The provider's name of it.
    pub psp_reference: Option<String>,
    /// Our own name of it, by which the provider can be asked.
    pub reference: Option<String>,
}

/// Which clicks are taken.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize)]
#[expect(missing_docs, reason = "each is the click of its name")]
pub struct PageMay {
    pub next: bool,
    pub reset: bool,
    pub start_again: bool,
    pub pay: bool,
    pub ask_again: bool,
    pub cancel: bool,
}

impl PageView {
    /// What the page shows of `view`.
    pub fn of(view: &View, context: &Context<'_>) -> Self {
        let words = words::of(view, context);
        let is_referring = matches!(view.stage, Shown::Reference(_));
        let fields: Vec<PageField> = view.fields.iter().map(|field| PageField::of(field, view)).collect();
        let open = view.open.and_then(|kind| view.fields.iter().find(|field| field.kind == kind));
        PageView {
            stage: stage(&view.stage),
            step: step(view),
            reference: context.reference.filter(|_| is_referring).map(str::to_owned),
            reference_seconds: context.reference_seconds.filter(|_| is_referring),
            icon: icon(view.icon),
            icon_text: words::icon(view.icon),
            loud: view.icon == Icon::Stop,
            headline: words.headline,
            say: words.say,
            tone: words.tone,
            calls: if view.calls.is_empty() { Vec::new() } else { context.calls.to_vec() },
            fields,
            brand: view.fields.iter().find_map(|field| field.brand.clone()),
            open: view.open.map(kind),
            dropped_keys: view.dropped_keys,
            dropped_text: words::dropped(view.dropped_keys),
            typed: typed(view, context.typed),
            amount: amount::text(context.money),
            order: context.order.to_owned(),
            result: result(view),
            may: PageMay {
                next: view.may.next && open.is_some_and(may_end),
                reset: view.may.reset,
                start_again: view.may.start_again,
                pay: view.may.pay,
                ask_again: view.may.ask_again,
                cancel: view.may.cancel,
            },
            start_again: words::start_again(&view.stage),
            cancel: words::cancel(&view.stage),
        }
    }
}

impl PageField {
    fn of(field: &FieldView, view: &View) -> Self {
        // Before SecureMode is on, the first field takes keys as little as those after it.
        let is_closed =
            matches!(field.state, FieldState::Open | FieldState::MayEnd) && view.open != Some(field.kind);
        let state_now = if is_closed { FieldState::Waiting } else { field.state };
        PageField {
            kind: kind(field.kind),
            label: words::label(field.kind),
            state: state(state_now),
            state_text: words::state(state_now),
            shown: shown(field),
            length: field.length,
            said: words::said(field),
            problem: match field.state {
                FieldState::Refused(why) => Some(words::refused(field.kind, why)),
                _ => None,
            },
            may_reset: view.may.reset && state_now != FieldState::Waiting,
        }
    }
}

/// A bullet for each key, and of a card number the digits that may be seen.
fn shown(field: &FieldView) -> String {
    let is_pan = field.kind == FieldKind::Pan;
    let first = field.first_six.as_ref().filter(|_| is_pan).map_or("", |six| six.as_str());
    let last = field.last_four.as_ref().filter(|_| is_pan).map_or("", |four| four.as_str());
    let hidden = field.length.saturating_sub(first.len() + last.len());
    let mut shown = String::with_capacity(first.len() + '•'.len_utf8() * hidden + last.len());
    shown.push_str(first);
    shown.extend(std::iter::repeat_n('•', hidden));
    shown.push_str(last);
    shown
}

/// Whether *Next* does something: a number may end here, or an optional field is left to the agent.
fn may_end(field: &FieldView) -> bool {
    field.state == FieldState::MayEnd
        || field.state == FieldState::Open && field.length == 0 && field.kind.is_optional()
}

/// What the agent types: the expiry unless it was keyed, what the tenant wants typed, and what was left out of the keying.
fn typed(view: &View, wanted: &[FieldKind]) -> Vec<&'static str> {
    let is_typed = |kind: FieldKind| match view.fields.iter().find(|field| field.kind == kind) {
        Some(field) => field.state == FieldState::Skipped,
        None => kind == FieldKind::Expiry || wanted.contains(&kind),
    };
    let optional = FieldKind::ALL.into_iter().filter(|kind| kind.is_optional());
    optional.filter(|kind| is_typed(*kind)).map(kind).collect()
}

fn result(view: &View) -> Option<PageResult> {
    let Shown::Result(outcome) = &view.stage else { return None };
    let psp_reference = match outcome {
        Outcome::Approved { psp_reference } => Some(psp_reference.clone()).filter(|name| !name.is_empty()),
        Outcome::Declined { psp_reference, .. } => psp_reference.clone(),
        Outcome::InputRefused(_) | Outcome::Misconfigured | Outcome::NotTaken | Outcome::Unknown => None,
    };
    let reference = view.attempt.as_ref().map(|attempt| attempt.reference.clone());
    Some(PageResult { outcome: outcome.name(), psp_reference, reference })
}

fn step(view: &View) -> Option<u8> {
    match &view.stage {
        Shown::Waiting | Shown::Reference(_) => Some(0),
        Shown::Securing => Some(if view.fields.is_empty() { 0 } else { 1 }),
        Shown::Keying if view.open == Some(FieldKind::Csc) => Some(2),
        Shown::Keying => Some(1),
        Shown::Details => Some(3),
        Shown::Sending | Shown::Resolving | Shown::Result(_) => Some(4),
        Shown::Stopped(_) | Shown::Ended(_) => None,
    }
}

const fn stage(shown: &Shown) -> &'static str {
    match shown {
        Shown::Waiting => "waiting",
        Shown::Reference(_) => "reference",
        Shown::Securing => "securing",
        Shown::Keying => "keying",
        Shown::Details => "details",
        Shown::Sending => "sending",
        Shown::Resolving => "resolving",
        Shown::Result(_) => "result",
        Shown::Stopped(_) => "stopped",
        Shown::Ended(_) => "ended",
    }
}

const fn icon(icon: Icon) -> &'static str {
    match icon {
        Icon::Off => "off",
        Icon::Awaited => "awaited",
        Icon::On => "on",
        Icon::Stop => "stop",
    }
}

/// A field's name in what pages and server say to each other.
pub const fn kind(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::Pan => "pan",
        FieldKind::Expiry => "expiry",
        FieldKind::ValidFrom => "valid_from",
        FieldKind::Issue => "issue",
        FieldKind::Csc => "csc",
    }
}

/// The field of a name.
pub fn kind_of(name: &str) -> Option<FieldKind> {
    FieldKind::ALL.into_iter().find(|own| kind(*own) == name)
}

const fn state(state: FieldState) -> &'static str {
    match state {
        FieldState::Waiting => "waiting",
        FieldState::Open => "open",
        FieldState::MayEnd => "may_end",
        FieldState::Complete => "complete",
        FieldState::Skipped => "skipped",
        FieldState::Refused(Refused::NoBrand | Refused::CheckDigit | Refused::Length | Refused::Month) => {
            "refused"
        }
    }
}
