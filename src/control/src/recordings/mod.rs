//! Recordings, from what the desk orders to what the archive shows.
//!
//! | module | does |
//! |---|---|
//! | [`order`] | what the desk tells the recorder of calls |

pub mod order;
