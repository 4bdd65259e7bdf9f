//! What the page for suspending recordings shows, with every text that an agent reads.

use serde::Serialize;

use super::PageCall;

/// What is said where nothing is paired with the page.
pub const NO_CALL: &str = "No call is paired with this page. Show a reference, and key it on your telephone.";
/// What is said where no recorded call is the one that was meant.
pub const NO_SUCH_CALL: &str = "No call of your company that is being recorded has this number or Call-ID.";
/// What is said where the recorder does not keep up.
pub const BUSY: &str =
    "The recording cannot be suspended now. Let the caller say nothing that must not be recorded.";

/// How things stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// The tenant's calls are not recorded.
    NotRecorded,
    /// Nothing yet.
    Idle,
    /// A reference is to be keyed.
    Reference,
    /// Nobody keyed it.
    ReferenceOver,
    /// It was keyed in a call that is not recorded.
    CallNotRecorded,
    /// The paired call is being recorded.
    Recording,
    /// Its recording is suspended.
    Suspended,
    /// It is over.
    CallOver,
}

/// All that the page shows.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct SuspensionView {
    /// `not_recorded`, `idle`, `reference`, `reference_over`, `call_not_recorded`, `recording`, `suspended` or `call_over`.
    pub stage: &'static str,
    /// What it says in large letters.
    pub headline: &'static str,
    /// What to do.
    pub say: &'static str,
    /// The digits of the reference while it can be keyed.
    pub reference: Option<String>,
    /// For how many seconds more the reference can be keyed, or the recording stays suspended.
    pub left_s: Option<u64>,
    /// What is left of, before the time.
    pub left_text: &'static str,
    /// The paired call.
    pub call: Option<PageCall>,
    /// Which buttons there are.
    pub may: May,
}

/// Which buttons there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct May {
    /// Show a reference.
    pub reference: bool,
    /// Suspend.
    pub suspend: bool,
    /// Resume.
    pub resume: bool,
}

impl SuspensionView {
    /// What is said at a stage; what belongs to a call or a reference is not in it yet.
    pub fn of(stage: Stage) -> SuspensionView {
        let (name, headline, say) = match stage {
            Stage::NotRecorded => {
                ("not_recorded", "Calls are not recorded", "Your company has its calls not recorded here.")
            }
            Stage::Idle => (
                "idle",
                "Suspend a recording",
                "Choose Show a reference while you are in the call. As soon as you have keyed it, the recording is suspended.",
            ),
            Stage::Reference => (
                "reference",
                "Key this reference on your telephone",
                "The recording of your call is suspended as soon as Keyhush has heard it. Until this page says so, it goes on.",
            ),
            Stage::ReferenceOver => (
                "reference_over",
                "The reference was not heard",
                "Nothing was suspended. Choose Show a reference and key the new one.",
            ),
            Stage::CallNotRecorded => (
                "call_not_recorded",
                "This call is not recorded",
                "The reference was heard, and there is nothing to suspend.",
            ),
            Stage::Recording => (
                "recording",
                "The call is being recorded",
                "Choose Suspend before the caller says what must not be recorded.",
            ),
            Stage::Suspended => (
                "suspended",
                "The recording is suspended",
                "Nothing of the call is recorded. Choose Resume as soon as the caller has finished; after its longest time it goes on by itself.",
            ),
            Stage::CallOver => {
                ("call_over", "The call is over", "For the next call, choose Show a reference.")
            }
        };
        let left_text = match stage {
            Stage::Reference => "It can be keyed for another",
            Stage::Suspended => "It goes on by itself in",
            _ => "",
        };
        let is_paired = matches!(stage, Stage::Recording | Stage::Suspended);
        SuspensionView {
            stage: name,
            headline,
            say,
            reference: None,
            left_s: None,
            left_text,
            call: None,
            may: May {
                reference: !is_paired && stage != Stage::NotRecorded && stage != Stage::Reference,
                suspend: stage == Stage::Recording,
                resume: stage == Stage::Suspended,
            },
        }
    }
}
