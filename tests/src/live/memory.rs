//! What a running process holds in its memory: all of it that can be read, as a core image would have it and more.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use super::{During, Outcome, Trouble};
use crate::rest::{Find, Secrets};

/// Whose a part of the memory is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Part {
    /// Heap, stacks, data, locked pages: the process's own.
    Process,
    /// DPDK's memory, in which packets lie.
    PacketPool,
    /// The ring of a packet socket, in which the kernel lays every frame that arrives. It stays there until the kernel lays
    /// another one over it, whatever the process does; a network card that is driven by the process itself has none.
    KernelRing,
}

/// One mapping.
#[derive(Clone, Debug)]
pub struct Region {
    /// Whose it is.
    pub part: Part,
    /// Its first address.
    pub start: u64,
    /// What the kernel calls it, a file's path mostly; empty where it is nameless.
    pub name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// A process's memory.
#[derive(Clone, Debug)]
pub struct CoreImage {
    /// All that could be read, by address.
    pub regions: Vec<Region>,
    /// Bytes that not even root may read (memfd_secret(2)).
    pub unreadable: u64,
}

/// Reads all memory of a process that it may write to, as it is now; what is only read is what its files hold. Pages that a
/// core image would leave out are read too. The process must be stopped, or at rest.
///
/// # Errors
/// When there is no such process, or it is not ours to read.
pub fn core_image_of(process: u32) -> Outcome<CoreImage> {
    memory_of(process, &[Part::Process, Part::PacketPool, Part::KernelRing])
}

/// As [`core_image_of`], of some parts alone.
///
/// # Errors
/// The same.
pub fn memory_of(process: u32, parts: &[Part]) -> Outcome<CoreImage> {
    let directory = directory_of(process)?;
    let maps = fs::read_to_string(directory.join("maps")).during("reading what is mapped")?;
    let memory = File::open(directory.join("mem")).during("opening a process's memory")?;
    let mut image = CoreImage { regions: Vec::new(), unreadable: 0 };
    let is_asked_for = |mapping: &Mapping<'_>| mapping.is_writable && parts.contains(&part(mapping.name));
    for mapping in maps.lines().filter_map(Mapping::of).filter(is_asked_for) {
        let Some(bytes) = mapping.read(&memory)? else {
            image.unreadable += mapping.len;
            continue;
        };
        let Mapping { start, name, .. } = mapping;
        image.regions.push(Region { part: part(name), start, name: name.to_owned(), bytes });
    }
    Ok(image)
}

impl CoreImage {
    /// How many bytes a part has.
    pub fn len_of(&self, part: Part) -> usize {
        self.of(part).map(|region| region.bytes.len()).sum()
    }

    /// The regions of a part.
    pub fn of(&self, part: Part) -> impl Iterator<Item = &Region> {
        self.regions.iter().filter(move |region| region.part == part)
    }

    /// What is found of secrets, and in which region.
    pub fn find<'a>(&'a self, secrets: &Secrets) -> Vec<(&'a Region, Find)> {
        let finds =
            |region: &'a Region| secrets.find(&region.bytes).into_iter().map(move |find| (region, find));
        self.regions.iter().flat_map(finds).collect()
    }
}

impl Region {
    /// So many bytes around a place in it: what a find is told by.
    pub fn around(&self, at: usize, beside: usize) -> &[u8] {
        &self.bytes[at.saturating_sub(beside)..self.bytes.len().min(at + beside)]
    }
}

fn part(name: &str) -> Part {
    if name.starts_with("socket:") {
        Part::KernelRing
    } else if ["nohuge", "rtemap", "hugepage", "hugetlb"].iter().any(|of_dpdk| name.contains(of_dpdk)) {
        Part::PacketPool
    } else {
        Part::Process
    }
}

/// A line of `/proc/PID/maps`.
struct Mapping<'a> {
    start: u64,
    len: u64,
    is_writable: bool,
    name: &'a str,
}

impl<'a> Mapping<'a> {
    fn of(line: &'a str) -> Option<Mapping<'a>> {
        let (bounds, rest) = line.split_once(' ')?;
        let (start, end) = bounds.split_once('-')?;
        let (start, end) = (u64::from_str_radix(start, 16).ok()?, u64::from_str_radix(end, 16).ok()?);
        let name = rest.splitn(5, ' ').nth(4).unwrap_or_default().trim_start();
        Some(Mapping { start, len: end.checked_sub(start)?, is_writable: rest.starts_with("rw"), name })
    }

    /// What is in it; none where nobody may read it.
    fn read(&self, memory: &File) -> Outcome<Option<Vec<u8>>> {
        let mut bytes = vec![0; self.len as usize];
        match memory.read_exact_at(&mut bytes, self.start) {
            Ok(()) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => Err(error).during("reading memory"),
            Err(_) => Ok(None),
        }
    }
}

/// Where the kernel shows a process of our namespace. `/proc` may be that of the namespace around it.
fn directory_of(process: u32) -> Outcome<PathBuf> {
    let our_space = fs::read_link("/proc/self/ns/pid").during("asking for our namespace")?;
    let number = process.to_string();
    for entry in fs::read_dir("/proc").during("listing processes")?.flatten() {
        let directory = entry.path();
        let status = fs::read_to_string(directory.join("status")).unwrap_or_default();
        let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:")).unwrap_or_default();
        let is_it = numbers.split_whitespace().next_back() == Some(&number);
        if is_it && fs::read_link(directory.join("ns/pid")).is_ok_and(|space| space == our_space) {
            return Ok(directory);
        }
    }
    Err(Trouble::new(format!("there is no process {process}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mappings_are_read_and_told_apart() {
        let line = "7f00-8f00 rw-s 00000000 00:08 41                         socket:[41]";
        let mapping = Mapping::of(line).expect("a mapping");
        assert_eq!((mapping.start, mapping.len, mapping.is_writable), (0x7f00, 0x1000, true));
        assert_eq!(part(mapping.name), Part::KernelRing);
        let nameless = Mapping::of("7f00-8f00 r--p 00000000 00:00 0 ").expect("a mapping");
        assert_eq!((nameless.is_writable, nameless.name), (false, ""));
        assert_eq!((part("/memfd:nohuge (deleted)"), part("[heap]")), (Part::PacketPool, Part::Process));
    }

    #[test]
    fn our_own_memory_holds_what_we_hold() {
        // Made here, so that it stands in no file.
        let kept: Vec<u8> = (0..64_u8).map(|place| place.wrapping_mul(37) ^ 0x5a).collect();
        let image = core_image_of(std::process::id()).expect("ours to read");
        let holds = |region: &Region| region.bytes.windows(kept.len()).any(|window| window == kept);
        assert!(image.regions.iter().any(holds));
        drop(kept);
    }
}
