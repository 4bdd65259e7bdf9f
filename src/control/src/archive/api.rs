//! `/api/recordings`: what the archive's pages ask, and other programs may. Errors are sentences for people.

use handover::Instant;
use http::{Method, StatusCode, header};
use hyper::body::Bytes;
use recording::proof::Proof;
use recording::sealed::{Reader, SealError};
use serde::Serialize;

use super::asked::{Search, cursor_of};
use super::look::{self, Marked};
use super::range::{Wanted, wanted};
use super::shelf::Shelf;
use super::when::rfc3339;
use crate::desk::people::{Made, signed_in_to_archive, told};
use crate::desk::records::{today, with_store};
use crate::recordings::ArchiveError;
use crate::site::Site;
use crate::store::{Agent, Listen, Recording, Use};
use crate::web::{Begun, Reply, Request, Response};

/// Bytes of a part that is sent at once, and of a piece of what is sent whole.
const PIECE: u64 = 512 * 1024;
/// Uses of a recording that are told.
pub(super) const MOST_USES: u32 = 200;

/// What is asked of the pool: the request, who asks, and where things are.
pub(super) struct Ground<'a> {
    pub(super) request: &'a Request,
    pub(super) agent: &'a Agent,
    pub(super) shelf: &'a std::sync::Arc<Shelf>,
    pub(super) store: &'a std::path::Path,
}

/// Why there is no answer.
pub(super) enum Missing {
    /// There is no such recording, or it is another tenant's.
    Nowhere,
    /// Its audio was deleted.
    Deleted,
    /// It cannot be read.
    Unread,
    /// Too much is under way.
    Busy,
}

impl From<crate::store::StoreError> for Missing {
    fn from(_: crate::store::StoreError) -> Self {
        Missing::Unread
    }
}

impl From<SealError> for Missing {
    fn from(_: SealError) -> Self {
        Missing::Unread
    }
}

impl From<ArchiveError> for Missing {
    fn from(error: ArchiveError) -> Self {
        match error {
            ArchiveError::NoSuchRecording => Missing::Nowhere,
            _ => Missing::Unread,
        }
    }
}

impl Missing {
    fn answer(&self) -> Response {
        let (status, why) = match self {
            Missing::Nowhere => (StatusCode::NOT_FOUND, "There is no such recording."),
            Missing::Deleted => {
                (StatusCode::GONE, "The audio of this recording was deleted; its proof is still there.")
            }
            Missing::Unread => {
                (StatusCode::SERVICE_UNAVAILABLE, "The archive cannot be read. Tell whoever runs Keyhush.")
            }
            Missing::Busy => (
                StatusCode::TOO_MANY_REQUESTS,
                "Too much is asked of the archive at once. Try again in a minute.",
            ),
        };
        told(status, why)
    }
}

/// A handler's work on the pool.
pub(super) type Job = fn(&Ground<'_>) -> Result<Made, Missing>;

/// Does a handler's work for who is signed in to the archive. `otherwise` answers who is not, `missing` says why there is nothing.
pub(super) fn answered(
    request: &Request,
    site: &mut Site,
    now: Instant,
    job: Job,
    otherwise: fn(&Request, &Site) -> Response,
    missing: fn(&Missing) -> Response,
) -> Reply<Site> {
    let Some(shelf) = site.shelf.clone() else {
        return missing(&Missing::Nowhere).into();
    };
    let asked = request.clone();
    let work = move |agent: &Agent, store: &std::path::Path| {
        let ground = Ground { request: &asked, agent, shelf: &shelf, store };
        job(&ground).unwrap_or_else(|why| Box::new(move |_: &Site| missing(&why)))
    };
    signed_in_to_archive(request, site, now, work, otherwise)
}

fn by_api(request: &Request, site: &mut Site, now: Instant, job: Job) -> Reply<Site> {
    let not_signed_in =
        |_: &Request, _: &Site| told(StatusCode::UNAUTHORIZED, "You are signed out. Sign in again.");
    answered(request, site, now, job, not_signed_in, Missing::answer)
}

/// The recording that a request names, if it is the tenant's.
pub(super) fn named(ground: &Ground<'_>) -> Result<Recording, Missing> {
    let name = ground.request.param("name").unwrap_or("");
    if !::recording::store::is_name(name) {
        return Err(Missing::Nowhere);
    }
    let found = with_store(ground.store, |store| store.recording(name))?;
    found.filter(|found| found.tenant == ground.agent.tenant).ok_or(Missing::Nowhere)
}

fn with_audio(ground: &Ground<'_>) -> Result<(Recording, Reader<std::fs::File>), Missing> {
    let recording = named(ground)?;
    if recording.deleted.is_some() {
        return Err(Missing::Deleted);
    }
    let reader = ground.shelf.audio(&recording)?;
    Ok((recording, reader))
}

/// A recording as the API tells it.
#[derive(Serialize)]
struct Shown {
    name: String,
    began: String,
    duration_ms: u64,
    caller: String,
    called: String,
    agents: Vec<String>,
    orders: Vec<String>,
    ending: &'static str,
    bytes: u64,
    keep_until: String,
    held: Option<String>,
    deleted: Option<String>,
}

impl Shown {
    fn of(recording: Recording) -> Self {
        Shown {
            name: recording.name,
            began: rfc3339(recording.began),
            duration_ms: recording.duration,
            caller: recording.caller,
            called: recording.called,
            agents: recording.agents,
            orders: recording.orders,
            ending: if recording.is_interrupted { "interrupted" } else { "finished" },
            bytes: recording.bytes,
            keep_until: rfc3339(recording.keep_until),
            held: recording.held,
            deleted: recording.deleted.map(rfc3339),
        }
    }
}

#[derive(Serialize)]
struct FoundShown {
    recordings: Vec<Shown>,
    /// What to ask as `after` for those that come next.
    next: Option<String>,
}

#[derive(Serialize)]
struct Whole {
    #[serde(flatten)]
    recording: Shown,
    encoding: Option<String>,
    rate: Option<u32>,
    facts: std::collections::BTreeMap<String, String>,
    marks: Vec<Marked>,
    uses: Vec<UseShown>,
}

#[derive(Serialize)]
struct UseShown {
    at: String,
    who: String,
    what: String,
}

#[derive(Serialize)]
struct VerdictShown {
    is_genuine: bool,
    words: String,
    #[serde(flatten)]
    verdict: ::recording::verify::Verdict,
    key: Option<String>,
    signed: Option<String>,
}

fn json(status: StatusCode, value: impl Serialize + Send + 'static) -> Made {
    Box::new(move |_: &Site| Response::json(status, &value))
}

/// Finds recordings, newest first, and where the next page begins.
pub(super) fn found(
    ground: &Ground<'_>,
    search: &Search,
) -> Result<(Vec<Recording>, Option<String>), Missing> {
    let mut found = with_store(ground.store, |store| store.recordings(&search.filter))?;
    let is_more = found.len() > search.shown;
    found.truncate(search.shown);
    let last = found.last().filter(|_| is_more);
    let next = last.map(|last| cursor_of(last.began, &last.name));
    Ok((found, next))
}

/// `GET /api/recordings`
pub(crate) fn search(request: &Request, site: &mut Site, now: Instant) -> Reply<Site> {
    by_api(request, site, now, |ground| {
        let query = ground.request.parts.uri.query().unwrap_or("");
        let (search, misread) = Search::read(query, &ground.agent.tenant);
        if let Some((field, remedy)) = misread {
            let errors = std::collections::BTreeMap::from([(field, remedy)]);
            let errors = std::collections::BTreeMap::from([("errors", errors)]);
            return Ok(json(StatusCode::UNPROCESSABLE_ENTITY, errors));
        }
        let (found, next) = found(ground, &search)?;
        let recordings = found.into_iter().map(Shown::of).collect();
        Ok(json(StatusCode::OK, FoundShown { recordings, next }))
    })
}

/// `GET /api/recordings/{name}`
pub(crate) fn recording(request: &Request, site: &mut Site, now: Instant) -> Reply<Site> {
    by_api(request, site, now, |ground| {
        let recording = named(ground)?;
        let uses = with_store(ground.store, |store| store.uses(&recording.name, MOST_USES))?;
        // A recording whose proof is lost is told all the same: without what only the proof says.
        let proof = ground.shelf.proof(&recording).ok().and_then(|bytes| Proof::from_bytes(&bytes).ok());
        let statement = proof.as_ref().map(Proof::statement);
        let facts = statement.map(|statement| {
            let fact = |(name, text): (&::recording::document::Word, &::recording::document::Text)| {
                (name.as_str().to_owned(), text.as_str().to_owned())
            };
            statement.facts.iter().map(fact).collect()
        });
        let whole = Whole {
            encoding: statement.map(|statement| statement.encoding.to_string()),
            rate: statement.map(|statement| statement.rate),
            facts: facts.unwrap_or_default(),
            marks: proof.as_ref().map(look::marks).unwrap_or_default(),
            uses: uses
                .into_iter()
                .map(|Listen { at, who, what }| UseShown { at: rfc3339(at), who, what })
                .collect(),
            recording: Shown::of(recording),
        };
        Ok(json(StatusCode::OK, whole))
    })
}

/// `GET /api/recordings/{name}/audio`, and HEAD: a WAV file, by ranges. With `?download` it is to be saved. That somebody has it is kept
/// before a byte of it goes.
pub(crate) fn audio(request: &Request, site: &mut Site, now: Instant) -> Reply<Site> {
    by_api(request, site, now, audio_of)
}

fn audio_of(ground: &Ground<'_>) -> Result<Made, Missing> {
    let (recording, mut reader) = with_audio(ground)?;
    let request = ground.request;
    let len = reader.wav_len();
    let tag = format!("\"{}\"", recording.name);
    let is_download =
        request.parts.uri.query().is_some_and(|query| query.split('&').any(|pair| pair == "download"));
    let is_head = request.parts.method == Method::HEAD;
    let range = if is_head { None } else { request.header(header::RANGE) };
    let wanted = wanted(range, request.header(header::IF_RANGE), &tag, len, PIECE);
    let file = is_download.then(|| format!("attachment; filename=\"{}.wav\"", recording.name));
    let dressed = move |response: Response| {
        let response = response.with(header::ACCEPT_RANGES, "bytes").with(header::ETAG, &tag);
        match &file {
            Some(file) => response.with(header::CONTENT_DISPOSITION, file),
            None => response,
        }
    };
    if is_head {
        let head = move |_: &Site| {
            let empty = Response::new(StatusCode::OK, WAV, "");
            dressed(empty).with(header::CONTENT_LENGTH, len.to_string())
        };
        return Ok(Box::new(head));
    }
    if wanted == Wanted::Nowhere {
        return Ok(Box::new(move |_: &Site| {
            let refusal = told(StatusCode::RANGE_NOT_SATISFIABLE, "The recording is not as long as that.");
            dressed(refusal).with(header::CONTENT_RANGE, format!("bytes */{len}"))
        }));
    }
    // What cannot be read must not count as listened to; what goes must.
    let mut piece = move |from: u64, to: u64| -> Result<Bytes, SealError> {
        let mut bytes = vec![0; usize::try_from(to - from).unwrap_or(0)];
        let read = reader.read_wav_at(from, &mut bytes)?;
        bytes.truncate(read);
        Ok(Bytes::from(bytes))
    };
    let note = || {
        let what = if is_download { Use::Downloaded } else { Use::Listened };
        let agent = ground.agent;
        let kept = |store: &mut crate::store::Store| {
            store.note_use(&recording.name, &recording.tenant, &agent.user_name, what, today())
        };
        with_store(ground.store, kept)
    };
    match wanted {
        Wanted::Part(from, to) => {
            let bytes = piece(from, to)?;
            note()?;
            Ok(Box::new(move |_: &Site| {
                let part = Response::new(StatusCode::PARTIAL_CONTENT, WAV, bytes);
                dressed(part).with(header::CONTENT_RANGE, format!("bytes {from}-{}/{len}", to - 1))
            }))
        }
        _ if len <= PIECE => {
            let bytes = piece(0, len)?;
            note()?;
            Ok(Box::new(move |_: &Site| dressed(Response::new(StatusCode::OK, WAV, bytes))))
        }
        _ => {
            let sending = ground.shelf.send().ok_or(Missing::Busy)?;
            note()?;
            let mut at = 0;
            let next = move || {
                let _held = &sending;
                let bytes = piece(at, (at + PIECE).min(len)).ok()?;
                at += bytes.len() as u64;
                Some(bytes)
            };
            let begun = Begun::new(len, next).map_err(|_| Missing::Busy)?;
            Ok(Box::new(move |_: &Site| dressed(Response::pieces(StatusCode::OK, WAV, begun.into_body()))))
        }
    }
}

const WAV: &str = "audio/wav";

/// `GET /api/recordings/{name}/proof`: the file with which anybody checks the recording.
pub(crate) fn proof(request: &Request, site: &mut Site, now: Instant) -> Reply<Site> {
    by_api(request, site, now, |ground| {
        let recording = named(ground)?;
        let bytes = ground.shelf.proof(&recording)?;
        let file = format!("attachment; filename=\"{}.proof\"", recording.name);
        Ok(Box::new(move |_: &Site| {
            let proof = Response::new(StatusCode::OK, "text/plain; charset=utf-8", bytes);
            proof.with(header::CONTENT_DISPOSITION, &file)
        }))
    })
}

/// `GET /api/recordings/{name}/waveform`
pub(crate) fn waveform(request: &Request, site: &mut Site, now: Instant) -> Reply<Site> {
    by_api(request, site, now, |ground| {
        let (_, mut reader) = with_audio(ground)?;
        let _held = ground.shelf.look().ok_or(Missing::Busy)?;
        Ok(json(StatusCode::OK, look::waveform(&mut reader)?))
    })
}

/// `GET /api/recordings/{name}/verification`: whether it is genuine, found out now.
pub(crate) fn verification(request: &Request, site: &mut Site, now: Instant) -> Reply<Site> {
    by_api(request, site, now, |ground| {
        let (recording, mut reader) = with_audio(ground)?;
        let _held = ground.shelf.look().ok_or(Missing::Busy)?;
        let trust = ground.shelf.trust()?;
        let read = Proof::from_bytes(&ground.shelf.proof(&recording)?);
        let (verdict, proof) = match read {
            Ok(proof) => (look::verdict(&mut reader, &proof, &trust)?, Some(proof)),
            Err(fault) => (::recording::verify::Verdict::BadProof { reason: fault.to_string() }, None),
        };
        let statement = proof.as_ref().map(Proof::statement);
        let signed = statement.map(|statement| statement.signed / 1_000);
        let words = verdict.words(statement).to_string();
        let shown = VerdictShown {
            is_genuine: verdict.is_genuine(),
            words,
            verdict,
            key: proof.as_ref().map(|proof| proof.key().to_string()),
            signed: signed
                .and_then(|at| i64::try_from(at).ok())
                .map(|at| rfc3339(crate::store::Timestamp::from_unix_millis(at))),
        };
        Ok(json(StatusCode::OK, shown))
    })
}
