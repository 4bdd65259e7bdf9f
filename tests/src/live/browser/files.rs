//! Files that people give to a page or save from it, and the colours in which they have it shown: what Chromium's own commands
//! (Chrome DevTools Protocol) do beside those of WebDriver.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use super::{Element, Find, Outcome, Trouble, Window};
use crate::live::During;

/// A file that has this ending is not there yet as a whole.
const UNDER_WAY: &str = "crdownload";

impl Window {
    fn chromium(&self, command: &str, parameters: &Value) -> Outcome<Value> {
        self.session
            .post("/goog/cdp/execute", &json!({ "cmd": command, "params": parameters }))
            .during(command)
    }

    /// Chooses files in a field for them.
    ///
    /// # Errors
    /// When there is no such field, or it does not take them.
    pub fn choose<'a>(&self, at: impl Into<Find<'a>>, files: &[&Path]) -> Outcome<()> {
        let at = at.into();
        let Element(id) = self.find(at)?;
        let text = names(files).join("\n");
        self.session.post(&format!("/element/{id}/value"), &json!({ "text": text })).map(drop).during(at)
    }

    /// Drags files from the desktop onto the middle of something, and drops them there.
    ///
    /// # Errors
    /// When there is nothing of that kind.
    pub fn drop_files<'a>(&self, at: impl Into<Find<'a>>, files: &[&Path]) -> Outcome<()> {
        let Element(id) = self.find(at.into())?;
        let place = self.session.get(&format!("/element/{id}/rect"))?;
        let middle = |from: &str, size: &str| {
            place[from].as_f64().unwrap_or_default() + place[size].as_f64().unwrap_or_default() / 2.0
        };
        let (x, y) = (middle("x", "width"), middle("y", "height"));
        for kind in ["dragEnter", "dragOver", "drop"] {
            let dragged = json!({ "items": [], "files": names(files), "dragOperationsMask": 1 });
            let event = json!({ "type": kind, "x": x, "y": y, "data": dragged });
            self.chromium("Input.dispatchDragEvent", &event)?;
        }
        Ok(())
    }

    /// From now on, files that are saved go to a directory, under the names that pages give them.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn save_to(&self, directory: &Path) -> Outcome<()> {
        fs::create_dir_all(directory).during(directory.display())?;
        let saving = json!({ "behavior": "allow", "downloadPath": directory });
        self.chromium("Browser.setDownloadBehavior", &saving).map(drop)
    }

    /// Clicks, and answers the file, of this ending, that comes to a directory thereby.
    ///
    /// # Errors
    /// When none comes within `at_most`.
    pub fn saved<'a>(
        &self,
        at: impl Into<Find<'a>>,
        directory: &Path,
        ending: &str,
        at_most: Duration,
    ) -> Outcome<PathBuf> {
        self.click(at)?;
        self.wait_until(&format!("a saved file .{ending}"), at_most, |_| {
            let listed = fs::read_dir(directory).during(directory.display())?;
            let mut files = listed.flatten().map(|entry| entry.path());
            let ends = |file: &Path, with: &str| file.extension().is_some_and(|own| own == with);
            let found = files.find(|file| ends(file, ending) || ends(file, UNDER_WAY));
            Ok(found.filter(|file| ends(file, ending)))
        })
    }

    /// Has pages shown in dark colours, as people have who say so once for all pages; or in light ones.
    ///
    /// # Errors
    /// When the window is gone.
    pub fn darken(&self, is_dark: bool) -> Outcome<()> {
        let value = if is_dark { "dark" } else { "light" };
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": value }] });
        self.chromium("Emulation.setEmulatedMedia", &features)?;
        let script = "return matchMedia(`(prefers-color-scheme: ${arguments[0]})`).matches";
        match self.execute(script, &[json!(value)])? {
            Value::Bool(true) => Ok(()),
            _ => Err(Trouble::new(format!("the page is not shown {value}"))),
        }
    }
}

fn names(files: &[&Path]) -> Vec<String> {
    files.iter().map(|file| file.display().to_string()).collect()
}
