//! Recordings, what may be done to them, and two verifiers: Keyhush's own, and the Python script that was written from the
//! specification alone.

mod agreement;
mod cases;
mod mutations;
