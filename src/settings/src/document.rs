//! TOML with line numbers, and the typed reading of one table. What is wrong is noted, never thrown: a reader
//! method then returns the default, so that the rest of the file is read as well.

use core::ops::{Range, RangeInclusive};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::problem::Problem;

/// The text, and what was found wrong with it so far.
pub(crate) struct Document<'t> {
    text: &'t str,
    problems: Vec<Problem>,
    /// Lines that are not TOML: what is read from them means nothing.
    torn: Vec<usize>,
}

impl<'t> Document<'t> {
    /// Parses the text as far as it can be; its syntax errors are the first problems.
    pub(crate) fn read(text: &'t str) -> (Self, DeTable<'t>) {
        let (table, errors) = DeTable::parse_recoverable(text);
        let mut document = Document { text, problems: Vec::new(), torn: Vec::new() };
        for error in errors {
            let span = error.span().unwrap_or(text.len()..text.len());
            document.syntax_error(span, error.message());
        }
        (document, table.into_inner())
    }

    fn syntax_error(&mut self, span: Range<usize>, message: &str) {
        let (line, _) = self.position(span.start);
        if self.torn.contains(&line) {
            return; // what follows a syntax error on the same line is mostly its echo
        }
        let (what, expected) = match message.split_once(", expected ") {
            Some((what, expected)) => (what, expected.to_owned()),
            None => (message, "TOML: `key = value`, `[table]` or `[[table]]`, one a line".to_owned()),
        };
        let written = self.text.lines().nth(line - 1).unwrap_or_default();
        let key = match written.split_once('=') {
            Some((key, _)) => key.trim(),
            None => written.trim(),
        };
        let key = if key.is_empty() { "the file" } else { key }.to_owned();
        let remedy = if message.contains("duplicate") {
            "keep one of them and remove the other".to_owned()
        } else {
            match written.split_once('=').map(|(_, value)| value.trim()) {
                Some("") => "write a value after the `=`".to_owned(),
                Some(value) if unquoted(value) => {
                    format!("put the text in double quotes: {key} = \"{value}\"")
                }
                Some(_) => {
                    "close every quote and bracket, and write nothing after the value but a # comment".into()
                }
                None => "write `key = value`; tables are [name] or [[name]]".to_owned(),
            }
        };
        self.problem(span, key, what, expected, remedy);
        self.torn.push(line);
    }

    /// Notes a problem, unless its line is not even TOML.
    pub(crate) fn problem(
        &mut self,
        span: Range<usize>,
        key: impl Into<String>,
        found: impl Into<String>,
        expected: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let (line, column) = self.position(span.start);
        if self.torn.contains(&line) {
            return;
        }
        self.problems.push(Problem {
            line,
            column,
            key: key.into(),
            found: found.into(),
            expected: expected.into(),
            remedy: remedy.into(),
        });
    }

    /// Whether nothing was found wrong so far.
    pub(crate) fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }

    /// Everything that is wrong, in the order of the lines.
    pub(crate) fn into_problems(mut self) -> Vec<Problem> {
        self.problems.sort_by_key(|problem| (problem.line, problem.column));
        self.problems
    }

    /// Line and column of a place in the text, both from 1.
    pub(crate) fn position(&self, at: usize) -> (usize, usize) {
        let at = at.min(self.text.len());
        let before = self.text.get(..at).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }
}

fn unquoted(value: &str) -> bool {
    value.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/')
        && !value.contains(['"', '\'', '[', '{', '#', '='])
}

/// A table, and the name it goes by in messages.
pub(crate) struct Section<'d, 't> {
    table: &'d DeTable<'t>,
    path: String,
    span: Range<usize>,
}

impl<'d, 't> Section<'d, 't> {
    /// The file itself.
    pub(crate) fn root(table: &'d DeTable<'t>) -> Self {
        Section { table, path: String::new(), span: 0..0 }
    }

    /// Where the table begins.
    pub(crate) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// The key with the table's name before it.
    pub(crate) fn path(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Where the key's value stands; the table's beginning where there is none.
    pub(crate) fn place(&self, key: &str) -> Range<usize> {
        self.value(key).map_or(self.span(), Spanned::span)
    }

    /// Whether the key was written.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    fn value(&self, key: &str) -> Option<&'d Spanned<DeValue<'t>>> {
        self.table.get(key)
    }

    /// Notes every key that is not among `known`. `elsewhere` tells in which table a key belongs.
    pub(crate) fn only(
        &self,
        document: &mut Document<'_>,
        known: &[&str],
        elsewhere: impl Fn(&str) -> Option<String>,
    ) {
        for (key, _) in self.table {
            let name: &str = key.get_ref();
            if known.contains(&name) {
                continue;
            }
            let list = known.join(", ");
            let remedy = match (nearest(name, known.iter().copied()), elsewhere(name)) {
                (Some(near), _) => format!("write `{near}`"),
                (None, Some(table)) => format!("move it into {table}"),
                (None, None) => "remove it".to_owned(),
            };
            document.problem(key.span(), self.path(name), "not known here", format!("one of {list}"), remedy);
        }
    }

    /// A table of this table; empty where it is not written.
    pub(crate) fn table(&self, document: &mut Document<'_>, key: &str) -> Option<Section<'d, 't>> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::Table(table) => Some(Section { table, path: self.path(key), span: value.span() }),
            other => {
                let remedy = format!("write [{key}] on a line of its own, and its keys below");
                document.problem(
                    value.span(),
                    self.path(key),
                    shown(other),
                    format!("the table [{key}]"),
                    remedy,
                );
                None
            }
        }
    }

    /// The tables of a list of tables.
    pub(crate) fn tables(&self, document: &mut Document<'_>, key: &str) -> Vec<Section<'d, 't>> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let expected = format!("tables [[{key}]]");
        let remedy = format!("write [[{key}]] with two brackets, once for each");
        let DeValue::Array(list) = value.get_ref() else {
            document.problem(value.span(), self.path(key), shown(value.get_ref()), expected, remedy);
            return Vec::new();
        };
        let mut sections = Vec::new();
        for (place, item) in list.iter().enumerate() {
            match item.get_ref() {
                DeValue::Table(table) => {
                    let path = format!("{}[{}]", self.path(key), place + 1);
                    sections.push(Section { table, path, span: item.span() });
                }
                other => {
                    document.problem(
                        item.span(),
                        self.path(key),
                        shown(other),
                        expected.as_str(),
                        remedy.as_str(),
                    );
                }
            }
        }
        sections
    }

    /// A whole number within `range`.
    pub(crate) fn integer<T>(
        &self,
        document: &mut Document<'_>,
        key: &str,
        range: RangeInclusive<T>,
    ) -> Option<T>
    where
        T: Copy + Into<u64> + TryFrom<u64>,
    {
        let value = self.value(key)?;
        let (least, most): (u64, u64) = ((*range.start()).into(), (*range.end()).into());
        let number =
            |number: u64| (least..=most).contains(&number).then(|| T::try_from(number).ok()).flatten();
        let remedy = match value.get_ref() {
            DeValue::Integer(integer) => {
                let digits = integer.as_str().trim_start_matches('+');
                match i128::from_str_radix(digits, integer.radix()) {
                    Ok(given) => match u64::try_from(given).ok().and_then(number) {
                        Some(taken) => return Some(taken),
                        None if given < i128::from(least) => format!("write {least} or more"),
                        None => format!("write {most} or less"),
                    },
                    Err(_) => format!("write {most} or less"),
                }
            }
            DeValue::String(text) if text.parse().ok().and_then(number).is_some() => {
                format!("remove the quotes: {text}")
            }
            DeValue::Float(_) => "write it without a fraction".to_owned(),
            _ => format!("write a number, such as {least}"),
        };
        let expected = format!("a whole number from {least} to {most}");
        document.problem(value.span(), self.path(key), shown(value.get_ref()), expected, remedy);
        None
    }

    /// `true` or `false`.
    pub(crate) fn boolean(&self, document: &mut Document<'_>, key: &str) -> Option<bool> {
        let value = self.value(key)?;
        let remedy = match value.get_ref() {
            DeValue::Boolean(given) => return Some(*given),
            DeValue::String(text) if matches!(text.as_ref(), "true" | "false") => {
                format!("remove the quotes: {text}")
            }
            DeValue::String(text) if matches!(text.as_ref(), "yes" | "on") => "write true".to_owned(),
            DeValue::String(text) if matches!(text.as_ref(), "no" | "off") => "write false".to_owned(),
            DeValue::Integer(integer) if integer.as_str() == "1" => "write true".to_owned(),
            DeValue::Integer(integer) if integer.as_str() == "0" => "write false".to_owned(),
            _ => "write true or false, without quotes".to_owned(),
        };
        document.problem(value.span(), self.path(key), shown(value.get_ref()), "true or false", remedy);
        None
    }

    /// A text.
    pub(crate) fn text(&self, document: &mut Document<'_>, key: &str) -> Option<(&'d str, Range<usize>)> {
        let value = self.value(key)?;
        self.text_of(document, key, value).map(|text| (text, value.span()))
    }

    fn text_of(
        &self,
        document: &mut Document<'_>,
        key: &str,
        value: &'d Spanned<DeValue<'t>>,
    ) -> Option<&'d str> {
        if let DeValue::String(text) = value.get_ref() {
            return Some(text);
        }
        let found = shown(value.get_ref());
        let remedy = match value.get_ref() {
            DeValue::Array(_) | DeValue::Table(_) => "write one text in double quotes".to_owned(),
            _ => format!("put it in double quotes: \"{found}\""),
        };
        document.problem(value.span(), self.path(key), found, "a text in double quotes", remedy);
        None
    }

    /// A list of texts, with their places.
    pub(crate) fn texts(
        &self,
        document: &mut Document<'_>,
        key: &str,
    ) -> Option<Vec<(&'d str, Range<usize>)>> {
        let items = self.list(document, key, "a list of texts, such as [\"one\", \"two\"]")?;
        let mut texts = Vec::new();
        for item in items {
            if let Some(text) = self.text_of(document, key, item) {
                texts.push((text, item.span()));
            }
        }
        Some(texts)
    }

    fn list(
        &self,
        document: &mut Document<'_>,
        key: &str,
        expected: &str,
    ) -> Option<&'d [Spanned<DeValue<'t>>]> {
        let value = self.value(key)?;
        if let DeValue::Array(items) = value.get_ref() {
            return Some(items);
        }
        let found = shown(value.get_ref());
        let remedy = format!("put it in brackets: [{found}]");
        document.problem(value.span(), self.path(key), found, expected, remedy);
        None
    }

    /// One of a few texts.
    pub(crate) fn choice<T: Copy>(
        &self,
        document: &mut Document<'_>,
        key: &str,
        choices: &[(&str, T)],
    ) -> Option<T> {
        let (given, span) = self.text(document, key)?;
        if let Some((_, taken)) = choices.iter().find(|(name, _)| *name == given) {
            return Some(*taken);
        }
        let names: Vec<String> = choices.iter().map(|(name, _)| format!("\"{name}\"")).collect();
        let remedy = match nearest(given, choices.iter().map(|(name, _)| *name)) {
            Some(near) => format!("write \"{near}\""),
            None => format!("write {}", names.join(" or ")),
        };
        let found = format!("\"{}\"", given.escape_debug());
        document.problem(span, self.path(key), found, format!("one of {}", names.join(", ")), remedy);
        None
    }
}

/// A value as messages show it.
fn shown(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("\"{}\"", text.escape_debug()),
        DeValue::Integer(integer) => integer.to_string(),
        DeValue::Float(float) => float.as_str().to_owned(),
        DeValue::Boolean(given) => given.to_string(),
        DeValue::Datetime(given) => given.to_string(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

/// The known word that was probably meant: a third of its letters may differ.
pub(crate) fn nearest<'k>(given: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let given = given.to_ascii_lowercase().replace(['-', ' '], "_");
    known
        .map(|word| (strsim::osa_distance(&given, word), word))
        .filter(|(distance, word)| *distance <= word.len() / 3)
        .min()
        .map(|(_, word)| word)
}
