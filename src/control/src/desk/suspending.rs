//! The page on which an agent suspends a recording: one for each agent, who has one telephone. A call reference that is keyed in a call
//! finds it, as for payments, and suspends its recording at once; the page resumes it, and suspends it again.

use core::time::Duration;
use std::collections::HashMap;

use handover::{CallHandle, Instant};
use payment::SessionId;

use super::recordings::NotSuspended;
use super::shown::{Reference, page_call};
use super::{Desk, NoPayment};
use crate::page::suspension::{Stage, SuspensionView};
use crate::recordings::order::{Fact, RecordingOrder};
use crate::store::Agent;
use crate::web::{Channel, ChannelLimits};

/// Agents' pages at a time.
const LINES: usize = 10_000;
/// How long what became of a reference or a call is still there to be read.
const AFTERGLOW: Duration = Duration::from_secs(120);

/// The agents' pages.
#[derive(Default)]
pub(crate) struct Lines {
    of_agents: HashMap<i64, Line>,
    /// The agents whose references these sessions' are.
    sessions: HashMap<SessionId, i64>,
}

/// An agent's page.
struct Line {
    agent: Agent,
    channel: Channel,
    state: State,
}

enum State {
    /// A reference may be keyed, until then.
    Reference(SessionId, Instant),
    /// It was: in these calls, which are one conversation; it may be heard in more.
    Calls(SessionId, Vec<CallHandle>),
    /// Neither, since then, and what came of it.
    Over(Instant, Stage),
}

impl Lines {
    /// Sends these agents' pages away.
    pub(super) fn send_away(&self, agents: &[i64]) {
        agents.iter().filter_map(|agent| self.of_agents.get(agent)).for_each(|line| line.channel.close());
    }

    fn with_call(&self, call: CallHandle) -> Vec<i64> {
        let has = |line: &Line| matches!(&line.state, State::Calls(_, calls) if calls.contains(&call));
        self.of_agents.iter().filter(|(_, line)| has(line)).map(|(agent, _)| *agent).collect()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.of_agents.len()
    }
}

impl Desk {
    /// Shows an agent a new reference. What was paired with the page before goes on as it is.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) fn show_reference(&mut self, now: Instant, agent: &Agent) -> Result<(), NoPayment> {
        let served = self.directory.get(&agent.tenant).cloned().ok_or(NoPayment::NoTenant)?;
        if self.recordings.lines.len() >= LINES && !self.recordings.lines.of_agents.contains_key(&agent.id) {
            return Err(NoPayment::TooMany);
        }
        let (mut random, mut epoch) = ([0; 256], [0; 8]);
        if ![&mut random[..], &mut epoch].into_iter().all(self.random) {
            return Err(NoPayment::NoRandom);
        }
        let session = SessionId(self.next_number);
        self.next_number += 1;
        let tenant = self.tenant(&agent.tenant);
        let issued = self.pairing.issue(now, tenant, session, served.reference, &random);
        let (_, until) = issued.map_err(|_| NoPayment::TooMany)?;
        let state = State::Reference(session, until);
        let new = |agent: &Agent| Line {
            agent: agent.clone(),
            channel: Channel::new(ChannelLimits::default(), u64::from_ne_bytes(epoch)),
            state: State::Over(now, Stage::Idle),
        };
        let line = self.recordings.lines.of_agents.entry(agent.id).or_insert_with(|| new(agent));
        let former = std::mem::replace(&mut line.state, state);
        self.let_reference_go(&former);
        self.recordings.lines.sessions.insert(session, agent.id);
        self.show_line(now, agent.id);
        Ok(())
    }

    fn let_reference_go(&mut self, state: &State) {
        if let State::Reference(session, _) | State::Calls(session, _) = state {
            self.pairing.withdraw(*session);
            self.recordings.lines.sessions.remove(session);
        }
    }

    /// Suspends or resumes what is paired with an agent's page. `None` where nothing is.
    pub(crate) fn click_line(
        &mut self,
        now: Instant,
        agent: &Agent,
        suspend: bool,
    ) -> Option<Result<(), NotSuspended>> {
        let line = self.recordings.lines.of_agents.get(&agent.id)?;
        let State::Calls(_, calls) = &line.state else { return None };
        let mut done = Ok(());
        for call in calls.clone() {
            if suspend {
                done = done.and(self.suspend(now, call, Some(&agent.user_name)).map(|_| ()));
            } else {
                self.resume(now, call);
            }
        }
        Some(done)
    }

    /// What an agent's page shows, and the channel by which it hears of changes, where there has been one.
    pub(crate) fn line(&self, now: Instant, agent: &Agent) -> (String, Option<&Channel>) {
        let line = self.recordings.lines.of_agents.get(&agent.id);
        (self.line_shown(now, agent, line), line.map(|line| &line.channel))
    }

    fn line_shown(&self, now: Instant, agent: &Agent, line: Option<&Line>) -> String {
        let served = self.directory.get(&agent.tenant);
        let is_recorded = served.is_some_and(|served| served.tenant.recording.is_some());
        let view = match line.map(|line| &line.state) {
            _ if !is_recorded => SuspensionView::of(Stage::NotRecorded),
            None => SuspensionView::of(Stage::Idle),
            Some(State::Over(_, stage)) => SuspensionView::of(*stage),
            Some(State::Reference(session, until)) => {
                let mut digits = Reference::default();
                if let Some(reference) = self.pairing.reference(*session) {
                    reference.write_to(&mut digits);
                }
                SuspensionView {
                    reference: Some(digits.0),
                    left_s: Some(until.since(now).as_secs()),
                    ..SuspensionView::of(Stage::Reference)
                }
            }
            Some(State::Calls(_, calls)) => {
                let suspensions = calls.iter().filter_map(|call| self.recordings.suspension(*call));
                let first = suspensions.min_by_key(|suspension| suspension.until);
                let stage = if first.is_some() { Stage::Suspended } else { Stage::Recording };
                let left_s = first.map(|suspension| suspension.until.since(now).as_secs());
                let call = calls.first().and_then(|call| self.calls.get(*call));
                SuspensionView {
                    call: call.map(|known| page_call(now, known)),
                    left_s,
                    ..SuspensionView::of(stage)
                }
            }
        };
        serde_json::to_string(&view).unwrap_or_else(|_| "null".to_owned())
    }

    fn show_line(&self, now: Instant, agent: i64) {
        if let Some(line) = self.recordings.lines.of_agents.get(&agent) {
            line.channel.publish("view", &self.line_shown(now, &line.agent, Some(line)));
        }
    }

    /// A reference was heard. False where it is not one of these pages'.
    pub(super) fn heard_on_line(&mut self, now: Instant, session: SessionId, call: CallHandle) -> bool {
        let Some(agent) = self.recordings.lines.sessions.get(&session).copied() else { return false };
        let is_recorded = self.recordings.tenant(call).is_some();
        let was_suspended = self.recordings.suspension(call).is_some();
        let Some(line) = self.recordings.lines.of_agents.get_mut(&agent) else { return true };
        let name = line.agent.user_name.clone();
        match &mut line.state {
            _ if !is_recorded => line.state = State::Over(now, Stage::CallNotRecorded),
            State::Calls(_, calls) if calls.contains(&call) => return true,
            State::Calls(_, calls) => calls.push(call),
            State::Reference(..) | State::Over(..) => line.state = State::Calls(session, vec![call]),
        }
        if !is_recorded {
            self.pairing.withdraw(session);
            self.recordings.lines.sessions.remove(&session);
        } else if was_suspended {
            // By keys, perhaps: whose they were is known only now.
            self.recordings.order(RecordingOrder::Fact { call, fact: Fact::Agent(name) });
        } else {
            // Where it cannot be, the page goes on saying that the call is recorded.
            let _ = self.suspend(now, call, Some(&name));
        }
        self.show_line(now, agent);
        true
    }

    /// Something of a call has changed that pages may show.
    pub(super) fn line_changed(&self, now: Instant, call: CallHandle) {
        for agent in self.recordings.lines.with_call(call) {
            self.show_line(now, agent);
        }
    }

    /// A call is over.
    pub(super) fn line_ended(&mut self, now: Instant, call: CallHandle) {
        for agent in self.recordings.lines.with_call(call) {
            let Some(line) = self.recordings.lines.of_agents.get_mut(&agent) else { continue };
            let State::Calls(session, calls) = &mut line.state else { continue };
            calls.retain(|own| *own != call);
            if calls.is_empty() {
                let session = *session;
                line.state = State::Over(now, Stage::CallOver);
                self.pairing.withdraw(session);
                self.recordings.lines.sessions.remove(&session);
            }
            self.show_line(now, agent);
        }
    }

    /// Once a turn: references whose time is over, pages that nobody reads any more.
    pub(super) fn turn_lines(&mut self, now: Instant) {
        let mut gone = Vec::new();
        for (agent, line) in &mut self.recordings.lines.of_agents {
            match line.state {
                State::Reference(session, until) if until <= now => {
                    line.state = State::Over(now, Stage::ReferenceOver);
                    gone.push((*agent, Some(session)));
                }
                State::Over(since, _) if now.since(since) >= AFTERGLOW && line.channel.subscribers() == 0 => {
                    gone.push((*agent, None));
                }
                _ => {}
            }
        }
        for (agent, session) in gone {
            if let Some(session) = session {
                self.pairing.withdraw(session);
                self.recordings.lines.sessions.remove(&session);
                self.show_line(now, agent);
            } else if let Some(line) = self.recordings.lines.of_agents.remove(&agent) {
                line.channel.close();
            }
        }
    }
}
