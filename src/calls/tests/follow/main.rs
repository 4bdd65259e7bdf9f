//! Calls followed over a simulated wire, message by message.

mod ends;
mod held;
mod hostile;
mod media;
mod network;
mod news;
mod recorded;
mod repeats;
mod secure;
mod setup;
mod simulation;
mod tables;
mod watch;
