//! How long it takes from a key that leaves the caller's telephone to its dot on the page.

use keyhush_tests::live::agent::Agent;
use keyhush_tests::live::browser::Sight;
use keyhush_tests::live::capture::{Press, now};
use keyhush_tests::live::{Outcome, Trouble};

/// What was seen of several payments, one after the other, of a tenant that shows no digit.
#[derive(Default)]
pub(crate) struct Dots {
    payments: Vec<(f64, Vec<Sight>)>,
}

impl Dots {
    /// Begins to watch, before the first key of a payment.
    pub(crate) fn watch(&mut self, agent: &Agent) -> Outcome<()> {
        agent.window.watch(Agent::DOTS)
    }

    /// Takes what was seen, after the last key of a payment.
    pub(crate) fn collect(&mut self, agent: &Agent) -> Outcome<()> {
        self.payments.push((now(), agent.window.watched()?));
        Ok(())
    }

    /// From each press to its dot, in seconds, the longest last. `presses` are all of the caller's while it was watched.
    pub(crate) fn delays(&self, presses: &[Press]) -> Outcome<Vec<f64>> {
        let mut delays = Vec::new();
        for (end, seen) in &self.payments {
            let (Some(first), dots) =
                (seen.first(), |sight: &Sight| sight.value.as_u64().unwrap_or_default())
            else {
                return Err(Trouble::new("nothing was watched"));
            };
            let of_it = presses.iter().filter(|press| (first.at..*end).contains(&press.at));
            for (number, press) in (dots(first) + 1..).zip(of_it) {
                let seen = seen.iter().find(|sight| dots(sight) >= number);
                let seen =
                    seen.ok_or_else(|| Trouble::new(format!("the dot of key {number} was not seen")))?;
                delays.push(seen.at - press.at);
            }
        }
        delays.sort_by(f64::total_cmp);
        Ok(delays)
    }
}
