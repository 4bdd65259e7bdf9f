//! One file a command.

pub(crate) mod check;
pub(crate) mod console;
pub(crate) mod detect;
pub(crate) mod replay;
pub(crate) mod run;
pub(crate) mod user;
