//! One file a command.

pub(crate) mod check;
pub(crate) mod console;
pub(crate) mod detect;
pub(crate) mod keys;
pub(crate) mod ledger;
mod proofs;
pub(crate) mod recordings;
pub(crate) mod replay;
pub(crate) mod run;
pub(crate) mod sign;
pub(crate) mod user;
pub(crate) mod verify;
