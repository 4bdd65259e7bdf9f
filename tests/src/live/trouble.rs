//! What went wrong, in words for the person who started it.

use std::fmt;

/// A fault of the surroundings or of what was shown, told in a sentence.
#[derive(Debug)]
pub struct Trouble(String);

impl Trouble {
    /// The fault that `words` tell.
    pub fn new(words: impl Into<String>) -> Self {
        Trouble(words.into())
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Trouble {}

/// Says during what an error came up.
pub trait During<T> {
    /// The value, or the error with `what` before it.
    fn during(self, what: impl fmt::Display) -> Result<T, Trouble>;
}

impl<T, E: fmt::Display> During<T> for Result<T, E> {
    fn during(self, what: impl fmt::Display) -> Result<T, Trouble> {
        self.map_err(|error| Trouble(format!("{what}: {error}")))
    }
}
