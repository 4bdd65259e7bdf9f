use super::*;

/// A recording's name and its gaps.
type Ended = (String, Vec<Gap>);

/// A disk that takes all, and once does not say that it is safe.
struct ForgetsOnce {
    disk: Disk,
    forgets: AtomicBool,
}

impl Volume for ForgetsOnce {
    fn create(&self, path: &Path) -> io::Result<Box<dyn Medium>> {
        self.disk.create(path)
    }

    fn sync(&self) -> io::Result<()> {
        if self.forgets.swap(false, Ordering::Relaxed) {
            return Err(io::ErrorKind::Other.into());
        }
        self.disk.sync()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }
}

#[test]
fn what_the_disk_did_not_say_is_safe_is_a_gap_of_the_recording_that_runs_and_of_the_one_that_has_ended() {
    let root = place("unsynced");
    fs::create_dir_all(&root).unwrap();
    let volume = Arc::new(ForgetsOnce { disk: Disk::of(&root).unwrap(), forgets: true.into() });
    let ends: Arc<Mutex<Vec<Ended>>> = Arc::default();
    let told = Arc::clone(&ends);
    let closed = move |closed: Closed| told.lock().unwrap().push((closed.head.name, closed.end.gaps));
    let own = Arc::clone(&volume);
    let keeper = Keeper::start(own, 10, closed).unwrap();
    let mut recorder = Recorder::new(store(&root), volume, keeper, Limits::default());
    for (key, name) in [(1, "runs"), (2, "ends")] {
        recorder.begin(key, begin(name, &Told::default())).unwrap();
    }
    feed(&mut recorder, &[1, 2], 0..200);
    recorder.order(Order::End(2, BEGIN + 4 * SECOND));
    while recorder.counters().failures == 0 {
        std::thread::yield_now();
    }
    recorder.advance(BEGIN + 4 * SECOND);
    recorder.order(Order::End(1, BEGIN + 4 * SECOND));
    drop(recorder);
    let mut ends = ends.lock().unwrap().clone();
    ends.sort_by(|one, other| one.0.cmp(&other.0));
    let gap = vec![Gap { from: 0, to: 4, cause: GapCause::Disk }];
    assert_eq!(ends[0], ("ends".to_owned(), gap));
    assert_eq!((&ends[1].0[..], ends[1].1[0].from, ends[1].1[0].cause), ("runs", 0, GapCause::Disk));
    fs::remove_dir_all(&root).unwrap();
}
