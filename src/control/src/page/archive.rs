//! The archive's pages and the auditors': what they show, made on the server. The scripts add the waveform, the player's place and what a
//! check finds; without them all facts are there.

use askama::Template;
use http::StatusCode;
use http::header;
use recording::proof::Mark;

use super::{Frame, answer_with, assets, policy};
use crate::archive::asked::{Asked, Misread};
use crate::archive::when::clock;
use crate::web::Response;

/// Who is signed in, and for whom.
pub(crate) struct Around {
    pub(crate) agent_name: String,
    pub(crate) tenant_name: String,
}

/// A stretch of a recording, or how many such stretches there are.
pub(crate) struct MarkShown {
    /// `secure-mode`, `suspended`, `gap`.
    pub(crate) kind: &'static str,
    /// For people.
    pub(crate) words: String,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) from_ms: u64,
    pub(crate) to_ms: u64,
}

impl MarkShown {
    /// A stretch, in milliseconds.
    pub(crate) fn stretch(mark: Mark, from_ms: u64, to_ms: u64) -> Self {
        let words = match mark {
            Mark::SecureMode => "SecureMode: keys were masked",
            Mark::Suspended => "Suspended: nothing was recorded",
            Mark::Gap => "Lost: what was said could not be kept",
        };
        let (from, to) = (clock(from_ms), clock(to_ms.saturating_add(999)));
        MarkShown { kind: mark.word(), words: words.to_owned(), from, to, from_ms, to_ms }
    }

    /// How often one was marked so.
    pub(crate) fn counted(mark: Mark, count: usize) -> Self {
        let word = match mark {
            Mark::SecureMode => "SecureMode",
            Mark::Suspended => "Suspended",
            Mark::Gap => "Gap",
        };
        let words = if count == 1 { word.to_owned() } else { format!("{word} × {count}") };
        MarkShown { kind: mark.word(), words, from: String::new(), to: String::new(), from_ms: 0, to_ms: 0 }
    }
}

/// A recording in the list.
pub(crate) struct Listed {
    pub(crate) name: String,
    pub(crate) began: String,
    pub(crate) began_at: String,
    pub(crate) duration: String,
    pub(crate) caller: String,
    pub(crate) called: String,
    pub(crate) agents: Vec<String>,
    pub(crate) orders: Vec<String>,
    pub(crate) is_interrupted: bool,
    pub(crate) held: Option<String>,
    pub(crate) deleted: Option<String>,
    pub(crate) keep_until: String,
    pub(crate) marks: Vec<MarkShown>,
}

/// What a search found.
pub(crate) struct SearchShown {
    pub(crate) asked: Asked,
    pub(crate) misread: Option<Misread>,
    pub(crate) rows: Vec<Listed>,
    /// The address of the next page, from the `?` on.
    pub(crate) next: Option<String>,
    pub(crate) is_first: bool,
}

/// A recording on its own page.
pub(crate) struct RecordingShown {
    pub(crate) recording: Listed,
    pub(crate) duration_ms: u64,
    pub(crate) encoding: Option<String>,
    pub(crate) facts: Vec<(String, String)>,
    pub(crate) marks: Vec<MarkShown>,
    pub(crate) uses: Vec<(String, String, String)>,
}

#[derive(Template)]
#[template(path = "archive.html")]
struct SearchPage<'s> {
    frame: Frame,
    around: &'s Around,
    shown: &'s SearchShown,
}

#[derive(Template)]
#[template(path = "recording.html")]
struct RecordingPage<'s> {
    frame: Frame,
    around: &'s Around,
    shown: &'s RecordingShown,
}

#[derive(Template)]
#[template(path = "verify.html")]
struct VerifyPage {
    frame: Frame,
}

#[derive(Template)]
#[template(path = "verify_alone.html")]
struct VerifyAlone {
    style: &'static str,
    style_integrity: &'static str,
    script: &'static str,
    script_integrity: &'static str,
}

/// The list.
pub(crate) fn search(around: &Around, shown: &SearchShown) -> Response {
    let status = if shown.misread.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let frame = Frame::with_script(&assets::ARCHIVE);
    answer_with(status, &SearchPage { frame, around, shown }, policy::archive())
}

/// A recording.
pub(crate) fn recording(around: &Around, shown: &RecordingShown) -> Response {
    let frame = Frame::with_script(&assets::ARCHIVE);
    answer_with(StatusCode::OK, &RecordingPage { frame, around, shown }, policy::archive())
}

/// The auditors' page.
pub(crate) fn verify() -> Response {
    let frame = Frame::with_script(&assets::VERIFY);
    answer_with(StatusCode::OK, &VerifyPage { frame }, policy::verify())
}

/// The auditors' page as one file, which needs no server.
pub(crate) fn verify_alone() -> Response {
    let page = VerifyAlone {
        style: assets::STYLE.text,
        style_integrity: &assets::STYLE.integrity,
        script: assets::VERIFY.text,
        script_integrity: &assets::VERIFY.integrity,
    };
    answer_with(StatusCode::OK, &page, policy::verify())
        .with(header::CONTENT_DISPOSITION, "attachment; filename=\"keyhush-verify.html\"")
}

impl SearchShown {
    /// Whether it is this field that cannot be understood.
    fn is_misread(&self, field: &str) -> bool {
        self.misread.is_some_and(|(misread, _)| misread == field)
    }
}

impl RecordingShown {
    /// Whether anything is marked so.
    fn has(&self, kind: &&str) -> bool {
        self.marks.iter().any(|mark| mark.kind == *kind)
    }

    /// What a mark is called beside the waveform.
    fn word(&self, kind: &&str) -> &'static str {
        match *kind {
            "secure-mode" => "SecureMode",
            "suspended" => "Suspended",
            _ => "Lost",
        }
    }

    /// What a fact of the proof is called, for people.
    fn fact<'f>(&self, name: &'f str) -> &'f str {
        match name {
            "call-id" => "Call-ID",
            "direction" => "Direction",
            "keep-days" => "Days it is kept",
            other => other,
        }
    }
}
