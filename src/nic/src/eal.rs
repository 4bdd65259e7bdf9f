//! DPDK's environment.

use core::sync::atomic::{AtomicBool, Ordering};
use std::collections::BTreeSet;
use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::path::Path;
use std::ptr::NonNull;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use dpdk_sys as dpdk;

use crate::error::NicError;
use crate::lcore::{Job, Lcore, LcoreHandle, LcoreId, Worker, on_lcore, serve};
use crate::port::{Port, Stopped};
use crate::runtime_directory::RuntimeDirectory;

static INITIALISED: AtomicBool = AtomicBool::new(false);

/// DPDK's environment abstraction layer, once a process.
///
/// EAL's main lcore is a thread of its own, made here, so that the thread which calls [`Eal::init`], and those it makes
/// later, are not pinned.
///
/// Dropping it waits until every lcore's closure has ended, then closes the ports and gives the memory back. While ports,
/// queues or pools still exist, or packets are still held, the memory stays mapped until the process ends.
pub struct Eal {
    shared: Arc<Shared>,
    workers: Vec<Worker>,
    lcores: Vec<Lcore>,
    main: Option<Main>,
    runtime: RuntimeDirectory,
}

/// What pools, ports and queues hold to keep the environment open.
#[derive(Default)]
pub(crate) struct Shared {
    /// Ports that are held by a [`Port`].
    claimed: Mutex<BTreeSet<u16>>,
    pools: Mutex<Vec<MadePool>>,
}

struct MadePool {
    raw: NonNull<dpdk::rte_mempool>,
    size: u32,
}

// SAFETY: a pool may be used from any thread (see the head of lib.rs).
unsafe impl Send for MadePool {}

impl Shared {
    pub(crate) fn claim(&self, port: u16) -> bool {
        self.claimed.lock().unwrap_or_else(PoisonError::into_inner).insert(port)
    }

    pub(crate) fn unclaim(&self, port: u16) {
        self.claimed.lock().unwrap_or_else(PoisonError::into_inner).remove(&port);
    }

    pub(crate) fn made_pool(&self, raw: NonNull<dpdk::rte_mempool>, size: u32) {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner).push(MadePool { raw, size });
    }
}

/// The thread of the main lcore.
struct Main {
    thread: JoinHandle<()>,
    /// Says when the closures of all lcores have ended.
    idle: Receiver<()>,
    /// Gives the environment to be taken down, or nothing where something still uses it.
    end: Sender<Option<Shared>>,
}

impl Eal {
    /// Starts EAL with its own arguments (without a program name), for instance `["--lcores", "0,1", "--in-memory"]`.
    /// EAL logs to stderr.
    ///
    /// # Errors
    /// When it was called before in this process, with an argument that EAL does not know, and when EAL does not start.
    pub fn init(args: &[String]) -> Result<Eal, NicError> {
        // EAL would print its help and end the process.
        if let Some(help) = args.iter().find(|argument| matches!(argument.as_str(), "-h" | "--help" | "--")) {
            return Err(NicError::Argument(help.clone()));
        }
        let args_for_c = arguments(args)?;
        if INITIALISED.swap(true, Ordering::AcqRel) {
            return Err(NicError::AlreadyInitialised);
        }
        let mut runtime = RuntimeDirectory::before(args);
        let (started, up) = channel();
        let (say_idle, idle) = channel();
        let (end, ended) = channel();
        let thread = std::thread::Builder::new()
            .name("lcore-main".to_owned())
            .spawn(move || main_lcore(args_for_c, &started, &say_idle, &ended))
            .map_err(|error| NicError::Eal { errno: error.raw_os_error().unwrap_or(libc::EAGAIN) })?;
        let workers = up.recv().unwrap_or(Err(NicError::Eal { errno: libc::EFAULT }))?;
        runtime.ours = true;
        let lcores = workers.iter().map(|worker| worker.lcore).collect();
        Ok(Eal { shared: Arc::default(), workers, lcores, main: Some(Main { thread, idle, end }), runtime })
    }

    /// The lcores that EAL was given, in ascending order.
    pub fn lcores(&self) -> &[Lcore] {
        &self.lcores
    }

    /// Runs a closure on an lcore, the main one included, and returns at once. An lcore runs one closure at a time.
    ///
    /// # Errors
    /// When EAL was not given that lcore, or it is still at work.
    pub fn launch<T, F>(&self, lcore: LcoreId, work: F) -> Result<LcoreHandle<T>, NicError>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let worker = self.workers.iter().find(|worker| worker.lcore.id == lcore);
        worker.ok_or(NicError::NoSuchLcore(lcore.0))?.launch(work)
    }

    /// The names of the ports that EAL has found: PCI addresses, or names of virtual devices such as `net_ring0`.
    pub fn port_names(&self) -> Vec<String> {
        let mut names = Vec::new();
        let mut from = 0;
        loop {
            // SAFETY: EAL is up while `self` lives; any number may be asked for.
            let id = unsafe { dpdk::keyhush_next_port(from) };
            if id == u16::MAX {
                return names;
            }
            let mut name = [0 as c_char; dpdk::RTE_ETH_NAME_MAX_LEN as usize];
            // SAFETY: the buffer has the length that the function asks for.
            if unsafe { dpdk::rte_eth_dev_get_name_by_port(id, name.as_mut_ptr()) } == 0 {
                // SAFETY: on success the buffer holds a name that ends in NUL.
                names.push(unsafe { CStr::from_ptr(name.as_ptr()) }.to_string_lossy().into_owned());
            }
            from = id + 1;
        }
    }

    /// Takes a port by the name of its device.
    ///
    /// # Errors
    /// When there is none of that name, or another [`Port`] holds it.
    pub fn port_named(&self, name: &str) -> Result<Port<Stopped>, NicError> {
        let device = CString::new(name).map_err(|_| NicError::Argument(name.to_owned()))?;
        let mut id = 0;
        // SAFETY: EAL is up, the name ends in NUL and `id` may be written to.
        if unsafe { dpdk::rte_eth_dev_get_port_by_name(device.as_ptr(), &mut id) } != 0 {
            return Err(NicError::NoSuchPort(name.to_owned()));
        }
        Port::claim(Arc::clone(&self.shared), id, name)
    }

    /// Where EAL keeps its files while it runs. Removed on drop, if this process made it.
    pub fn runtime_directory(&self) -> &Path {
        self.runtime.path()
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl Drop for Eal {
    fn drop(&mut self) {
        let Some(main) = self.main.take() else { return };
        // An lcore cannot wait for itself; and a panic must not be turned into a hang by lcores that no one will stop now.
        let stuck = std::thread::panicking() && self.workers.iter().any(Worker::is_busy);
        if on_lcore() || stuck {
            // Nor may the memory go: packets on those lcores lie in it. `main` waits for ever, as lcores do.
            core::mem::forget(main);
            core::mem::forget(core::mem::take(&mut self.workers));
            return;
        }
        self.workers.clear();
        let _all_ended = main.idle.recv();
        let shared = Arc::into_inner(core::mem::take(&mut self.shared));
        let _sent = main.end.send(shared);
        let _joined = main.thread.join();
    }
}

fn arguments(args: &[String]) -> Result<Vec<CString>, NicError> {
    let c =
        |argument: &String| CString::new(argument.as_str()).map_err(|_| NicError::Argument(argument.clone()));
    args.iter().map(c).collect()
}

/// The main lcore's thread, from EAL's start to its end. All that EAL wants of "the thread that called `rte_eal_init`" is
/// done here.
fn main_lcore(
    args: Vec<CString>,
    started: &Sender<Result<Vec<Worker>, NicError>>,
    idle: &Sender<()>,
    ended: &Receiver<Option<Shared>>,
) {
    if let Err(error) = start(args) {
        let _told = started.send(Err(error));
        return;
    }
    let (workers, jobs) = match launch_loops() {
        Ok(up) => up,
        Err(error) => {
            let _told = started.send(Err(error));
            return;
        }
    };
    let _told = started.send(Ok(workers));
    serve(&jobs);
    // SAFETY: this is the main lcore's thread, EAL is up, and the workers' loops end as this one did.
    unsafe { dpdk::rte_eal_mp_wait_lcore() };
    let _told = idle.send(());
    if let Ok(Some(shared)) = ended.recv() {
        take_down(&shared);
    }
}

fn start(args: Vec<CString>) -> Result<(), NicError> {
    let given = args.len();
    // EAL permutes the arguments and keeps pointers into them; there is one EAL a process, so they are never freed.
    let argv = core::iter::once(CString::from(c"keyhush"))
        .chain(args)
        .map(CString::into_raw)
        .collect::<Vec<_>>()
        .leak();
    let argc = c_int::try_from(argv.len()).map_err(|_| NicError::Eal { errno: libc::E2BIG })?;
    // SAFETY: the arguments end in NUL, live for ever, and are EAL's alone; this runs once a process.
    let taken = unsafe { dpdk::rte_eal_init(argc, argv.as_mut_ptr()) };
    if taken < 0 {
        // SAFETY: a thread-local number, which may be read at any time.
        return Err(NicError::Eal { errno: unsafe { dpdk::keyhush_errno() } });
    }
    if usize::try_from(taken) != Ok(given) {
        // EAL has moved what it did not take to the end.
        // SAFETY: the strings live for ever; EAL left pointers to them in the array.
        let stray = argv.last().map(|stray| unsafe { CStr::from_ptr(*stray) }.to_string_lossy().into_owned());
        // SAFETY: EAL is up and nothing uses it yet.
        unsafe { dpdk::rte_eal_cleanup() };
        return Err(NicError::Argument(stray.unwrap_or_default()));
    }
    Ok(())
}

/// Gives each worker lcore its loop; the main lcore's is returned, to be run by this thread.
fn launch_loops() -> Result<(Vec<Worker>, Receiver<Job>), NicError> {
    // SAFETY: EAL is up.
    let main = unsafe { dpdk::rte_get_main_lcore() };
    let mut workers = Vec::new();
    let mut own = None;
    let mut id = c_uint::MAX;
    loop {
        // SAFETY: EAL is up; any number may be given, and the greatest asks for the first lcore.
        id = unsafe { dpdk::rte_get_next_lcore(id, 0, 0) };
        if id >= dpdk::RTE_MAX_LCORE {
            break;
        }
        // SAFETY: `id` is an lcore's.
        let socket = unsafe { dpdk::rte_lcore_to_socket_id(id) };
        let (worker, jobs) = Worker::new(Lcore { id: LcoreId(id), main: id == main, socket });
        workers.push(worker);
        if id == main {
            own = Some(jobs);
            continue;
        }
        let jobs = Box::into_raw(Box::new(jobs));
        // SAFETY: this is the main lcore's thread, `id` an idle worker's, and `worker_lcore` takes the box back.
        let failed = unsafe { dpdk::rte_eal_remote_launch(Some(worker_lcore), jobs.cast(), id) };
        if failed != 0 {
            // SAFETY: the lcore did not start, so the box is still ours.
            drop(unsafe { Box::from_raw(jobs) });
            return Err(NicError::LcoreBusy(id));
        }
    }
    own.map(|own| (workers, own)).ok_or(NicError::NoSuchLcore(main))
}

/// The loop of a worker lcore. Nothing in it unwinds: jobs catch their panics.
extern "C" fn worker_lcore(jobs: *mut c_void) -> c_int {
    // SAFETY: `launch_loops` made this box, and gives it to this thread alone.
    let jobs = unsafe { Box::from_raw(jobs.cast::<Receiver<Job>>()) };
    serve(&jobs);
    0
}

/// Ends EAL, if that leaves no packet behind. All lcores have ended and no pool, port or queue is left, so nothing can take
/// a packet any more; and a pool that counts full is so, since only lcores have caches.
fn take_down(shared: &Shared) {
    let mut port = 0;
    loop {
        // SAFETY: EAL is up.
        port = unsafe { dpdk::keyhush_next_port(port) };
        if port == u16::MAX {
            break;
        }
        // SAFETY: the port exists, is stopped, and no `Port` holds it. Packets in its queues go back to their pools.
        unsafe { dpdk::rte_eth_dev_close(port) };
        port += 1;
    }
    let pools = shared.pools.lock().unwrap_or_else(PoisonError::into_inner);
    // SAFETY: EAL is up, and pools live as long as it.
    let full = |pool: &MadePool| unsafe { dpdk::rte_mempool_avail_count(pool.raw.as_ptr()) } == pool.size;
    if pools.iter().all(full) {
        // SAFETY: all lcores have ended, and no pointer into DPDK's memory is left.
        unsafe { dpdk::rte_eal_cleanup() };
    }
}
