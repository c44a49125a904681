//! Takes typed values out of the merged tree and collects everything that is wrong on the way.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use toml::{Table, Value};

use super::fault::{Fault, Origin};
use super::layers::join;

/// Entries of any one list in the configuration.
const LIST_MAX: usize = 1000;

/// Characters of a value that are shown in a fault.
const SHOWN_CHARS_MAX: usize = 80;

/// One table, being read. Every value is taken out; what is left at the end is not known.
pub(super) struct Reader<'a> {
    table: Table,
    path: String,
    origins: &'a BTreeMap<String, Origin>,
    /// The origin of the array of tables that this table stands in, if it does.
    origin: Origin,
    faults: &'a mut Vec<Fault>,
}

impl<'a> Reader<'a> {
    /// Reads a whole tree with `read`; what it leaves is reported as unknown.
    pub(super) fn read<T>(
        table: Table,
        origins: &'a BTreeMap<String, Origin>,
        faults: &'a mut Vec<Fault>,
        read: impl FnOnce(&mut Reader<'_>) -> T,
    ) -> T {
        let mut reader = Reader {
            table,
            path: String::new(),
            origins,
            origin: Origin::Default,
            faults,
        };
        let value = read(&mut reader);
        reader.report_unknown();
        value
    }

    /// Reads a table within this one. A missing table reads as an empty one.
    pub(super) fn section<T>(&mut self, key: &str, read: impl FnOnce(&mut Reader<'_>) -> T) -> T {
        let table = match self.table.remove(key) {
            Some(Value::Table(table)) => table,
            Some(other) => {
                self.fault(key, Some(&other), "must be a table");
                Table::new()
            }
            None => Table::new(),
        };
        let path = join(&self.path, key);
        self.nested(table, path, read)
    }

    /// Reads each table of a list of tables.
    pub(super) fn tables<T>(
        &mut self,
        key: &str,
        mut read: impl FnMut(&mut Reader<'_>) -> T,
    ) -> Vec<T> {
        let list = self.list(key, &format!("must be written as [[{key}]]"));
        let mut read_tables = Vec::with_capacity(list.len());
        for (index, value) in list.into_iter().enumerate() {
            let path = format!("{}[{index}]", join(&self.path, key));
            if let Value::Table(table) = value {
                read_tables.push(self.nested(table, path, &mut read));
            } else {
                self.fault(key, Some(&value), &format!("must be written as [[{key}]]"));
            }
        }
        read_tables
    }

    fn nested<T>(
        &mut self,
        table: Table,
        path: String,
        read: impl FnOnce(&mut Reader<'_>) -> T,
    ) -> T {
        let mut reader = Reader {
            origin: self.origin_of(&path),
            table,
            path,
            origins: self.origins,
            faults: self.faults,
        };
        let value = read(&mut reader);
        reader.report_unknown();
        value
    }

    /// A text; `None` where the key is missing or the text is empty, which means the same.
    pub(super) fn text(&mut self, key: &str) -> Option<String> {
        match self.table.remove(key) {
            Some(Value::String(text)) if text.is_empty() => None,
            Some(Value::String(text)) => Some(text),
            Some(other) => {
                self.fault(key, Some(&other), "must be a text, in quotation marks");
                None
            }
            None => None,
        }
    }

    /// A text that `parse` understands. `None` without a fault where it is missing or empty.
    pub(super) fn parsed<T>(
        &mut self,
        key: &str,
        remedy: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.text(key)?;
        let parsed = parse(&text);
        if parsed.is_none() {
            self.fault(key, Some(&Value::String(text)), remedy);
        }
        parsed
    }

    /// A text that must be there, and that `parse` understands.
    pub(super) fn required<T>(
        &mut self,
        key: &str,
        remedy: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        match self.table.get(key) {
            None => self.fault(key, None, &format!("is missing; {remedy}")),
            Some(Value::String(text)) if text.is_empty() => {
                self.fault(key, Some(&Value::String(String::new())), remedy);
            }
            Some(_) => {}
        }
        self.parsed(key, remedy, parse)
    }

    /// A text that is one of a few; the first of them where the key is missing.
    pub(super) fn choice<T: Copy>(&mut self, key: &str, choices: &[(&str, T)]) -> Option<T> {
        let names: Vec<String> = choices
            .iter()
            .map(|(name, _)| format!("{name:?}"))
            .collect();
        let remedy = format!("must be one of {}", names.join(", "));
        if !self.table.contains_key(key) {
            return choices.first().map(|(_, choice)| *choice);
        }
        self.required(key, &remedy, |text| {
            let found = choices.iter().find(|(name, _)| *name == text);
            found.map(|(_, choice)| *choice)
        })
    }

    /// A yes or no. The defaults have each of them, so a missing one cannot be.
    pub(super) fn flag(&mut self, key: &str) -> Option<bool> {
        let value = self.table.remove(key)?;
        let flag = value.as_bool();
        if flag.is_none() {
            self.fault(key, Some(&value), "must be true or false");
        }
        flag
    }

    /// A yes or no of a table that has no defaults, with what a missing one means.
    pub(super) fn flag_or(&mut self, key: &str, missing: bool) -> Option<bool> {
        if self.table.contains_key(key) {
            self.flag(key)
        } else {
            Some(missing)
        }
    }

    /// A whole number within bounds. The defaults have every number, so a missing one cannot be.
    pub(super) fn number(&mut self, key: &str, bounds: RangeInclusive<u64>) -> Option<u64> {
        let value = self.table.remove(key)?;
        let number = value.as_integer().and_then(|n| u64::try_from(n).ok());
        let number = number.filter(|number| bounds.contains(number));
        if number.is_none() {
            let (least, most) = bounds.into_inner();
            let remedy = format!("must be a whole number from {least} to {most}");
            self.fault(key, Some(&value), &remedy);
        }
        number
    }

    /// Texts that `parse` understands, each.
    pub(super) fn texts<T>(
        &mut self,
        key: &str,
        remedy: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Vec<T> {
        let mut parsed = Vec::new();
        for value in self.list(key, remedy) {
            match value.as_str().and_then(&parse) {
                Some(one) => parsed.push(one),
                None => self.fault(key, Some(&value), remedy),
            }
        }
        parsed
    }

    /// Texts that `parse` understands, at least one of them.
    pub(super) fn texts_required<T>(
        &mut self,
        key: &str,
        remedy: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Vec<T> {
        let before = self.fault_count();
        let parsed = self.texts(key, remedy, parse);
        if parsed.is_empty() && self.fault_count() == before {
            let remedy = format!("must be a list of at least one entry, each of which {remedy}");
            self.fault(key, None, &remedy);
        }
        parsed
    }

    /// How many faults were found so far, in the whole tree.
    pub(super) fn fault_count(&self) -> usize {
        self.faults.len()
    }

    /// Leaves the rest of this table unread, without a report of it.
    pub(super) fn leave(&mut self) {
        self.table.clear();
    }

    /// Pairs of a free name and a text that `parse` understands.
    pub(super) fn pairs<T>(
        &mut self,
        key: &str,
        remedy: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Vec<(String, T)> {
        let names: Vec<String> = match self.table.get(key) {
            Some(Value::Table(table)) => table.keys().cloned().collect(),
            Some(_) | None => Vec::new(),
        };
        self.section(key, |pairs| {
            let pair = |name: String| {
                let value = pairs.required(&name, remedy, &parse)?;
                Some((name, value))
            };
            names.into_iter().filter_map(pair).collect()
        })
    }

    /// Reports a fault with a key of this table.
    pub(super) fn fault(&mut self, key: &str, value: Option<&Value>, remedy: &str) {
        let path = join(&self.path, key);
        self.faults.push(Fault {
            origin: self.origin_of(&path),
            key: path,
            value: value.map(shown),
            remedy: remedy.to_owned(),
        });
    }

    fn list(&mut self, key: &str, remedy: &str) -> Vec<Value> {
        match self.table.remove(key) {
            Some(Value::Array(list)) if list.len() <= LIST_MAX => list,
            Some(Value::Array(_)) => {
                self.fault(key, None, &format!("has more than {LIST_MAX} entries"));
                Vec::new()
            }
            Some(other) => {
                self.fault(key, Some(&other), &format!("must be a list; {remedy}"));
                Vec::new()
            }
            None => Vec::new(),
        }
    }

    fn origin_of(&self, path: &str) -> Origin {
        let list = path.split_once('[').map_or(path, |(list, _)| list);
        let known = self.origins.get(path).or_else(|| self.origins.get(list));
        known.unwrap_or(&self.origin).clone()
    }

    fn report_unknown(&mut self) {
        for (key, value) in std::mem::take(&mut self.table) {
            self.fault(
                &key,
                Some(&value),
                "there is no such key; `presenced config default` lists them all",
            );
        }
    }
}

/// A value as it stands in a file, cut to a readable length.
fn shown(value: &Value) -> String {
    let mut text = match value {
        Value::Table(_) => "{ … }".to_owned(),
        Value::Array(list) if list.iter().any(Value::is_table) => "[ … ]".to_owned(),
        Value::String(_)
        | Value::Integer(_)
        | Value::Float(_)
        | Value::Boolean(_)
        | Value::Datetime(_)
        | Value::Array(_) => value.to_string(),
    };
    if let Some((cut, _)) = text.char_indices().nth(SHOWN_CHARS_MAX) {
        text.truncate(cut);
        text.push('…');
    }
    text
}
