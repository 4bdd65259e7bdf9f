//! Recordings, what may be done to them, and two verifiers: Keyhush's own, and the Python script that was written from the
//! specification alone.
#![cfg(test)]

#[cfg(test)]
mod agreement;
mod browser;
#[cfg(test)]
mod cases;
#[cfg(test)]
mod mutations;
