//! From key presses to a payment. Sans-IO: time is an argument, and deadlines are answers.
//!
//! | module | does |
//! |---|---|
//! | [`brands`] | what the leading digits of a number say of its brand |
//! | [`capture`] | the fields that a caller keys, and what the page may see of them |
//! | [`details`] | what the agent types, and that no card number hides in it |
//! | [`echoes`] | tones of the agent's side that come back from the caller's |
//! | [`merger`] | what several transports told of one key press becomes one press, in order |
//! | [`pairing`] | call references, and the agents' keys in which they are heard |
//! | [`psp`] | payments as providers take them, and what an adapter does |
//! | [`session`] | one payment, from the call reference to the result |
#![forbid(unsafe_code)]

pub mod brands;
pub mod capture;
pub mod details;
pub mod echoes;
pub mod merger;
pub mod pairing;
pub mod psp;
pub mod session;

pub use brands::{BinRange, Brand, BrandError, BrandId, BrandTable, Lengths};
pub use capture::{Beside, Capture, Card, CardMonth, FieldKind, FieldState, FieldView, KeySettings, Refused};
pub use details::{Details, Text, TextWrong, TypedWrong};
pub use echoes::Echoes;
pub use merger::{MergeInput, MergedPress, Merger, Reported, Transports};
pub use pairing::{
    Heard, NotIssued, Pairing, PairingCounts, PairingLimits, ReferenceRules, SessionId, TenantId,
};
pub use psp::{Attempt, Decline, Found, Money, Outcome, Psp, Submission, WrongField};
pub use session::{Click, Handled, Icon, Input, Order, Output, Session, SessionSettings, View};
