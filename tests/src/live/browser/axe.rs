//! axe-core: what keeps people with a screen reader, a keyboard or weak eyes from using a page.

use std::env;
use std::fmt;
use std::fs;
use std::path::PathBuf;

use super::super::sandbox::build_directory;
use super::{During, Outcome, Trouble, Window};

/// A rule of axe-core's that a page breaks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// The rule's name: `label`, `color-contrast`.
    pub rule: String,
    /// How much it matters, in axe's words: minor, moderate, serious, critical.
    pub impact: String,
    /// What the rule asks for.
    pub help: String,
    /// The elements that break it, a piece of HTML each.
    pub elements: Vec<String>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}: {}", self.rule, self.impact, self.help, self.elements.join(" "))
    }
}

/// The script, where `make` puts it: among its tools, which `KEYHUSH_TOOLS` names.
fn script() -> Outcome<PathBuf> {
    let tools = match env::var_os("KEYHUSH_TOOLS") {
        Some(named) => named.into(),
        None => build_directory()?.join("tools"),
    };
    let file = tools.join("axe/axe_playwright_python/axe.min.js");
    if file.is_file() {
        return Ok(file);
    }
    Err(Trouble::new(format!("axe-core is not there: `make test` fetches it to {}", file.display())))
}

impl Window {
    /// What axe-core, with all of its rules that are not experimental, finds in the page as it is now.
    ///
    /// # Errors
    /// When axe-core is not there or does not run.
    pub fn axe(&self) -> Outcome<Vec<Violation>> {
        let there = self.execute("return typeof window.axe", &[])? != "undefined";
        if !there {
            let file = script()?;
            let script = fs::read_to_string(&file).during(file.display())?;
            // In the driver's own scope: the page's policy bars scripts that are not its own, and must go on doing so.
            self.execute(&format!("{script}\nwindow.axe = axe"), &[]).during("bringing axe-core in")?;
        }
        let found = self.execute(
            "return axe.run(document).then((found) => found.violations.map(({ id, impact, help, nodes }) =>
                ({ id, impact, help, nodes: nodes.map((node) => node.html) })))",
            &[],
        )?;
        let texts = |list: &serde_json::Value| {
            let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
            list.iter().filter_map(|text| text.as_str()).map(str::to_owned).collect()
        };
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let all = found.as_array().ok_or_else(|| Trouble::new("axe-core answered something else"))?;
        let violation = |found: &serde_json::Value| Violation {
            rule: text(&found["id"]),
            impact: text(&found["impact"]),
            help: text(&found["help"]),
            elements: texts(&found["nodes"]),
        };
        Ok(all.iter().map(violation).collect())
    }
}
