//! A session as its page shows it: the session's view, and what it does not know of itself.

use handover::{Instant, Side};
use payment::session::{Shown, View};
use secret::DigitSink;
use settings::tenants::PrefixKey;

use super::calls::KnownCall;
use super::records::today;
use super::{Desk, Payment};
use crate::page::view::{Context, PageCall, PageView};

/// A reference on its way to the page: no card data, but nothing to be kept either.
#[derive(Default)]
pub(super) struct Reference(pub(super) String);

impl DigitSink for Reference {
    fn digits(&mut self, ascii: &[u8]) {
        self.0.extend(ascii.iter().map(|digit| char::from(*digit)));
    }
}

impl Desk {
    /// The page's state as JSON.
    pub(crate) fn shown(&self, now: Instant, payment: &Payment, view: &View) -> String {
        let reference = self.pairing.reference(payment.session.id()).map(|reference| {
            let mut digits = Reference::default();
            reference.write_to(&mut digits);
            digits.0
        });
        let reference_seconds = match view.stage {
            Shown::Reference(until) => u32::try_from(until.since(now).as_secs()).ok(),
            _ => None,
        };
        let calls: Vec<PageCall> =
            view.calls.iter().filter_map(|(call, _)| Some(page_call(now, self.calls.get(*call)?))).collect();
        let brand = view.fields.iter().find_map(|field| field.brand.as_deref());
        let code_length =
            self.brands.brands().find(|(_, own)| Some(own.name.as_str()) == brand).map(|(_, own)| own.csc);
        let context = Context {
            reference: reference.as_deref(),
            reference_seconds,
            prefix: payment.served.tenant.reference.prefix_key.map(|key| match key {
                PrefixKey::Star => '*',
                PrefixKey::Pound => '#',
            }),
            calls: &calls,
            money: payment.money,
            order: &payment.order,
            // Dates and issue numbers are typed where they were not keyed after all; the page knows which.
            typed: &[],
            code_length,
        };
        serde_json::to_string(&PageView::of(view, &context)).unwrap_or_else(|_| "null".to_owned())
    }
}

pub(super) fn page_call(now: Instant, known: &KnownCall) -> PageCall {
    let ago = i64::try_from(now.since(known.begun.since).as_millis()).unwrap_or(i64::MAX);
    let began = (today().unix_millis() - ago).rem_euclid(86_400_000) / 1000;
    let number = known.number();
    PageCall {
        number: if number.is_empty() {
            "number withheld".to_owned()
        } else {
            number.chars().take(40).collect()
        },
        since: format!("{:02}:{:02}:{:02} UTC", began / 3600, began / 60 % 60, began % 60),
        side: match known.begun.from {
            Side::Carrier => "The caller dialled",
            Side::Customer => "Your side dialled",
        },
    }
}
