//! Spandsp (`libspandsp-dev`): its DTMF receiver, with the thresholds that its authors chose, and its G.722 codec.
#![allow(unsafe_code, reason = "foreign functions")]

use std::ffi::{c_char, c_int, c_void};
use std::ptr::{self, NonNull};

#[repr(C)]
struct State {
    _private: [u8; 0],
}

#[repr(C)]
struct EncoderState {
    _private: [u8; 0],
}

#[repr(C)]
struct DecoderState {
    _private: [u8; 0],
}

#[link(name = "spandsp")]
unsafe extern "C" {
    fn dtmf_rx_init(state: *mut State, callback: *const c_void, user: *mut c_void) -> *mut State;
    fn dtmf_rx(state: *mut State, samples: *const i16, count: c_int) -> c_int;
    fn dtmf_rx_get(state: *mut State, digits: *mut c_char, most: c_int) -> usize;
    fn dtmf_rx_free(state: *mut State) -> c_int;

    fn g722_encode_init(state: *mut EncoderState, rate: c_int, options: c_int) -> *mut EncoderState;
    fn g722_encode(state: *mut EncoderState, codes: *mut u8, samples: *const i16, count: c_int) -> c_int;
    fn g722_encode_free(state: *mut EncoderState) -> c_int;

    fn g722_decode_init(state: *mut DecoderState, rate: c_int, options: c_int) -> *mut DecoderState;
    fn g722_decode(state: *mut DecoderState, samples: *mut i16, codes: *const u8, count: c_int) -> c_int;
    fn g722_decode_free(state: *mut DecoderState) -> c_int;
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

/// The rate of G.722's mode 1, in bits a second.
const RATE: c_int = 64000;

/// An encoder of G.722.
pub(crate) struct Encoder(NonNull<EncoderState>);

impl Encoder {
    pub(crate) fn new() -> Self {
        // SAFETY: without a state it allocates one.
        let state = unsafe { g722_encode_init(ptr::null_mut(), RATE, 0) };
        Encoder(NonNull::new(state).expect("memory"))
    }

    /// A codeword for each two samples at 16 kHz.
    pub(crate) fn encode(&mut self, samples: &[i16]) -> Vec<u8> {
        assert!(samples.len().is_multiple_of(2), "it reads two at a time");
        let mut codes = vec![0; samples.len() / 2];
        let count = c_int::try_from(samples.len()).expect("a short signal");
        // SAFETY: the state is one that `g722_encode_init` made, used by nobody else; `samples` has `count` samples, an even
        // number, and `codes` room for half as many codewords.
        let written = unsafe { g722_encode(self.0.as_ptr(), codes.as_mut_ptr(), samples.as_ptr(), count) };
        assert_eq!(usize::try_from(written), Ok(codes.len()));
        codes
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        // SAFETY: the state is one that `g722_encode_init` made, and nobody uses it after.
        unsafe { g722_encode_free(self.0.as_ptr()) };
    }
}

/// A decoder of G.722.
pub(crate) struct Decoder(NonNull<DecoderState>);

impl Decoder {
    pub(crate) fn new() -> Self {
        // SAFETY: without a state it allocates one.
        let state = unsafe { g722_decode_init(ptr::null_mut(), RATE, 0) };
        Decoder(NonNull::new(state).expect("memory"))
    }

    /// Two samples at 16 kHz for each codeword.
    pub(crate) fn decode(&mut self, codes: &[u8]) -> Vec<i16> {
        let mut samples = vec![0; 2 * codes.len()];
        let count = c_int::try_from(codes.len()).expect("a short signal");
        // SAFETY: the state is one that `g722_decode_init` made, used by nobody else; `codes` has `count` codewords, and
        // `samples` room for twice as many samples.
        let written = unsafe { g722_decode(self.0.as_ptr(), samples.as_mut_ptr(), codes.as_ptr(), count) };
        assert_eq!(usize::try_from(written), Ok(samples.len()));
        samples
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        // SAFETY: the state is one that `g722_decode_init` made, and nobody uses it after.
        unsafe { g722_decode_free(self.0.as_ptr()) };
    }
}
