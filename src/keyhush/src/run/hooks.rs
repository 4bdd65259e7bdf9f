//! What a test may do to an lcore. Without the feature `test-hooks` there is nothing here.

#[cfg(feature = "test-hooks")]
mod armed {
    use core::time::Duration;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

    use control::hooks::{PANIC, RESUME, STALL};

    /// One order for each lcore.
    #[derive(Clone, Debug)]
    pub(in super::super) struct Hooks(Arc<[AtomicU8]>);

    impl Hooks {
        pub(in super::super) fn new(lcores: usize) -> Self {
            Hooks((0..lcores).map(|_| AtomicU8::new(RESUME)).collect())
        }

        /// What the console writes its orders into.
        pub(in super::super) fn orders(&self) -> Arc<[AtomicU8]> {
            Arc::clone(&self.0)
        }

        /// Stands still while the lcore is to be stalled.
        pub(in super::super) fn at_turn(&self, lcore: usize, stop: &AtomicBool) {
            let Some(order) = self.0.get(lcore) else { return };
            while order.load(Ordering::Relaxed) == STALL && !stop.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(1));
            }
        }

        /// Panics once, if the lcore is to.
        #[allow(clippy::panic, reason = "it is what the hook is for")]
        pub(in super::super) fn at_burst(&self, lcore: usize) {
            if let Some(order) = self.0.get(lcore)
                && order.compare_exchange(PANIC, RESUME, Ordering::Relaxed, Ordering::Relaxed).is_ok()
            {
                panic!("ordered by a test");
            }
        }
    }
}

#[cfg(not(feature = "test-hooks"))]
mod unarmed {
    use std::sync::atomic::AtomicBool;

    /// Nothing.
    #[derive(Clone, Debug)]
    pub(in super::super) struct Hooks;

    impl Hooks {
        pub(in super::super) fn new(_lcores: usize) -> Self {
            Hooks
        }

        pub(in super::super) fn at_turn(&self, _lcore: usize, _stop: &AtomicBool) {}

        pub(in super::super) fn at_burst(&self, _lcore: usize) {}
    }
}

#[cfg(feature = "test-hooks")]
pub(super) use armed::Hooks;
#[cfg(not(feature = "test-hooks"))]
pub(super) use unarmed::Hooks;
