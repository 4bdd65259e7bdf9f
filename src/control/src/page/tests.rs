//! Every state as it is shown. With `KEYHUSH_PAGES` set to a directory, pages and states are written there, to be looked at.

use core::time::Duration;

use handover::{CallHandle, Instant};
use http::header;
use payment::psp::Outcome;
use payment::session::view::Clicks;
use payment::session::{End, Icon, Lost, Shown, Stop, Unmaskable};
use payment::{
    Attempt, Decline, FieldKind, FieldState, FieldView, Money, NotIssued, Refused, View, WrongField,
};

use super::*;

mod served;
mod states;
