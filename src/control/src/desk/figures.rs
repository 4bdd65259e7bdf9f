//! What the desk counts, for the metrics.

use std::collections::BTreeMap;

use payment::PairingCounts;
use payment::session::Icon;

use super::Desk;

/// Counts since the loop was started.
#[derive(Default)]
pub(crate) struct Figures {
    pub(crate) begun: u64,
    pub(crate) wiped: u64,
    pub(crate) stops: u64,
    pub(crate) heartbeats_lost: u64,
    pub(crate) keys_of_nobody: u64,
    pub(crate) agents_keys_ignored: u64,
    pub(crate) calls_unknown: u64,
    pub(crate) orphans_released: u64,
    pub(crate) not_kept: u64,
    pub(crate) store_failures: u64,
    pub(crate) resolved_late: u64,
    outcomes: BTreeMap<&'static str, u64>,
}

impl Figures {
    pub(crate) fn outcome(&mut self, name: &'static str) {
        *self.outcomes.entry(name).or_default() += 1;
    }
}

/// A figure with its name and what it says.
pub(crate) type Figure = (&'static str, &'static str, u64);

/// Everything that is shown of the desk to whoever watches the box. No call, agent or number is in it.
#[derive(Default)]
pub(crate) struct DeskFigures {
    /// What only rises.
    pub(crate) counts: Vec<Figure>,
    /// What is there now.
    pub(crate) now: Vec<Figure>,
    /// What became of attempts.
    pub(crate) outcomes: Vec<(&'static str, u64)>,
    /// How long the slowest lcore has not beaten, in seconds.
    pub(crate) heartbeat_age: f64,
}

impl Desk {
    /// What is shown of the desk.
    pub(crate) fn all_figures(&self) -> DeskFigures {
        let own = &self.figures;
        let (orders_waiting, suspended, orders_lost) = self.recordings.depths();
        let PairingCounts { issued, heard, expired, wrong, limited, unheard } = self.pairing.counts();
        let many = |count: usize| count as u64;
        let with_icon = |icon: Icon| many(self.with_icon(icon).count());
        let open = self.of_agents.values().map(|(open, _)| open).sum();
        DeskFigures {
            counts: vec![
                ("payments_begun", "Payments that agents began.", own.begun),
                ("cards_wiped", "Cards that were wiped: sent, given up or started again.", own.wiped),
                ("secure_mode_stops", "How often a page said STOP.", own.stops),
                ("heartbeats_lost", "How often the data path's heartbeat was lost.", own.heartbeats_lost),
                (
                    "keys_of_nobody",
                    "Keys in calls that are not known, or are of no tenant.",
                    own.keys_of_nobody,
                ),
                (
                    "agent_keys_ignored",
                    "Agents' keys beside a payment that was under way.",
                    own.agents_keys_ignored,
                ),
                ("calls_unknown", "Calls for which the control core had no room.", own.calls_unknown),
                (
                    "secure_mode_orphans_released",
                    "Calls taken out of SecureMode whose payment was lost with an earlier control core.",
                    own.orphans_released,
                ),
                (
                    "payments_not_written_down",
                    "Payments not sent because they could not be kept.",
                    own.not_kept,
                ),
                (
                    "payments_resolved_late",
                    "Payments whose outcome was learned after their page had gone.",
                    own.resolved_late,
                ),
                (
                    "store_failures",
                    "How often the store could not be used.",
                    own.store_failures + self.records.failed,
                ),
                (
                    "results_lost",
                    "Results for which there was no room while the store could not be used.",
                    self.records.lost,
                ),
                ("recordings_ordered", "Calls whose recording was ordered.", self.recordings.ordered),
                (
                    "recording_suspensions",
                    "How often a recording was suspended.",
                    self.recordings.suspensions,
                ),
                (
                    "recording_suspensions_ran_out",
                    "How often a recording that nobody resumed went on by itself.",
                    self.recordings.ran_out,
                ),
                (
                    "recording_orders_lost",
                    "Orders for which there was no room while the recorder did not take them.",
                    orders_lost,
                ),
                ("references_issued", "Call references issued.", issued),
                ("references_heard", "Call references heard, once for each call.", heard),
                ("references_expired", "Call references that nobody keyed in time.", expired),
                (
                    "references_wrong",
                    "Numbers keyed that could have been a call reference and were none.",
                    wrong,
                ),
                (
                    "references_limited",
                    "Numbers not compared: their call or its tenant had guessed too often.",
                    limited,
                ),
                ("references_unheard", "Numbers not heard for want of room.", unheard),
            ],
            now: vec![
                ("payments_open", "Payments that are not over.", many(open)),
                ("references_open", "Call references that may be keyed.", many(self.pairing.open())),
                ("secure_mode_payments", "Payments whose calls are in SecureMode.", with_icon(Icon::On)),
                ("secure_mode_awaited", "Payments that wait for SecureMode.", with_icon(Icon::Awaited)),
                ("calls_known", "Calls that the control core knows.", many(self.calls.len())),
                ("tenants", "Tenants that are served.", many(self.directory.len())),
                ("results_waiting", "Results that wait for the store.", many(self.records.len())),
                ("recordings_suspended", "Recordings that are suspended.", many(suspended)),
                ("recording_orders_waiting", "Orders that wait for the recorder.", many(orders_waiting)),
                (
                    "locked_slots_free",
                    "Places for digits in locked memory that are free.",
                    many(self.vault.free()),
                ),
                (
                    "heartbeat_lost",
                    "1 while the data path's heartbeat is lost.",
                    u64::from(self.heartbeat.is_lost()),
                ),
            ],
            outcomes: own.outcomes.iter().map(|(name, count)| (*name, *count)).collect(),
            heartbeat_age: self.heartbeat.longest_still().as_secs_f64(),
        }
    }
}
