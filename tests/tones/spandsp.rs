//! Spandsp's DTMF receiver (`libspandsp-dev`), with the thresholds that its authors chose.
#![allow(unsafe_code, reason = "foreign functions")]

use std::ffi::{c_char, c_int, c_void};
use std::ptr::{self, NonNull};

#[repr(C)]
struct State {
    _private: [u8; 0],
}

#[link(name = "spandsp")]
unsafe extern "C" {
    fn dtmf_rx_init(state: *mut State, callback: *const c_void, user: *mut c_void) -> *mut State;
    fn dtmf_rx(state: *mut State, samples: *const i16, count: c_int) -> c_int;
    fn dtmf_rx_get(state: *mut State, digits: *mut c_char, most: c_int) -> usize;
    fn dtmf_rx_free(state: *mut State) -> c_int;
}

/// A receiver.
pub(crate) struct Spandsp(NonNull<State>);

impl Spandsp {
    pub(crate) fn new() -> Self {
        // SAFETY: without a state it allocates one; without a callback it collects the digits, and `user` is not used.
        let state = unsafe { dtmf_rx_init(ptr::null_mut(), ptr::null(), ptr::null_mut()) };
        Spandsp(NonNull::new(state).expect("memory"))
    }

    pub(crate) fn listen(&mut self, samples: &[i16]) {
        let count = c_int::try_from(samples.len()).expect("a short signal");
        // SAFETY: the state is one that `dtmf_rx_init` made, used by nobody else; `samples` has `count` samples.
        unsafe { dtmf_rx(self.0.as_ptr(), samples.as_ptr(), count) };
    }

    /// The keys since the last asking.
    pub(crate) fn keys(&mut self) -> String {
        let mut digits = [0u8; 129];
        // SAFETY: the state is one that `dtmf_rx_init` made; there is room for 128 digits and the zero behind them.
        let count = unsafe { dtmf_rx_get(self.0.as_ptr(), digits.as_mut_ptr().cast(), 128) };
        digits[..count].iter().map(|digit| char::from(*digit)).collect()
    }
}

impl Drop for Spandsp {
    fn drop(&mut self) {
        // SAFETY: the state is one that `dtmf_rx_init` made, and nobody uses it after.
        unsafe { dtmf_rx_free(self.0.as_ptr()) };
    }
}
