//! When what a page shows changes, by the clock that captures have too.

use serde_json::Value;

use super::{Outcome, Trouble, Window};

/// What was seen, from a moment on.
#[derive(Clone, PartialEq, Debug)]
pub struct Sight {
    /// Since when, in seconds since the Unix epoch.
    pub at: f64,
    /// What.
    pub value: Value,
}

impl Window {
    /// Watches the value of a JavaScript expression from now on, which is evaluated whenever anything on the page changes. It ends
    /// with the page.
    ///
    /// # Errors
    /// When it throws.
    pub fn watch(&self, expression: &str) -> Outcome<()> {
        // An expression as text would be barred by the page's policy; here it is part of the driver's own script.
        let script = format!(
            "const look = () => ({expression});
            const now = () => performance.timeOrigin + performance.now();
            const seen = [[now(), look()]];
            window.watched = seen;
            new MutationObserver(() => {{
                const value = look();
                if (JSON.stringify(value) !== JSON.stringify(seen.at(-1)[1])) seen.push([now(), value]);
            }}).observe(document, {{ subtree: true, childList: true, characterData: true, attributes: true }});"
        );
        self.execute(&script, &[]).map(drop)
    }

    /// What was seen since [`Window::watch`], beginning with what was there then.
    ///
    /// # Errors
    /// When nothing is watched: the page has been loaded since.
    pub fn watched(&self) -> Outcome<Vec<Sight>> {
        let seen = self.execute("return window.watched", &[])?;
        let seen = seen.as_array().ok_or_else(|| Trouble::new("nothing is watched"))?;
        let sight = |pair: &Value| Some(Sight { at: pair[0].as_f64()? / 1000.0, value: pair[1].clone() });
        Ok(seen.iter().filter_map(sight).collect())
    }
}
