//! Spandsp (`libspandsp-dev`): its DTMF receiver, with the thresholds that its authors chose, and its G.722 at 64 kbit/s, so that
//! what leaves is read by other eyes than Keyhush's own.
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
    fn g722_encode_init(state: *mut State, rate: c_int, options: c_int) -> *mut State;
    fn g722_encode(state: *mut State, codes: *mut u8, samples: *const i16, count: c_int) -> c_int;
    fn g722_encode_free(state: *mut State) -> c_int;
    fn g722_decode_init(state: *mut State, rate: c_int, options: c_int) -> *mut State;
    fn g722_decode(state: *mut State, samples: *mut i16, codes: *const u8, count: c_int) -> c_int;
    fn g722_decode_free(state: *mut State) -> c_int;
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

/// Of G.722, in bit/s.
const RATE: c_int = 64_000;

/// G.722 codes of a signal at 16 kHz, from a fresh state; a byte is two samples.
pub(crate) fn g722(samples: &[i16]) -> Vec<u8> {
    let mut codes = vec![0; samples.len() / 2];
    let count = c_int::try_from(2 * codes.len()).expect("a short signal");
    // SAFETY: without a state it allocates one; `samples` has `count` samples, `codes` room for half as many bytes; the state
    // is freed once and used by nobody after.
    let written = unsafe {
        let state = NonNull::new(g722_encode_init(ptr::null_mut(), RATE, 0)).expect("memory").as_ptr();
        let written = g722_encode(state, codes.as_mut_ptr(), samples.as_ptr(), count);
        g722_encode_free(state);
        written
    };
    assert_eq!(usize::try_from(written), Ok(codes.len()));
    codes
}

/// A G.722 decoder, which goes on from code to code.
pub(crate) struct Decoder(NonNull<State>);

impl Decoder {
    pub(crate) fn new() -> Self {
        // SAFETY: without a state it allocates one.
        let state = unsafe { g722_decode_init(ptr::null_mut(), RATE, 0) };
        Decoder(NonNull::new(state).expect("memory"))
    }

    /// The signal at 16 kHz behind a code.
    pub(crate) fn decode(&mut self, code: u8) -> [i16; 2] {
        let mut samples = [0; 2];
        // SAFETY: the state is one that `g722_decode_init` made, used by nobody else; one code gives two samples.
        unsafe { g722_decode(self.0.as_ptr(), samples.as_mut_ptr(), &code, 1) };
        samples
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        // SAFETY: the state is one that `g722_decode_init` made, and nobody uses it after.
        unsafe { g722_decode_free(self.0.as_ptr()) };
    }
}
