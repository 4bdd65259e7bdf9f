//! The client companies: one TOML file each, in a directory beside the box's file. All of them load, or none does.
//!
//! | module | holds |
//! |---|---|
//! | `model` | a tenant as the rest of the program reads it |
//! | `numbers` | telephone numbers as tenants write them and as SIP carries them |
//! | `credentials` | the file with a PSP's key |
//! | `read` | one file → one tenant |
//! | `psp` | its `[psp]` |
//! | `recording` | its `[recording]` |

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::model::Settings;
use crate::parse::read_text;
use crate::problem::{LoadError, Problem, Problems};

mod credentials;
mod model;
mod numbers;
mod psp;
mod read;
mod recording;

pub use credentials::{Credentials, CredentialsError};
pub use model::{CallReferences, Choices, Endpoint, Keying, PanDisplay, PrefixKey, Provider, Psp, Tenant};
pub use numbers::Numbers;
pub(crate) use psp::{Unclear as AddressUnclear, http_endpoint};
#[cfg(test)]
pub(crate) use read::TABLES;
pub use recording::Recording;

/// Files in a directory of tenants.
const TENANTS_MAX: usize = 4096;

/// All tenants of a box.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tenants {
    /// In the order of their names.
    list: Vec<Tenant>,
    /// Of each length, by the first of a range: its last, and the tenant's place.
    ranges: BTreeMap<(u8, u64), (u64, usize)>,
    /// Prefixes by length and digits.
    prefixes: HashMap<(u8, u64), usize>,
}

/// A tenant's file while it is not yet known whether it goes with the others.
struct Draft {
    file: PathBuf,
    tenant: Option<Tenant>,
    /// Line and column of each of the tenant's numbers and trunks.
    places: Places,
    problems: Vec<Problem>,
}

/// Where a tenant's numbers and trunks are written, in their order.
#[derive(Default)]
struct Places {
    numbers: Vec<(usize, usize)>,
    trunks: Vec<(usize, usize)>,
    /// Where it is written that the tenant's calls are recorded.
    record: (usize, usize),
}

impl Settings {
    /// Reads the tenants that these settings name, and looks whether their trunks are wires, and whether recordings have a place.
    ///
    /// # Errors
    /// See [`Tenants::load`].
    pub fn load_tenants(&self) -> Result<Tenants, LoadError> {
        let Some(directory) = &self.tenants else { return Ok(Tenants::default()) };
        let wires: Vec<&str> = self.wires.iter().map(|wire| wire.name.as_str()).collect();
        load(directory, Some(&OfBox { wires: &wires, records: self.recordings.is_some() }))
    }
}

impl Tenants {
    /// Reads every `*.toml` in a directory. All or nothing: one wrong file, and there are no tenants.
    ///
    /// # Errors
    /// That the directory or a file cannot be read, or everything that is wrong with the files.
    pub fn load(directory: &Path) -> Result<Tenants, LoadError> {
        load(directory, None)
    }

    /// The tenant to whom a number belongs: `+442071838750`, `00442071838750`, `442071838750`, `tel:+44-20-7183-8750`, or the
    /// user part or whole of a SIP address with its parameters. `None` for national numbers, and where no tenant has it.
    pub fn of_number(&self, number: &str) -> Option<&Tenant> {
        let (length, value) = numbers::normalise(number)?;
        let range = self.ranges.range(..=(length, value)).next_back();
        if let Some((&(long, _), &(last, place))) = range
            && long == length
            && value <= last
        {
            return self.list.get(place);
        }
        let longest_first = (1..=length).rev();
        let cut = |short: u8| (short, value / 10u64.pow(u32::from(length - short)));
        let place = longest_first.map(cut).find_map(|prefix| self.prefixes.get(&prefix))?;
        self.list.get(*place)
    }

    /// The tenant to whom the calls of a wire belong where their numbers are no tenant's.
    pub fn of_trunk(&self, wire: &str) -> Option<&Tenant> {
        self.list.iter().find(|tenant| tenant.trunks.iter().any(|trunk| trunk == wire))
    }

    /// The tenant with this [`Tenant::id`].
    pub fn get(&self, id: &str) -> Option<&Tenant> {
        self.list.binary_search_by(|tenant| tenant.id.as_str().cmp(id)).ok().and_then(|at| self.list.get(at))
    }

    /// All of them, in the order of their ids.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Tenant> {
        self.list.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The tenants of drafts in which nothing is wrong.
    fn of(mut list: Vec<Tenant>) -> Tenants {
        list.sort_by(|one, other| one.id.cmp(&other.id));
        let mut ranges: Vec<(u8, u64, u64, usize)> = Vec::new();
        let mut prefixes = HashMap::new();
        for (place, tenant) in list.iter().enumerate() {
            for numbers in &tenant.numbers {
                match *numbers {
                    Numbers::Range { length, first, last } => ranges.push((length, first, last, place)),
                    Numbers::Prefix { length, value } => {
                        prefixes.insert((length, value), place);
                    }
                }
            }
        }
        ranges.sort_unstable();
        let mut apart: BTreeMap<(u8, u64), (u64, usize)> = BTreeMap::new();
        for (length, first, last, place) in ranges {
            // Ranges that touch are one tenant's: they become one, so that the last one that begins before a number decides.
            match apart.last_entry() {
                Some(mut before) if before.key().0 == length && first <= before.get().0 => {
                    let longest = before.get().0.max(last);
                    before.get_mut().0 = longest;
                }
                _ => {
                    apart.insert((length, first), (last, place));
                }
            }
        }
        Tenants { list, ranges: apart, prefixes }
    }
}

/// What tenants' files are held against of the box's own.
struct OfBox<'b> {
    wires: &'b [&'b str],
    /// Whether it has a place for recordings.
    records: bool,
}

fn load(directory: &Path, of_box: Option<&OfBox<'_>>) -> Result<Tenants, LoadError> {
    let files =
        files(directory).map_err(|error| LoadError::NoTenants { directory: directory.into(), error })?;
    let mut errors = Vec::new();
    let mut drafts = Vec::new();
    for file in files {
        match read_text(&file) {
            Ok(text) => drafts.push(read::read(&file, &text, of_box.map(|of_box| of_box.wires))),
            Err(error) => errors.push(error),
        }
    }
    check_alone(&mut drafts);
    if of_box.is_some_and(|of_box| !of_box.records) {
        check_recorded(&mut drafts);
    }
    let mut list = Vec::new();
    for mut draft in drafts {
        match draft.tenant {
            Some(tenant) if draft.problems.is_empty() => list.push(tenant),
            _ => {
                draft.problems.sort_by_key(|problem| (problem.line, problem.column));
                errors.push(LoadError::Wrong(Problems { file: draft.file, list: draft.problems }));
            }
        }
    }
    match (errors.pop(), errors.is_empty()) {
        (None, _) => Ok(Tenants::of(list)),
        (Some(only), true) => Err(only),
        (Some(last), false) => {
            errors.push(last);
            Err(LoadError::Several(errors))
        }
    }
}

/// The tenants' files by name. Others may lie beside them, credentials for instance.
fn files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let is_hidden =
            path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with('.'));
        if path.extension().is_some_and(|extension| extension == "toml") && !is_hidden {
            files.push(path);
        }
        if files.len() > TENANTS_MAX {
            let told = format!("there are more than {TENANTS_MAX}");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, told));
        }
    }
    files.sort();
    Ok(files)
}

/// Notes numbers and trunks that two tenants have, at the second of them.
fn check_alone(drafts: &mut [Draft]) {
    let mut found = Vec::new();
    let mut all = Vec::new();
    let mut trunks: HashMap<&str, usize> = HashMap::new();
    for (draft, Draft { tenant, places, .. }) in drafts.iter().enumerate() {
        let Some(tenant) = tenant else { continue };
        all.extend(
            tenant
                .numbers
                .iter()
                .zip(&places.numbers)
                .map(|(numbers, at)| (numbers.span(), draft, *numbers, *at)),
        );
        for (trunk, at) in tenant.trunks.iter().zip(&places.trunks) {
            if let Some(other) = trunks.insert(trunk, draft)
                && other != draft
            {
                found.push((
                    draft,
                    *at,
                    "trunks",
                    format!("\"{trunk}\""),
                    other,
                    "a wire that no other tenant has",
                ));
            }
        }
    }
    all.sort_unstable_by_key(|(span, ..)| *span);
    for (place, &((_, last), one, numbers, at)) in all.iter().enumerate() {
        let others = all[place + 1..].iter().take_while(|((first, _), ..)| *first <= last);
        for &(_, other, numbers2, at2) in others {
            if one != other && numbers.overlaps(numbers2) {
                let (second, at, found_numbers, first) =
                    if one > other { (one, at, numbers, other) } else { (other, at2, numbers2, one) };
                let told = format!("\"{found_numbers}\"");
                found.push((second, at, "numbers", told, first, "numbers that no other tenant has"));
                break; // one answer for one mistake
            }
        }
    }
    let names: Vec<String> = drafts.iter().map(|draft| file_name(&draft.file)).collect();
    for (draft, (line, column), key, what, other, expected) in found {
        let other = names.get(other).map_or("", String::as_str);
        if let Some(draft) = drafts.get_mut(draft) {
            draft.problems.push(Problem {
                line,
                column,
                key: key.to_owned(),
                found: format!("{what}, which {other} has as well"),
                expected: expected.to_owned(),
                remedy: format!("remove it here or from {other}"),
            });
        }
    }
}

/// Notes who is to be recorded where recordings have no place.
fn check_recorded(drafts: &mut [Draft]) {
    for Draft { tenant, places, problems, .. } in drafts {
        if tenant.as_ref().is_some_and(|tenant| tenant.recording.is_some()) {
            let (line, column) = places.record;
            problems.push(Problem {
                line,
                column,
                key: "recording.record".to_owned(),
                found: "true, and the box has no [recordings]".to_owned(),
                expected: "a place for recordings in the box's settings".to_owned(),
                remedy: "write [recordings] into the box's settings, or record = false".to_owned(),
            });
        }
    }
}

fn file_name(file: &Path) -> String {
    file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned()
}

/// Whether a text is a tenant's; for tests that try very many.
#[cfg(test)]
pub(crate) fn read_for_tests(file: &Path, text: &str) -> bool {
    read::read(file, text, None).problems.is_empty()
}
