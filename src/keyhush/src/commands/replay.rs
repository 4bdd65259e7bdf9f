//! `keyhush replay`

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Write, stdout};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use calls::SecureDefault;
use handover::{Counter, Side};
use replay::{Options, Report};
use secret::Pad;
use serde_json::{Map, Value, json};

use crate::cli::{ReplayArgs, Secure};
use crate::exit::Failure;

mod tally;

use tally::{OfCall, Tally};

/// Takes a capture through the pipeline, writes what would have left, and reports.
pub(crate) fn run(given: &ReplayArgs) -> Result<(), Failure> {
    let input = File::open(&given.input).map_err(|error| Failure::file(&given.input, &error))?;
    let output = create(given, &given.output, 0o644)?;
    let random = |page: &mut [u8]| File::open("/dev/urandom")?.read_exact(page);
    let pad = Pad::new(random)
        .map_err(|error| Failure::new(format!("no locked memory for digits: {error}; see `ulimit -l`")))?;
    let secure = match given.secure {
        Secure::Always => SecureDefault::Always(given.mask_key),
        Secure::Never => SecureDefault::Never,
    };
    let mut tally = Tally::new(pad.clone(), reveals(given));
    let options = Options::new(given.carrier, secure, pad);
    let replayed =
        replay::run(BufReader::new(input), BufWriter::new(output), options, &mut |press| tally.take(press));
    let report = replayed.map_err(|error| Failure::new(format!("{}: {error}", given.input.display())))?;
    if let Some(at) = report.cut_at {
        eprintln!("keyhush: {}: cut off in the midst of a packet at byte {at}", given.input.display());
    }
    if given.secure == Secure::Always && (report.calls == 0 || report.frames_from_carrier == 0) {
        eprintln!("keyhush: {}: nothing was masked: {}", given.input.display(), unmasked(&report));
    }
    let calls = tally.finish();
    match given.report.as_deref() {
        None => summary(&mut stdout().lock(), given, &report, &calls).or_else(Failure::output),
        Some(path) if path == Path::new("-") => {
            writeln!(stdout(), "{:#}", in_json(given, &report, &calls)).or_else(Failure::output)
        }
        Some(path) => {
            let mode = if reveals(given) { 0o600 } else { 0o644 };
            let mut file = create(given, path, mode)?;
            writeln!(file, "{:#}", in_json(given, &report, &calls))
                .map_err(|error| Failure::file(path, &error))
        }
    }
}

/// Why a capture holds no call in SecureMode.
fn unmasked(report: &Report) -> &'static str {
    if report.frames_from_carrier == 0 {
        "no packet came from the carrier; see --carrier"
    } else {
        "no call was seen being set up by SIP over UDP, and media alone belongs to none"
    }
}

#[cfg(feature = "reveal-digits")]
fn reveals(given: &ReplayArgs) -> bool {
    given.reveal_digits
}

#[cfg(not(feature = "reveal-digits"))]
fn reveals(_given: &ReplayArgs) -> bool {
    false
}

/// Makes a file for output; never out of the capture that is being read.
fn create(given: &ReplayArgs, path: &Path, mode: u32) -> Result<File, Failure> {
    let identity = |path: &Path| fs::metadata(path).map(|own| (own.dev(), own.ino())).ok();
    if identity(path).is_some_and(|own| identity(&given.input) == Some(own)) {
        return Err(Failure::new(format!("{}: is the capture itself; name another file", path.display())));
    }
    let opened = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(path);
    opened.map_err(|error| Failure::file(path, &error))
}

fn in_json(given: &ReplayArgs, report: &Report, calls: &[OfCall]) -> Value {
    let counters: Map<String, Value> =
        report.counters.iter().map(|(counter, many)| (counter.name().to_owned(), (*many).into())).collect();
    let all = OfCall::sum(calls);
    json!({
        "capture": given.input.display().to_string(),
        "carrier": given.carrier.to_string(),
        "secure": match given.secure { Secure::Always => "always", Secure::Never => "never" },
        "mask_key": char::from(given.mask_key.ascii()).to_string(),
        "frames": {
            "read": report.frames_in,
            "from_carrier": report.frames_from_carrier,
            "written": report.frames_out,
            "sliced": report.frames_sliced,
            "cut_at": report.cut_at,
        },
        "calls": report.calls,
        "legs": report.legs,
        "flows": report.flows,
        "packets": counters,
        "presses": {
            "merged": all.merged,
            "by_transport": by_transport(&all),
            "calls": calls.iter().map(call_in_json).collect::<Vec<_>>(),
        },
    })
}

fn call_in_json(own: &OfCall) -> Value {
    let mut value = json!({
        "call": format!("{}.{}", own.call.slot, own.call.generation),
        "from": side(own.from),
        "merged": own.merged,
        "by_transport": by_transport(own),
    });
    if let Some(digits) = own.revealed() {
        value["digits"] = digits.into();
    }
    value
}

fn by_transport(own: &OfCall) -> Map<String, Value> {
    own.by_transport().map(|(transport, many)| (transport.name().to_owned(), many.into())).collect()
}

fn side(side: Side) -> &'static str {
    match side {
        Side::Carrier => "carrier",
        Side::Customer => "customer",
    }
}

fn summary(out: &mut impl Write, given: &ReplayArgs, report: &Report, calls: &[OfCall]) -> io::Result<()> {
    let all = OfCall::sum(calls);
    writeln!(
        out,
        "{}: {} packets read, {} from the carrier; {} written to {}",
        given.input.display(),
        report.frames_in,
        report.frames_from_carrier,
        report.frames_out,
        given.output.display(),
    )?;
    writeln!(out, "{} calls, {} legs, {} media flows", report.calls, report.legs, report.flows)?;
    let parts: Vec<String> = all
        .by_transport()
        .filter(|(_, many)| *many > 0)
        .map(|(transport, many)| format!("{many} by {}", transport.name()))
        .collect();
    let parts = if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) };
    let agents: u64 = calls.iter().filter(|own| own.from == Side::Customer).map(|own| own.merged).sum();
    let of_agents = if agents == 0 { String::new() } else { format!(", {agents} of them the agents'") };
    writeln!(out, "{} key presses captured{parts}{of_agents}", all.merged)?;
    // Frames in and out have been told; what is left are the reasons.
    let told = [Counter::RxCarrier, Counter::RxCustomer, Counter::TxCarrier, Counter::TxCustomer];
    let width = report.counters.iter().map(|(counter, _)| counter.name().len()).max().unwrap_or(0);
    for (counter, many) in
        report.counters.iter().filter(|(counter, many)| *many > 0 && !told.contains(counter))
    {
        writeln!(out, "  {:width$}  {many:>9}  {}", counter.name(), counter.help())?;
    }
    Ok(())
}
