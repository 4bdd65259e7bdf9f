use std::collections::VecDeque;
use std::io::Cursor;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::*;
use crate::encoding::Encoding;
use crate::frame::{Channel, Format, Frame, HeldFrame};
use crate::sealed::{MasterKey, Reader};
use crate::second::{EndKind, Gap, GapCause, Second};
use crate::wav;
use crate::writer::{Medium, Volume};

mod unsynced;

const SECOND: u64 = 1_000_000_000;
const BEGIN: u64 = 1_770_000_000 * SECOND;

/// Seconds as a sink was told them.
type Told = Arc<Mutex<Vec<(u32, [Vec<u8>; 2], bool)>>>;

fn place(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("keyhush-recordings-{}-{name}", std::process::id()));
    let _ = fs::remove_dir_all(&path);
    path
}

fn store(root: &Path) -> Store {
    Store::open(root, Box::new(MasterKey::new(&[7; 32]).unwrap())).unwrap()
}

fn sink(told: &Told) -> Box<dyn SecondSink + Send> {
    let told = Arc::clone(told);
    Box::new(move |second: &Second<'_>| {
        let channels = second.channels.map(<[u8]>::to_vec);
        told.lock().unwrap().push((second.index, channels, second.is_gap));
    })
}

fn begin(name: &str, told: &Told) -> Begin {
    let next = Arc::clone(told);
    Begin {
        name: name.into(),
        tenant: "acme".into(),
        begin: BEGIN,
        began: BEGIN,
        announced: Some(Encoding::ALaw),
        about: b"a call".to_vec(),
        sink: sink(told),
        next_sink: Box::new(move || sink(&next)),
    }
}

/// The nth packet of 20 ms of a channel.
fn packet(channel: Channel, nth: u64, salt: u64) -> HeldFrame {
    let mut rtp = vec![0x80, 8];
    rtp.extend((nth as u16).to_be_bytes());
    rtp.extend((nth as u32 * 160).to_be_bytes());
    rtp.extend((salt as u32 * 2 + channel.index() as u32).to_be_bytes());
    rtp.extend((0..160).map(|at| (at + nth + salt) as u8));
    Frame::invented(channel, BEGIN + nth * 20_000_000, Format::Pcma, &rtp).held().unwrap()
}

fn feed(recorder: &mut Recorder, keys: &[Key], packets: core::ops::Range<u64>) {
    for nth in packets {
        for key in keys {
            for channel in Channel::BOTH {
                recorder.order(Order::Frame(*key, packet(channel, nth, *key)));
            }
        }
        recorder.advance(BEGIN + nth * 20_000_000);
    }
}

/// A recorder on the real disk or another, whose ended recordings are collected.
fn recorder(root: &Path, volume: Arc<dyn Volume>, limits: Limits) -> (Recorder, Arc<Mutex<Vec<PathBuf>>>) {
    let store = store(root);
    let closed: Arc<Mutex<Vec<PathBuf>>> = Arc::default();
    let paths = Arc::clone(&closed);
    let keeper =
        Keeper::start(Arc::clone(&volume), 600, move |one| paths.lock().unwrap().push(one.path)).unwrap();
    (Recorder::new(store, volume, keeper, limits), closed)
}

fn disk(root: &Path) -> Arc<dyn Volume> {
    fs::create_dir_all(root).unwrap();
    Arc::new(Disk::of(root).unwrap())
}

#[test]
fn what_a_sink_was_told_is_what_the_file_holds_and_any_part_of_it_can_be_played() {
    let root = place("whole");
    let told = Told::default();
    let (mut recorder, closed) = recorder(&root, disk(&root), Limits::default());
    recorder.begin(1, begin("one", &told)).unwrap();
    feed(&mut recorder, &[1], 0..517);
    recorder.order(Order::End(1, BEGIN + 10_345_678_900));
    drop(recorder);
    let path = closed.lock().unwrap()[0].clone();
    assert!(path.ends_with("acme/2026-02-02/one.khr"), "{}", path.display());
    let mut reader = store(&root).read(&path).unwrap();
    assert_eq!((reader.about(), reader.end().samples), (&b"a call"[..], 82_765));
    assert_eq!((reader.end().kind, reader.end().gaps.len()), (EndKind::Finished, 0));
    assert_eq!((reader.head().encoding, reader.seconds()), (Encoding::ALaw, 11));
    let told = told.lock().unwrap();
    for (nth, (index, channels, _)) in told.iter().enumerate() {
        let second = reader.second(nth as u32).unwrap();
        assert_eq!((second.index, second.channels), (*index, channels.each_ref().map(|one| &one[..])));
    }
    let mut file = Vec::new();
    reader.export(&mut file).unwrap();
    assert_eq!(file.len() as u64, reader.wav_len());
    let found = wav::find(&mut Cursor::new(&file)).unwrap();
    assert_eq!(found.samples(), 82_765);
    // G.711 is kept bit for bit.
    let [caller, _] = wav::separate(Encoding::ALaw, &file[found.at as usize..]);
    assert!((0..517u64).all(|nth| caller[nth as usize * 160 + 3] == (nth + 4) as u8));
    for (at, len) in [(0, 10), (50, 20), (16_000, 40_000), (file.len() - 5, 100), (58 + 16_000, 1)] {
        let mut part = vec![0; len];
        let count = reader.read_wav_at(at as u64, &mut part).unwrap();
        assert_eq!(part[..count], file[at..(at + len).min(file.len())]);
    }
    fs::remove_dir_all(&root).unwrap();
}

#[test]
fn a_master_key_is_its_owners_alone() {
    let root = place("master");
    directory(&root).unwrap();
    let path = root.join("master.key");
    fs::write(&path, format!("{}\n", "0f".repeat(32))).unwrap();
    let allow = |mode: u32| fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
    allow(0o640);
    assert!(matches!(MasterKey::from_file(&path), Err(SealError::OthersMayRead)));
    allow(0o600);
    let wrapped = MasterKey::new(&[0x0f; 32]).unwrap();
    let wrapped = wrapped.wrap("acme", &TenantKey::random(&SystemRandom::new()).unwrap()).unwrap();
    let master = MasterKey::from_file(&path).unwrap();
    assert!(master.unwrap("acme", &wrapped).is_ok() && master.unwrap("other", &wrapped).is_err());
    fs::write(&path, "0f").unwrap();
    assert!(matches!(MasterKey::from_file(&path), Err(SealError::Malformed)));
    fs::remove_dir_all(&root).unwrap();
}

struct Queue(VecDeque<Order>);

impl Inlet for Queue {
    fn take(&mut self) -> Option<Order> {
        self.0.pop_front()
    }
}

#[test]
fn orders_are_taken_from_a_queue_so_many_at_a_time() {
    let root = place("queue");
    let (mut recorder, closed) = recorder(&root, disk(&root), Limits::default());
    let mut queue = Queue(VecDeque::new());
    queue.0.push_back(Order::Begin(1, Box::new(begin("one", &Told::default()))));
    queue.0.push_back(Order::Begin(1, Box::new(begin("two", &Told::default()))));
    queue.0.extend((0..100).map(|nth| Order::Frame(1 + nth % 2, packet(Channel::Agent, nth, 0))));
    queue.0.push_back(Order::End(1, BEGIN + 2 * SECOND));
    assert_eq!(recorder.turn(&mut queue, 50, BEGIN), 50);
    assert_eq!(recorder.turn(&mut queue, 500, BEGIN), 53);
    let counters = recorder.counters();
    assert_eq!((counters.begun, counters.ended, counters.refused), (1, 1, 1));
    assert_eq!((counters.frames, counters.stray_frames), (50, 50));
    drop(recorder);
    assert_eq!(store(&root).read(&closed.lock().unwrap()[0]).unwrap().seconds(), 2);
    fs::remove_dir_all(&root).unwrap();
}

#[test]
fn nothing_can_be_changed_cut_or_exchanged_unseen() {
    let root = place("sealed");
    let (mut recorder, closed) = recorder(&root, disk(&root), Limits::default());
    for key in [1, 2] {
        recorder.begin(key, begin(&format!("call-{key}"), &Told::default())).unwrap();
    }
    feed(&mut recorder, &[1, 2], 0..160);
    recorder.finish(BEGIN + 3_200_000_000);
    drop(recorder);
    let [one, other] = [0, 1].map(|nth| fs::read(&closed.lock().unwrap()[nth]).unwrap());
    let key = store(&root).key("acme").unwrap();
    let is_whole = |bytes: &[u8]| {
        let Ok(mut reader) = Reader::open(Cursor::new(bytes), |_| Ok(key.clone())) else { return false };
        (0..reader.seconds()).all(|index| reader.second(index).is_ok())
    };
    assert!(is_whole(&one) && is_whole(&other));
    for at in (0..one.len()).step_by(97).chain(0..200).chain(one.len() - 200..one.len()) {
        let mut changed = one.clone();
        changed[at] ^= 1 << (at % 8);
        assert!(!is_whole(&changed), "{at}");
        assert!(!is_whole(&one[..at]), "{at}");
    }
    let chunk = sealed::second_chunk_len(Encoding::ALaw) as usize;
    let first = one.len() - {
        let tail = u32::from_le_bytes(*one[one.len() - 8..].first_chunk().unwrap()) as usize + 8;
        tail + 3 * chunk
    };
    let mut swapped = one.clone();
    swapped[first..first + chunk].copy_from_slice(&one[first + chunk..first + 2 * chunk]);
    swapped[first + chunk..first + 2 * chunk].copy_from_slice(&one[first..first + chunk]);
    let without = [&one[..first], &one[first + chunk..]].concat();
    let mut exchanged = one.clone();
    exchanged[first..first + chunk].copy_from_slice(&other[first..first + chunk]);
    assert!(!is_whole(&swapped) && !is_whole(&without) && !is_whole(&exchanged));
    let stranger = Reader::open(Cursor::new(&one), |_| TenantKey::random(&SystemRandom::new()));
    assert!(matches!(stranger, Err(SealError::NotAuthentic)));
    let other_master = Store::open(&root, Box::new(MasterKey::new(&[8; 32]).unwrap())).unwrap().key("acme");
    assert!(matches!(other_master, Err(SealError::NotAuthentic)));
    fs::remove_dir_all(&root).unwrap();
}

/// A disk that takes nothing while it is full, but the first half of what is written.
struct FullAtTimes {
    disk: Disk,
    is_full: Arc<AtomicBool>,
}

struct Half(Box<dyn Medium>, Arc<AtomicBool>);

impl Medium for Half {
    fn write_at(&mut self, bytes: &[u8], at: u64) -> io::Result<()> {
        if self.1.load(Ordering::Relaxed) {
            self.0.write_at(&bytes[..bytes.len() / 2], at)?;
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.0.write_at(bytes, at)
    }
}

impl Volume for FullAtTimes {
    fn create(&self, path: &Path) -> io::Result<Box<dyn Medium>> {
        if self.is_full.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(Box::new(Half(self.disk.create(path)?, Arc::clone(&self.is_full))))
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.sync()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }
}

#[test]
fn a_full_disk_costs_the_seconds_that_it_did_not_take_and_nothing_else() {
    for (full, free) in [(0, 200), (150, 400), (300, 560)] {
        let root = place(&format!("full-{full}"));
        let told = Told::default();
        let is_full = Arc::new(AtomicBool::new(false));
        fs::create_dir_all(&root).unwrap();
        let volume = FullAtTimes { disk: Disk::of(&root).unwrap(), is_full: Arc::clone(&is_full) };
        let (mut recorder, closed) = recorder(&root, Arc::new(volume), Limits::default());
        recorder.begin(1, begin("one", &told)).unwrap();
        feed(&mut recorder, &[1], 0..full);
        is_full.store(true, Ordering::Relaxed);
        feed(&mut recorder, &[1], full..free.min(500));
        if free > 500 {
            // Still full when the call ends: tried again later.
            recorder.order(Order::End(1, BEGIN + 10 * SECOND));
            assert_eq!((recorder.running(), recorder.counters().ended), (0, 0));
            is_full.store(false, Ordering::Relaxed);
            recorder.advance(BEGIN + 16 * SECOND);
        } else {
            is_full.store(false, Ordering::Relaxed);
            feed(&mut recorder, &[1], free..500);
            recorder.order(Order::End(1, BEGIN + 10 * SECOND));
        }
        assert_eq!(recorder.counters().ended, 1);
        drop(recorder);
        let mut reader = store(&root).read(&closed.lock().unwrap()[0]).unwrap();
        assert_eq!((reader.end().samples, reader.seconds()), (80_000, 10));
        let gaps = reader.end().gaps.clone();
        assert_eq!(gaps.len(), 1);
        let Gap { from, to, cause } = gaps[0];
        assert_eq!(cause, GapCause::Disk);
        assert!(from < to && u64::from(to) <= free / 50 + 1, "{gaps:?}");
        for (index, channels, is_gap) in told.lock().unwrap().iter() {
            let second = reader.second(*index).unwrap();
            assert_eq!(second.channels, channels.each_ref().map(|one| &one[..]));
            assert_eq!((second.is_gap, *is_gap), ((from..to).contains(index), second.is_gap));
            assert_eq!(second.is_gap, second.channels[0].iter().all(|code| *code == 0xd5));
        }
        fs::remove_dir_all(&root).unwrap();
    }
}

#[test]
fn a_recording_that_is_too_long_goes_on_in_a_next_part_and_too_many_are_refused() {
    let root = place("parts");
    let told = Told::default();
    let (mut recorder, closed) = recorder(&root, disk(&root), Limits { recordings: 2, seconds: 3 });
    recorder.begin(1, begin("one", &told)).unwrap();
    assert!(matches!(recorder.begin(3, begin("one", &told)), Err(RefusedBegin::Name)));
    assert!(matches!(recorder.begin(3, begin("../one", &told)), Err(RefusedBegin::Name)));
    recorder.begin(2, begin("two", &Told::default())).unwrap();
    assert!(matches!(recorder.begin(3, begin("three", &told)), Err(RefusedBegin::TooMany)));
    feed(&mut recorder, &[1], 0..400);
    recorder.order(Order::Overrun(BEGIN + 7 * SECOND, BEGIN + 7 * SECOND + 1));
    recorder.order(Order::End(1, BEGIN + 8 * SECOND));
    drop(recorder);
    let parts: Vec<PathBuf> = closed.lock().unwrap().clone();
    let parts = parts.iter().filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("one"));
    let mut store = store(&root);
    let parts: Vec<_> = parts.map(|path| store.read(path).unwrap()).collect();
    let lengths: Vec<_> = parts.iter().map(|part| (part.head().begin, part.end().samples)).collect();
    let expected = [(BEGIN, 24_000), (BEGIN + 3 * SECOND, 24_000), (BEGIN + 6 * SECOND, 16_000)];
    assert_eq!(lengths, expected);
    assert_eq!(parts[2].end().gaps, [Gap { from: 1, to: 2, cause: GapCause::Overrun }]);
    fs::remove_dir_all(&root).unwrap();
}

const CHILD: &str = "KEYHUSH_TEST_RECORDS_UNTIL_KILLED_IN";

#[test]
#[ignore = "the child of the test below"]
fn records_until_it_is_killed() {
    let Ok(root) = std::env::var(CHILD) else { return };
    let root = Path::new(&root);
    let (mut recorder, _) = recorder(root, disk(root), Limits::default());
    let keys: Vec<Key> = (0..50).collect();
    for key in &keys {
        recorder.begin(*key, begin(&format!("call-{key}"), &Told::default())).unwrap();
    }
    for nth in 0.. {
        feed(&mut recorder, &keys, nth..nth + 1);
        if nth == 300 {
            fs::write(root.join("ready"), b"").unwrap();
        }
    }
}

#[test]
fn a_killed_recorder_leaves_recordings_that_are_closed_up_to_their_last_whole_second() {
    let root = place("killed");
    fs::create_dir_all(&root).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "store::tests::records_until_it_is_killed"])
        .env(CHILD, &root)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    while !root.join("ready").exists() {
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // And a write that was torn.
    let torn = fs::read_dir(root.join(RUNNING)).unwrap().next().unwrap().unwrap().path();
    let len = fs::metadata(&torn).unwrap().len();
    fs::OpenOptions::new().write(true).open(&torn).unwrap().set_len(len - 1000).unwrap();
    let mut store = store(&root);
    let mut seconds = 0;
    let mut ends = Vec::new();
    let mut sink = |_: &Second<'_>| seconds += 1;
    let (count, left) = store
        .recover(&mut sink, &mut |path, head, about, end| {
            ends.push((path.to_owned(), head.clone(), about.to_vec(), end.clone()))
        })
        .unwrap();
    assert!(count == 50 && left.is_empty(), "{count} {left:?}");
    let mut whole = 0;
    for (path, _, about, end) in &ends {
        assert_eq!((&about[..], end.kind), (&b"a call"[..], EndKind::Interrupted));
        assert!(end.samples >= 4 * 8000 && end.samples % 8000 == 0);
        let mut reader = store.read(path).unwrap();
        whole += reader.seconds();
        assert!((0..reader.seconds()).all(|index| reader.second(index).is_ok()));
    }
    assert_eq!(whole, seconds);
    assert_eq!(store.recover(&mut |_: &Second<'_>| (), &mut |_, _, _, _| ()).unwrap().0, 0);
    fs::remove_dir_all(&root).unwrap();
}

/// 500 calls of 60 s from memory, as fast as it goes.
#[test]
#[ignore = "writes half a gigabyte; its figures are for the release profile"]
fn five_hundred_recordings_at_once_lose_no_frame() {
    let root = place("measured");
    let (mut recorder, closed) = recorder(&root, disk(&root), Limits::default());
    let keys: Vec<Key> = (0..500).collect();
    let seconds = Arc::new(AtomicU64::new(0));
    for key in &keys {
        let count = Arc::clone(&seconds);
        let mut begin = begin(&format!("call-{key}"), &Told::default());
        begin.sink = Box::new(move |second: &Second<'_>| {
            assert!(!second.is_gap && second.accounts.iter().all(|account| account.lost == 0));
            count.fetch_add(1, Ordering::Relaxed);
        });
        recorder.begin(*key, begin).unwrap();
    }
    #[allow(clippy::disallowed_methods, reason = "it measures")]
    let now = Instant::now;
    let (started, cpu) = (now(), cpu_time());
    feed(&mut recorder, &keys, 0..3000);
    recorder.finish(BEGIN + 60 * SECOND);
    let (taken, used) = (started.elapsed(), cpu_time() - cpu);
    let counters = recorder.counters();
    assert_eq!((counters.frames, counters.ended, counters.failures), (3_000_000, 500, 0));
    assert_eq!(seconds.load(Ordering::Relaxed), 500 * 60);
    drop(recorder);
    assert_eq!(closed.lock().unwrap().len(), 500);
    println!(
        "500 recordings of 60 s: {taken:.1?}, {used:.1?} of processor: {:.1} % of one core in real time; on the disk after {:.1?}; {}",
        used.as_secs_f64() / 60.0 * 100.0,
        started.elapsed(),
        most_memory(),
    );
    assert!(taken < Duration::from_secs(60));
    fs::remove_dir_all(&root).unwrap();
}

fn most_memory() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default().to_owned()
}

/// Of all threads.
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
