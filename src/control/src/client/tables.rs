//! Answers as tables for people.

use std::io::{self, Write};

use crate::protocol::{CallLine, CounterLine, RingLine};

/// The calls in progress, one a line; further Call-IDs of a call follow indented.
///
/// # Errors
/// Those of `out`.
pub fn calls(out: &mut impl Write, calls: &[CallLine], more: usize) -> io::Result<()> {
    if calls.is_empty() && more == 0 {
        return writeln!(out, "no call in progress");
    }
    let head = ["AGE", "LEGS", "FLOWS", "STATE", "SECUREMODE", "KEYS", "CALL-ID"].map(str::to_owned);
    let mut rows = vec![head];
    for call in calls {
        let mut call_ids = call.call_ids.iter().map(|call_id| printable(call_id));
        rows.push([
            age(call.age_s),
            call.legs.to_string(),
            call.flows.to_string(),
            if call.answered { "answered" } else { "setting up" }.to_owned(),
            match call.secured {
                None => "off".to_owned(),
                Some(key) if call.unmaskable => format!("on ({key}), audio unmaskable"),
                Some(key) => format!("on ({key})"),
            },
            call.presses.merged.to_string(),
            call_ids.next().unwrap_or_default(),
        ]);
        rows.extend(call_ids.map(|call_id| {
            let mut row: [String; 7] = Default::default();
            row[6] = format!("  {call_id}");
            row
        }));
    }
    columns(out, &rows)?;
    if more > 0 {
        writeln!(out, "… and {more} more")?;
    }
    Ok(())
}

/// The counters that are not zero, or all of them, then the rings.
///
/// # Errors
/// Those of `out`.
pub fn stats(
    out: &mut impl Write,
    counters: &[CounterLine],
    rings: &[RingLine],
    all: bool,
) -> io::Result<()> {
    let row = |line: &CounterLine| [line.name.clone(), line.value.to_string(), line.help.clone()];
    let rows: Vec<_> = counters.iter().filter(|line| all || line.value > 0).map(row).collect();
    columns(out, &rows)?;
    if !rings.is_empty() {
        writeln!(out)?;
    }
    let rows: Vec<_> = rings
        .iter()
        .map(|ring| [ring.name.clone(), format!("{} of {}", ring.depth, ring.capacity)])
        .collect();
    columns(out, &rows)
}

/// Left-aligned columns, as wide as their widest text.
fn columns<const N: usize>(out: &mut impl Write, rows: &[[String; N]]) -> io::Result<()> {
    let mut widths = [0; N];
    for row in rows {
        for (width, text) in widths.iter_mut().zip(row) {
            *width = (*width).max(text.chars().count());
        }
    }
    for row in rows {
        let mut line = String::new();
        for (text, width) in row.iter().zip(widths) {
            line.push_str(&format!("{text:width$}  "));
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// Text from the network, without what a terminal would obey: control characters and changes of direction.
fn printable(text: &str) -> String {
    let obeyed = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if obeyed(c) { '\u{fffd}' } else { c }).collect()
}

fn age(seconds: u64) -> String {
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    match hours {
        0 => format!("{minutes}:{:02}", seconds % 60),
        _ => format!("{hours}:{minutes:02}:{:02}", seconds % 60),
    }
}
