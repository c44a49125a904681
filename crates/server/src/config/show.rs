//! The effective configuration, as text.

use std::fmt::Write as _;

use toml::{Table, Value};

use super::fault::Origin;
use super::layers::{Layers, join};

/// Writes the merged values as TOML, with the origin of each that is not a default. It can be read
/// back as a configuration file. There is nothing to mask: secrets stand in files of their own.
pub(crate) fn show(layers: &Layers) -> String {
    let mut text = String::new();
    // A key at the top must stand before the first section to stay at the top.
    for (key, value) in &layers.values {
        if !is_section(value) {
            write_entry(&mut text, layers, "", key, value);
        }
    }
    for (key, value) in &layers.values {
        match value {
            Value::Table(table) => write_section(&mut text, layers, key, table),
            Value::Array(list) if is_section(value) => {
                for table in list.iter().filter_map(Value::as_table) {
                    write_list_table(&mut text, layers, key, table);
                }
            }
            Value::Array(_)
            | Value::String(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Boolean(_)
            | Value::Datetime(_) => {}
        }
    }
    text
}

/// Tables, and lists of nothing but tables, get a heading.
fn is_section(value: &Value) -> bool {
    match value {
        Value::Table(_) => true,
        Value::Array(list) => !list.is_empty() && list.iter().all(Value::is_table),
        Value::String(_)
        | Value::Integer(_)
        | Value::Float(_)
        | Value::Boolean(_)
        | Value::Datetime(_) => false,
    }
}

fn write_section(text: &mut String, layers: &Layers, key: &str, table: &Table) {
    let gap = if text.is_empty() { "" } else { "\n" };
    line(text, format_args!("{gap}[{}]", quoted(key)));
    for (name, value) in table {
        write_entry(text, layers, key, name, value);
    }
}

fn write_list_table(text: &mut String, layers: &Layers, key: &str, table: &Table) {
    let gap = if text.is_empty() { "" } else { "\n" };
    let comment = comment(layers, key);
    line(text, format_args!("{gap}[[{}]]{comment}", quoted(key)));
    for (name, value) in table {
        line(text, format_args!("{} = {value}", quoted(name)));
    }
}

fn write_entry(text: &mut String, layers: &Layers, section: &str, key: &str, value: &Value) {
    let comment = comment(layers, &join(section, key));
    line(text, format_args!("{} = {value}{comment}", quoted(key)));
}

fn comment(layers: &Layers, path: &str) -> String {
    match layers.origins.get(path) {
        None | Some(Origin::Default) => String::new(),
        Some(origin) => format!("  # {origin}"),
    }
}

/// A key as TOML wants it: bare where it can be.
fn quoted(key: &str) -> String {
    let bare = !key.is_empty()
        && key
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    if bare {
        key.to_owned()
    } else {
        format!("{key:?}")
    }
}

fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    writeln!(text, "{arguments}").expect("writing to a text does not fail");
}
