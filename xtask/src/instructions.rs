//! How many instructions the hottest operations take, held against a budget: time on a shared machine
//! says nothing about a change of five percent, and a count of instructions does.
//!
//! `bench/src/bin/instructions` repeats each operation between two calls that callgrind takes notice
//! of. What is counted is what happens outside of the kernel, in a build that is optimised like a
//! release, crate by crate.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::output::say;
use crate::process::Tool;
use crate::sdk::install_packages;
use crate::workspace::Workspace;

/// The budget: a line for each operation, its name and its instructions.
const BUDGET: &str = "bench/instructions.txt";

/// What stands above the lines of the budget.
const HEAD: &str = "# Instructions of one of each: `cargo xtask instructions` compares, and writes \
                    this with `-- record`.\n";

/// Where the program is built, below the target directory; the name of its profile as well.
const PROFILE: &str = "instructions";

/// The function whose instructions are counted, and at whose end callgrind writes a dump.
const COUNTED: &str = "instructions::counted";

/// By how many percent a count may differ. Addresses, which differ between runs, decide where hash
/// tables put things; that makes a part of one percent.
const TOLERANCE_PERCENT: u64 = 5;

/// A difference of so few instructions is none, however small the operation.
const TOLERANCE_LEAST: u64 = 10;

/// The processor whose instructions the budget counts.
const ARCHITECTURE: &str = "x86_64";

/// So that the same copying and comparing is counted on every processor, though glibc has faster ones
/// for some.
const NO_FAST_COPIES: &str = "glibc.cpu.hwcaps=-AVX2,-AVX512F,-AVX512VL,-ERMS,-FSRM";

/// Counts by the names of the operations.
type Counts = BTreeMap<String, u64>;

/// Counts, and compares with the budget; with `record` the budget becomes what was counted.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let record = match arguments {
        [] => false,
        [only] if only == "record" => true,
        [..] => bail!("`cargo xtask instructions` takes nothing, or `-- record`"),
    };
    if std::env::consts::ARCH != ARCHITECTURE {
        say(&format!(
            "NOTHING IS COUNTED: the budget is for {ARCHITECTURE}, and this is {}",
            std::env::consts::ARCH
        ));
        return Ok(());
    }
    let counts = count(workspace)?;
    let path = workspace.root.join(BUDGET);
    if record {
        std::fs::write(&path, written(&counts))
            .with_context(|| format!("cannot write {}", path.display()))?;
        say(&format!("{BUDGET} says what was counted"));
        return Ok(());
    }
    let budget = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    let comparison = compared(&read(&budget)?, &counts);
    say(&comparison.table);
    if !comparison.is_within {
        bail!(
            "an operation is not within {TOLERANCE_PERCENT} % of {BUDGET}. If that is meant, \
             `cargo xtask instructions -- record` writes it anew; say why in the commit"
        );
    }
    Ok(())
}

/// Builds the program and runs it under callgrind.
fn count(workspace: &Workspace) -> Result<Counts> {
    if !Tool::new("valgrind").argument("--version").succeeds() {
        install_packages(&["valgrind"])?;
    }
    workspace
        .tool("cargo")
        .arguments(&["build", "--profile", PROFILE, "--locked"])
        .arguments(&["--package", "presenced-bench", "--bin", "instructions"])
        .run()?;
    let home = workspace.target.join(PROFILE);
    let dumps = home.join("callgrind");
    if dumps.exists() {
        std::fs::remove_dir_all(&dumps)?;
    }
    std::fs::create_dir_all(&dumps)?;
    let dump = dumps.join("dump");
    let listed = Tool::new("valgrind")
        .at(&dumps)
        .arguments(&["--tool=callgrind", "--quiet", "--collect-atstart=no"])
        .argument(format!("--toggle-collect={COUNTED}"))
        .argument(format!("--dump-after={COUNTED}"))
        .argument(format!("--callgrind-out-file={}", dump.display()))
        .argument(home.join("instructions"))
        .with("GLIBC_TUNABLES", NO_FAST_COPIES)
        .read()?;
    let mut counts = Counts::new();
    for (number, line) in (1..).zip(listed.lines()) {
        let (name, times) = named(line)?;
        let total = total(&numbered(&dump, number))?;
        counts.insert(name.to_owned(), total.div_ceil(times.max(1)));
    }
    if counts.is_empty() {
        bail!("the program named no operation");
    }
    Ok(counts)
}

/// Where callgrind writes its dump of this number.
fn numbered(dump: &Path, number: u32) -> PathBuf {
    dump.with_extension(number.to_string())
}

/// The instructions that a dump counts.
fn total(dump: &Path) -> Result<u64> {
    let text = std::fs::read_to_string(dump).with_context(|| {
        format!(
            "callgrind wrote no {}: is there a function {COUNTED}?",
            dump.display()
        )
    })?;
    let line = text.lines().find_map(|line| line.strip_prefix("totals:"));
    let total = line.and_then(|rest| rest.trim().parse().ok());
    let total = total.filter(|total| *total > 0);
    total.with_context(|| format!("{} counts nothing", dump.display()))
}

/// A name and a number, as the program and the budget write them.
fn named(line: &str) -> Result<(&str, u64)> {
    let parts = line.split_once(' ');
    let parts = parts.and_then(|(name, number)| Some((name, number.trim().parse().ok()?)));
    parts.with_context(|| format!("'{line}' is not a name and a number"))
}

fn read(budget: &str) -> Result<Counts> {
    let lines = budget.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| named(line).map(|(name, count)| (name.to_owned(), count)))
        .collect()
}

fn written(counts: &Counts) -> String {
    let lines = counts
        .iter()
        .map(|(name, count)| format!("{name} {count}\n"));
    std::iter::once(HEAD.to_owned()).chain(lines).collect()
}

/// What a comparison shows.
struct Comparison {
    table: String,
    is_within: bool,
}

/// Holds counts against the budget. More is too much; much less is to be recorded, or half of it could
/// be lost again unseen.
fn compared(budget: &Counts, counts: &Counts) -> Comparison {
    let mut table = String::new();
    let mut is_within = true;
    let names = budget.keys().chain(counts.keys());
    let names: std::collections::BTreeSet<&String> = names.collect();
    for name in names {
        let (allowed, counted) = (budget.get(name), counts.get(name));
        let (judgement, good) = match (allowed, counted) {
            (Some(allowed), Some(counted)) => judged(*allowed, *counted),
            (Some(_), None) => ("NOT COUNTED", false),
            (None, _) => ("NOT IN THE BUDGET", false),
        };
        is_within &= good;
        let shown = |count: Option<&u64>| count.map_or("-".to_owned(), u64::to_string);
        let (allowed, counted) = (shown(allowed), shown(counted));
        table.extend([format!("{name:<20}{allowed:>9}{counted:>9}  {judgement}\n")]);
    }
    Comparison { table, is_within }
}

fn judged(allowed: u64, counted: u64) -> (&'static str, bool) {
    let tolerance = (allowed * TOLERANCE_PERCENT / 100).max(TOLERANCE_LEAST);
    if counted > allowed + tolerance {
        ("TOO MANY", false)
    } else if counted + tolerance < allowed {
        ("FEWER: RECORD IT", false)
    } else {
        ("", true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is within the tolerance passes, and nothing else: more, much less, what is not counted,
    /// and what is not in the budget.
    #[test]
    fn counts_are_held_against_the_budget() {
        let check = |budget: &str, counts: &str, expect| {
            let (budget, counts) = (read(budget).unwrap(), read(counts).unwrap());
            let found = compared(&budget, &counts);
            assert_eq!(found.is_within, expect, "{}", found.table);
        };
        check("a 1000\nb 20\n", "a 1050\nb 30\n", true);
        check("a 1000\nb 20\n", "a 950\nb 10\n", true);
        check("a 1000\n", "a 1051\n", false);
        check("a 1000\n", "a 949\n", false);
        check("a 20\n", "a 31\n", false);
        check("a 1000\nb 20\n", "a 1000\n", false);
        check("a 1000\n", "a 1000\nb 20\n", false);
    }

    /// A budget that was written reads back, and what is none is refused.
    #[test]
    fn a_budget_reads_back() {
        let counts = read("b 2\na 1\n").unwrap();
        assert_eq!(written(&counts), format!("{HEAD}a 1\nb 2\n"));
        assert_eq!(read(&written(&counts)).unwrap(), counts);
        assert!(read("a\n").is_err());
        assert!(read("a x\n").is_err());
    }
}
