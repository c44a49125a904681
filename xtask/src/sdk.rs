//! The tests in `tests/sdk`: clients of Graph drive the real server. What they need is installed
//! below the target directory, once for each state of their lock files.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::output::say;
use crate::process::Tool;
use crate::steps;
use crate::workspace::Workspace;

/// One language's tests.
struct Suite {
    name: &'static str,
    run: fn(&Workspace, &Path, &[String]) -> Result<Counts>,
}

const SUITES: [Suite; 4] = [
    Suite {
        name: "python",
        run: python,
    },
    Suite {
        name: "javascript",
        run: javascript,
    },
    Suite {
        name: "rust",
        run: rust,
    },
    Suite {
        name: "openapi",
        run: openapi,
    },
];

/// How many tests of a suite ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    passed: u64,
    failed: u64,
}

/// Builds the server and runs the suites; with arguments the one named first, with the rest handed
/// to its test runner.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let (only, rest) = match arguments {
        [] => (None, [].as_slice()),
        [only, rest @ ..] => (Some(only.as_str()), rest),
    };
    let suites: Vec<&Suite> = SUITES
        .iter()
        .filter(|suite| only.is_none_or(|only| only == suite.name))
        .collect();
    if suites.is_empty() {
        let names: Vec<&str> = SUITES.iter().map(|suite| suite.name).collect();
        bail!("there are SDK tests in {} only", names.join(", "));
    }
    let server = build_server(workspace)?;
    let mut total = Counts::default();
    for suite in suites {
        say(&format!("-- {} --", suite.name));
        let counts = (suite.run)(workspace, &server, rest)?;
        if counts.passed == 0 && counts.failed == 0 {
            bail!("no test of the {} suite ran", suite.name);
        }
        total.passed += counts.passed;
        total.failed += counts.failed;
    }
    say(&format!(
        "SDK: {} passed, {} failed",
        total.passed, total.failed
    ));
    if total.failed > 0 {
        bail!("{} SDK tests failed", total.failed);
    }
    Ok(())
}

/// The server as its owners build it: without the features that only tests switch on.
fn build_server(workspace: &Workspace) -> Result<PathBuf> {
    workspace
        .tool("cargo")
        .arguments(&["build", "--package", "presenced", "--locked"])
        .run()?;
    Ok(workspace.target.join("debug/presenced"))
}

fn python(workspace: &Workspace, server: &Path, arguments: &[String]) -> Result<Counts> {
    pytest(workspace, "python", server, arguments)
}

/// schemathesis asks the server whether its description is true.
fn openapi(workspace: &Workspace, server: &Path, arguments: &[String]) -> Result<Counts> {
    pytest(workspace, "openapi", server, arguments)
}

/// A suite that pytest runs, in an environment of its own.
fn pytest(
    workspace: &Workspace,
    name: &str,
    server: &Path,
    arguments: &[String],
) -> Result<Counts> {
    let tests = workspace.root.join("tests/sdk").join(name);
    let requirements = tests.join("requirements.txt");
    let home = installed(workspace, name, &requirements, |home| {
        if !make_venv(home) {
            install_packages(&["python3", "python3-venv"])?;
            if !make_venv(home) {
                bail!("`python3 -m venv` fails: the tests need Python 3.11 or newer with venv");
            }
        }
        // The list is complete and exact, so pip has nothing to resolve.
        Tool::new(home.join("bin/pip"))
            .arguments(&[
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--no-deps",
            ])
            .arguments(&["--no-input", "--requirement"])
            .argument(&requirements)
            .run()
    })?;
    let report = workspace.target.join(format!("sdk/{name}.xml"));
    remove(&report)?;
    let outcome = Tool::new(home.join("bin/python"))
        .at(&tests)
        .arguments(&["-m", "pytest", "-p", "no:cacheprovider", "--junit-xml"])
        .argument(&report)
        .arguments(arguments)
        .with("PRESENCED_BIN", server)
        .with("PYTHONDONTWRITEBYTECODE", "1")
        .run();
    counted(&report, outcome, count_junit)
}

fn make_venv(home: &Path) -> bool {
    Tool::new("python3")
        .arguments(&["-m", "venv", "--clear"])
        .argument(home)
        .succeeds()
}

fn javascript(workspace: &Workspace, server: &Path, arguments: &[String]) -> Result<Counts> {
    let tests = workspace.root.join("tests/sdk/javascript");
    let home = installed(
        workspace,
        "javascript",
        &tests.join("package-lock.json"),
        |home| {
            if !Tool::new("npm").argument("--version").succeeds() {
                install_packages(&["nodejs", "npm"])?;
            }
            for name in ["package.json", "package-lock.json"] {
                std::fs::copy(tests.join(name), home.join(name))?;
            }
            Tool::new("npm")
                .at(home)
                .arguments(&["ci", "--no-audit", "--no-fund", "--ignore-scripts"])
                .run()
        },
    )?;
    // Node looks for packages beside and above the file that asks, so the tests go to them.
    let copies = home.join("tests");
    let built = home.join("built");
    for directory in [&copies, &built] {
        remove(directory)?;
    }
    std::fs::create_dir_all(&copies)?;
    for entry in std::fs::read_dir(&tests)? {
        let path = entry?.path();
        let script = path.extension().is_some_and(|e| e == "js" || e == "ts");
        if script || path.ends_with("tsconfig.json") {
            let name = path
                .file_name()
                .context("a file of a directory has a name")?;
            std::fs::copy(&path, copies.join(name))?;
        }
    }
    // What is written in TypeScript is checked against the types that the client promises.
    Tool::new(home.join("node_modules/.bin/tsc"))
        .at(&home)
        .arguments(&["--project", "tests"])
        .run()?;
    let report = workspace.target.join("sdk/javascript.tap");
    remove(&report)?;
    let outcome = Tool::new("node")
        .at(&home)
        .argument("built/run.js")
        .arguments(&["--test-reporter=spec", "--test-reporter-destination=stdout"])
        .argument("--test-reporter=tap")
        .argument(format!("--test-reporter-destination={}", report.display()))
        .arguments(arguments)
        .with("PRESENCED_BIN", server)
        .with(
            "PRESENCED_VECTORS",
            workspace
                .root
                .join("crates/notify/testdata/rich_notification.json"),
        )
        .run();
    counted(&report, outcome, count_tap)
}

/// A workspace of its own, built into a target directory of its own: the client wants other features
/// of the packages that it shares with the server, and each would have the other's built anew.
fn rust(workspace: &Workspace, server: &Path, arguments: &[String]) -> Result<Counts> {
    let manifest = ["--manifest-path", "tests/sdk/rust/Cargo.toml"];
    workspace
        .tool("cargo")
        .argument("fmt")
        .arguments(&manifest)
        .arguments(&["--", "--check"])
        .run()?;
    let target = workspace.target.join("sdk/rust");
    let report = target.join("nextest.xml");
    remove(&report)?;
    // The runner writes its report below the sources, unless its settings say where else.
    std::fs::create_dir_all(&target)?;
    let settings = target.join("nextest.toml");
    std::fs::write(&settings, nextest_settings(&target, &report))?;
    let outcome = steps::nextest(workspace)?
        .arguments(&["run", "--locked"])
        .arguments(&manifest)
        .argument("--config-file")
        .argument(&settings)
        .arguments(arguments)
        .with("CARGO_TARGET_DIR", &target)
        .with("PRESENCED_BIN", server)
        .run();
    counted(&report, outcome, count_junit)
}

/// Settings of the runner with which it writes a report. Each test has a minute.
fn nextest_settings(store: &Path, report: &Path) -> String {
    // A string of JSON is one of TOML.
    let quoted = |path: &Path| serde_json::Value::from(path.to_string_lossy()).to_string();
    let (store, report) = (quoted(store), quoted(report));
    format!(
        "[store]\ndir = {store}\n\
         [profile.default]\nfail-fast = false\nfailure-output = \"immediate-final\"\n\
         slow-timeout = {{ period = \"30s\", terminate-after = 2 }}\n\
         [profile.default.junit]\npath = {report}\n"
    )
}

/// The directory of a suite's packages. `install` fills it where it is not there for just this
/// lock file; one that was left half-filled is thrown away.
fn installed(
    workspace: &Workspace,
    name: &str,
    lock: &Path,
    install: impl FnOnce(&Path) -> Result<()>,
) -> Result<PathBuf> {
    let content = std::fs::read(lock).with_context(|| format!("cannot read {}", lock.display()))?;
    let home = workspace
        .target
        .join("sdk")
        .join(format!("{name}-{:016x}", fingerprint(&content)));
    let complete = home.join(".complete");
    if !complete.exists() {
        say(&format!(
            "installing the {name} clients into {}",
            home.display()
        ));
        remove(&home)?;
        std::fs::create_dir_all(&home)?;
        install(&home)?;
        std::fs::write(complete, "")?;
    }
    Ok(home)
}

/// FNV-1a. It tells states of a lock file apart; nobody attacks it.
fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Installs what the system lacks, where we may: on a fresh machine, as root, with apt-get.
pub(crate) fn install_packages(packages: &[&str]) -> Result<()> {
    let list = packages.join(" ");
    let root = Tool::new("id")
        .argument("-u")
        .read()
        .is_ok_and(|id| id.trim() == "0");
    if !root || !Tool::new("apt-get").argument("--version").succeeds() {
        bail!("the gate needs these packages of the system: {list}");
    }
    let apt = || Tool::new("apt-get").with("DEBIAN_FRONTEND", "noninteractive");
    apt().arguments(&["update", "--quiet"]).run()?;
    apt()
        .arguments(&["install", "--yes", "--quiet"])
        .arguments(packages)
        .run()
}

fn remove(path: &Path) -> Result<()> {
    let outcome = if path.is_dir() {
        std::fs::remove_dir_all(path)
    } else {
        std::fs::remove_file(path)
    };
    match outcome {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// What a test runner reported. One that failed without a failed test to show has failed itself.
fn counted(report: &Path, outcome: Result<()>, count: fn(&str) -> Counts) -> Result<Counts> {
    let counts = std::fs::read_to_string(report)
        .map(|text| count(&text))
        .unwrap_or_default();
    match outcome {
        Err(error) if counts.failed == 0 => Err(error),
        _ => Ok(counts),
    }
}

/// Reads the `testsuite` element that pytest and nextest write.
fn count_junit(report: &str) -> Counts {
    let attribute = |name: &str| -> u64 {
        let after = report.split_once("<testsuite ").and_then(|(_, rest)| {
            rest.split_once(&format!(" {name}=\""))
                .map(|(_, value)| value)
        });
        let digits = after
            .and_then(|value| value.split_once('"'))
            .map_or("0", |(digits, _)| digits);
        digits.parse().unwrap_or(0)
    };
    let failed = attribute("failures") + attribute("errors");
    Counts {
        passed: attribute("tests").saturating_sub(failed + attribute("skipped")),
        failed,
    }
}

/// Reads the totals that close a TAP report of Node.
fn count_tap(report: &str) -> Counts {
    let total = |name: &str| -> u64 {
        let prefix = format!("# {name} ");
        let mut lines = report
            .lines()
            .rev()
            .filter_map(|line| line.strip_prefix(&prefix));
        lines.find_map(|digits| digits.parse().ok()).unwrap_or(0)
    };
    Counts {
        passed: total("pass"),
        failed: total("fail") + total("cancelled"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Totals are read from what the runners really write.
    #[test]
    fn reports_are_counted() {
        let junit = r#"<testsuites name="pytest tests"><testsuite name="pytest" errors="1" failures="2" skipped="3" tests="10" time="1.0"><testcase/>"#;
        assert_eq!(
            count_junit(junit),
            Counts {
                passed: 4,
                failed: 3
            }
        );
        let nextest = r#"<testsuites name="nextest-run" tests="7" failures="1" errors="0" uuid="x" timestamp="x" time="3.1"><testsuite name="presenced-sdk-tests::it" tests="7" disabled="0" errors="0" failures="1"><testcase/>"#;
        assert_eq!(
            count_junit(nextest),
            Counts {
                passed: 6,
                failed: 1
            }
        );
        let tap = "TAP version 13\n# Subtest: # pass 9\n1..2\n# tests 7\n# pass 4\n# fail 2\n# cancelled 1\n# skipped 0\n";
        assert_eq!(
            count_tap(tap),
            Counts {
                passed: 4,
                failed: 3
            }
        );
        assert_eq!(
            (count_junit(""), count_tap("")),
            (Counts::default(), Counts::default())
        );
    }

    /// A runner that broke down without a failed test is an error; one with failed tests is a
    /// count.
    #[test]
    fn a_broken_runner_is_no_success() {
        let nowhere = Path::new("does/not/exist");
        let broken = || Err(anyhow::anyhow!("broken"));
        assert!(
            counted(nowhere, broken(), |_| Counts {
                passed: 3,
                failed: 0
            })
            .is_err()
        );
        assert_eq!(
            counted(nowhere, Ok(()), count_tap).unwrap(),
            Counts::default()
        );
    }

    /// Another lock file has another home.
    #[test]
    fn lock_files_are_told_apart() {
        assert_ne!(fingerprint(b"a==1\n"), fingerprint(b"a==2\n"));
        assert_eq!(fingerprint(b""), 0xcbf2_9ce4_8422_2325);
    }
}
