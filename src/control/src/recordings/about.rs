//! What a call is, to its recording: kept sealed with it, signed in its proof, and found in the index.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use handover::{Instant, Side};
use recording::document::{Text, Word};
use recording::encoding::Encoding;
use recording::frame::Format;
use recording::ledger::Event;
use recording::marks::Formats;
use recording::merkle::Hash;
use recording::proof::{self, Channel, Ending, Interval, Mark, Origin, Proof, Statement};
use recording::sealed::Head;
use recording::second::{End, EndKind, MarkKind};
use recording::verify::header_hash;
use recording::wav;
use serde::{Deserialize, Serialize};

use super::order::{Fact, ToRecord};
use crate::store::{Recording, Timestamp};

/// Agents, and orders, that are told of one call.
const MOST: usize = 16;
/// Days for which a recording is kept that does not say it: six months.
const KEEP_DAYS: u64 = 183;
const DAY_MILLIS: u64 = 86_400_000;

/// What is known of a call.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub(super) struct About {
    call_id: String,
    caller: String,
    called: String,
    /// Whether the customer's side dialled.
    is_outbound: bool,
    keep_days: u32,
    agents: Vec<String>,
    orders: Vec<String>,
    /// When its recording went on by itself, from the call's beginning.
    #[serde(default)]
    ran_out: Vec<String>,
}

impl About {
    pub(super) fn new(call: &ToRecord) -> About {
        About {
            call_id: call.call_id.clone(),
            caller: call.caller.clone(),
            called: call.called.clone(),
            is_outbound: call.from == Side::Customer,
            keep_days: call.keep_days,
            ..About::default()
        }
    }

    /// What was kept with a recording. Of one that says nothing there is nothing to tell.
    pub(super) fn of_bytes(bytes: &[u8]) -> About {
        serde_json::from_slice(bytes).unwrap_or_default()
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Takes what has become known of a call that began at `begin`. Whether it was new.
    pub(super) fn learn(&mut self, fact: Fact, begin: Instant) -> bool {
        let (known, text) = match fact {
            Fact::Agent(agent) => (&mut self.agents, agent),
            Fact::Order(order) => (&mut self.orders, order),
            Fact::SuspensionRanOut { at } => {
                let seconds = at.since(begin).as_secs();
                let (minutes, second) = (seconds / 60, seconds % 60);
                (&mut self.ran_out, format!("{:02}:{:02}:{second:02}", minutes / 60, minutes % 60))
            }
        };
        let is_new = known.len() < MOST && !known.contains(&text);
        if is_new {
            known.push(text);
        }
        is_new
    }

    fn facts(&self, part: Option<&str>) -> BTreeMap<Word, Text> {
        let keep_days = if self.keep_days == 0 { String::new() } else { self.keep_days.to_string() };
        let direction = if self.is_outbound { "outbound" } else { "inbound" };
        let mut facts = BTreeMap::new();
        let mut tell = |name: &str, text: &str| {
            if let Some(name) = Word::new(name).filter(|_| !text.trim().is_empty()) {
                facts.insert(name, Text::fitted(text));
            }
        };
        tell("call-id", &self.call_id);
        tell("caller", &self.caller);
        tell("called", &self.called);
        tell("direction", direction);
        tell("keep-days", &keep_days);
        tell("part", part.unwrap_or_default());
        let many = [("agent", &self.agents), ("order", &self.orders), ("suspension-ran-out", &self.ran_out)];
        for (name, texts) in many {
            for (nth, text) in texts.iter().enumerate() {
                tell(&numbered(name, nth), text);
            }
        }
        facts
    }
}

/// `agent`, `agent-2`, `agent-3`.
fn numbered(name: &str, nth: usize) -> String {
    if nth == 0 { name.to_owned() } else { format!("{name}-{}", nth + 1) }
}

/// What was learned of a call while it was recorded lies beside its file until that is signed: its file's own beginning was written
/// before. `name` is the recording's, of whatever part.
pub(super) fn beside(directory: &Path, name: &str) -> PathBuf {
    let first = name.split_once('.').map_or(name, |(first, _)| first);
    directory.join("running").join(format!("{first}.about"))
}

/// What is known of a recording whose file says `about`. That was sealed with it; what lies beside it was not, and may have been changed,
/// or be empty after a loss of power: it is believed in nothing but what was learned.
pub(super) fn newest(directory: &Path, name: &str, about: &[u8]) -> About {
    let sealed = About::of_bytes(about);
    let beside = fs::read(beside(directory, name)).ok();
    match beside.and_then(|bytes| serde_json::from_slice(&bytes).ok()) {
        Some(About { agents, orders, ran_out, .. }) => About { agents, orders, ran_out, ..sealed },
        None => sealed,
    }
}

/// Keeps what was learned. It is brought to the disk with the recordings.
pub(super) fn keep(directory: &Path, name: &str, about: &About) -> io::Result<()> {
    let path = beside(directory, name);
    let new = path.with_extension("about-new");
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(&about.bytes())?;
    fs::rename(&new, &path)
}

/// What is signed of a recording; `now` in microseconds since 1970.
pub(super) fn statement(head: &Head, end: &End, about: &About, now: u64) -> Option<Statement> {
    let (encoding, rate) = match head.encoding {
        Encoding::ALaw => (proof::Encoding::ALaw, 8_000),
        Encoding::MuLaw => (proof::Encoding::MuLaw, 8_000),
        Encoding::Linear8 => (proof::Encoding::Pcm16, 8_000),
        Encoding::Linear16 => (proof::Encoding::Pcm16, 16_000),
    };
    let millis = end.samples.saturating_mul(1000).div_ceil(u64::from(rate));
    let gaps = end.gaps.iter().map(|gap| (gap.from * 1000, gap.to.saturating_mul(1000), Mark::Gap));
    let marks = end.marks.iter().map(|mark| {
        let kind = match mark.kind {
            MarkKind::SecureMode => Mark::SecureMode,
            MarkKind::Suspended => Mark::Suspended,
        };
        (mark.from, mark.to, kind)
    });
    let intervals = gaps.chain(marks).map(|(from, to, mark)| Interval {
        from: from.into(),
        to: u64::from(to).min(millis),
        mark,
    });
    let channel = |label, formats| Some(Channel { label: Word::new(label)?, codecs: codecs(formats) });
    Some(Statement {
        recording: Word::new(&head.name)?,
        origin: Origin::Recorded,
        tenant: Text::new(&head.tenant)?,
        facts: about.facts(head.name.split_once('.').map(|(_, part)| part)),
        encoding,
        rate,
        channels: vec![channel("caller", end.formats[0])?, channel("agent", end.formats[1])?],
        frames: end.samples,
        began: head.begin / 1000,
        signed: now,
        intervals: intervals.filter(|interval| interval.from < interval.to).collect(),
        ending: match end.kind {
            EndKind::Finished => Ending::Finished,
            EndKind::Interrupted => Ending::Interrupted,
        },
        header: header_hash(&wav::header(head.encoding, end.samples), &[]),
    })
}

fn codecs(formats: Formats) -> Vec<Word> {
    let word = |format| {
        Word::new(match format {
            Format::Pcmu => "PCMU",
            Format::Pcma => "PCMA",
            Format::G722 => "G722",
            Format::L16Narrow | Format::L16Wide => "L16",
            Format::ComfortNoise | Format::Event | Format::Other => "-",
        })
    };
    let mut codecs: Vec<Word> = formats.iter().filter_map(word).collect();
    codecs.dedup();
    if codecs.is_empty() {
        codecs.extend(Word::new("-"));
    }
    codecs
}

/// The ledger's line of a proof.
pub(super) fn event(proof: &Proof) -> Event {
    Event::Proof { recording: proof.statement().recording.clone(), proof: proof.name() }
}

/// The index's row of a recording, made from its proof.
pub(super) fn row(statement: &Statement, file: String, bytes: u64) -> Recording {
    let fact = |name: &str| {
        let found = Word::new(name).and_then(|name| statement.facts.get(&name));
        found.map_or_else(String::new, |text| text.as_str().to_owned())
    };
    let facts = |name: &str| {
        let texts = (0..MOST).map(|nth| fact(&numbered(name, nth)));
        texts.take_while(|text| !text.is_empty()).collect::<Vec<_>>()
    };
    let millis = |micros: u64| i64::try_from(micros / 1000).unwrap_or(i64::MAX);
    let duration = statement.frames.saturating_mul(1000) / u64::from(statement.rate).max(1);
    let keep = fact("keep-days").parse().unwrap_or(KEEP_DAYS).saturating_mul(DAY_MILLIS);
    let ends = millis(statement.began).saturating_add_unsigned(duration).saturating_add_unsigned(keep);
    Recording {
        name: statement.recording.as_str().to_owned(),
        tenant: statement.tenant.as_str().to_owned(),
        began: Timestamp::from_unix_millis(millis(statement.began)),
        duration,
        caller: fact("caller"),
        called: fact("called"),
        agents: facts("agent"),
        orders: facts("order"),
        is_interrupted: statement.ending == Ending::Interrupted,
        file,
        bytes,
        keep_until: Timestamp::from_unix_millis(ends),
        held: None,
        deleted: None,
    }
}

/// The hashes of a recording's seconds → the tree that is signed.
pub(super) fn tree(leaves: Vec<Hash>) -> recording::merkle::Tree {
    leaves.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_lies_beside_a_recording_changes_nothing_that_was_sealed_with_it() {
        let root = std::env::temp_dir().join(format!("keyhush-about-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(root.join("running")).unwrap();
        let sealed = About { caller: "+442079460123".into(), keep_days: 30, ..About::default() };
        let forged =
            About { caller: "+1".into(), keep_days: 1, agents: vec!["anna".into()], ..About::default() };
        keep(&root, "one", &forged).unwrap();
        let path = beside(&root, "one.2");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let newest_of = || newest(&root, "one.2", &sealed.bytes());
        assert_eq!(newest_of(), About { agents: vec!["anna".into()], ..sealed.clone() });
        for damaged in [&b""[..], b"\0\0\0", b"{"] {
            fs::write(&path, damaged).unwrap();
            assert_eq!(newest_of(), sealed, "{damaged:?}");
        }
        fs::remove_dir_all(&root).unwrap();
    }
}
