//! What to look for on a page.

use std::fmt;

use serde_json::{Value, json};

use super::{Element, Outcome, Trouble, Window};

/// How WebDriver names an element (W3C WebDriver section 12, "Elements").
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// An element of a page that is seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Find<'a> {
    /// By a CSS selector.
    Css(&'a str),
    /// By its role and its name, as Chromium tells them to screen readers.
    Role(&'a str, &'a str),
}

impl<'a> From<&'a str> for Find<'a> {
    fn from(selector: &'a str) -> Self {
        Find::Css(selector)
    }
}

impl fmt::Display for Find<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Find::Css(selector) => f.write_str(selector),
            Find::Role(role, name) => write!(f, "the {role} \"{name}\""),
        }
    }
}

/// What may have a role: a selector for each, so that not the whole page has to be asked for it.
fn candidates(role: &str) -> &str {
    match role {
        "button" => "button, summary, input[type=submit], input[type=button], [role=button]",
        "link" => "a[href], [role=link]",
        "textbox" => "input, textarea, [role=textbox]",
        "combobox" => "select, input, [role=combobox]",
        "heading" => "h1, h2, h3, h4, h5, h6, [role=heading]",
        "status" => "output, [role=status]",
        _ => "*",
    }
}

impl Window {
    /// The first of what is looked for.
    ///
    /// # Errors
    /// When there is none that is seen.
    pub fn find<'a>(&self, at: impl Into<Find<'a>>) -> Outcome<Element> {
        let at = at.into();
        self.find_all(at)?
            .into_iter()
            .next()
            .ok_or_else(|| Trouble::new(format!("the page does not show {at}")))
    }

    /// All of what is looked for that is seen, in the page's order.
    ///
    /// # Errors
    /// When the window is gone.
    pub fn find_all<'a>(&self, at: impl Into<Find<'a>>) -> Outcome<Vec<Element>> {
        let at = at.into();
        let selector = match at {
            Find::Css(selector) => selector,
            Find::Role(role, _) => candidates(role),
        };
        // An element without a box is not there for anybody who looks.
        let script =
            "return [...document.querySelectorAll(arguments[0])].filter((element) => element.checkVisibility(
            { visibilityProperty: true, contentVisibilityAuto: true }))";
        let found = self.execute(script, &[json!(selector)])?;
        let ids = found.as_array().map(Vec::as_slice).unwrap_or_default().iter();
        let all = ids.filter_map(|element| element[ELEMENT].as_str()).map(|id| Element(id.to_owned()));
        let Find::Role(role, name) = at else { return Ok(all.collect()) };
        let mut named = Vec::new();
        for element in all {
            let Element(id) = &element;
            let is = |what: &str, wanted: &str| {
                let answer = self.session.get(&format!("/element/{id}/{what}"))?;
                Ok::<_, Trouble>(answer.as_str().unwrap_or_default().trim() == wanted)
            };
            if is("computedlabel", name)? && is("computedrole", role)? {
                named.push(element);
            }
        }
        Ok(named)
    }

    /// Each one's text.
    ///
    /// # Errors
    /// When one of them is gone.
    pub fn texts<'a>(&self, at: impl Into<Find<'a>>) -> Outcome<Vec<String>> {
        self.find_all(at.into())?.iter().map(|Element(id)| self.text_of(id)).collect()
    }

    /// Role and name of what has the focus, as screen readers are told them.
    ///
    /// # Errors
    /// When the window is gone.
    pub fn focused(&self) -> Outcome<(String, String)> {
        let element = self.session.get("/element/active")?;
        let id = element[ELEMENT].as_str().ok_or_else(|| Trouble::new("nothing has the focus"))?;
        let told = |what: &str| {
            let answer = self.session.get(&format!("/element/{id}/{what}"))?;
            Ok::<_, Trouble>(answer.as_str().map(str::trim).unwrap_or_default().to_owned())
        };
        Ok((told("computedrole")?, told("computedlabel")?))
    }

    /// An attribute or, where there is none, nothing.
    ///
    /// # Errors
    /// When there is no such element.
    pub fn attribute<'a>(&self, at: impl Into<Find<'a>>, name: &str) -> Outcome<Option<String>> {
        let Element(id) = self.find(at.into())?;
        let value: Value = self.session.get(&format!("/element/{id}/attribute/{name}"))?;
        Ok(value.as_str().map(str::to_owned))
    }
}
