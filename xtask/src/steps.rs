//! The steps of the gate.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::output::{complain, say};
use crate::process::Tool;
use crate::workspace::Workspace;
use crate::{instructions, sdk, tidy};

/// One step: the `cargo xtask NAME` that runs just this.
pub(crate) struct Step {
    name: &'static str,
    run: fn(&Workspace) -> Result<()>,
}

/// In the order of the gate: what is quick and often wrong comes first.
const STEPS: [Step; 8] = [
    Step {
        name: "fmt",
        run: fmt,
    },
    Step {
        name: "tidy",
        run: tidy::run,
    },
    Step {
        name: "lint",
        run: lint,
    },
    Step {
        name: "doc",
        run: doc,
    },
    Step {
        name: "test",
        run: test,
    },
    Step {
        name: "fuzz",
        run: fuzz,
    },
    Step {
        name: "instructions",
        run: |workspace| instructions::run(workspace, &[]),
    },
    Step {
        name: "sdk",
        run: |workspace| sdk::run(workspace, &[]),
    },
];

/// The test runner's version, built from source where none is there: any version reads
/// `.config/nextest.toml`, this one is known to.
const NEXTEST: &str = "0.9.143";

/// The step of this name.
pub(crate) fn named(name: &str) -> Option<&'static Step> {
    STEPS.iter().find(|step| step.name == name)
}

/// Runs one step.
pub(crate) fn run_one(workspace: &Workspace, step: &Step) -> Result<()> {
    (step.run)(workspace)
}

/// Runs the gate.
pub(crate) fn run_all(workspace: &Workspace) -> Result<()> {
    let begun = now();
    let mut times = Vec::new();
    for step in &STEPS {
        say(&format!("\n== {} ==", step.name));
        let step_begun = now();
        (step.run)(workspace).inspect_err(|_| {
            complain(&format!(
                "\nthe gate stopped at `{0}`; this repeats just that step: cargo xtask {0}",
                step.name
            ));
        })?;
        let took = step_begun.elapsed();
        say(&format!("== {} took {} ==", step.name, seconds(took)));
        times.push(format!("{} {}", step.name, seconds(took)));
    }
    say(&format!(
        "\nthe gate is open after {} ({})",
        seconds(begun.elapsed()),
        times.join(", ")
    ));
    Ok(())
}

fn fmt(workspace: &Workspace) -> Result<()> {
    workspace
        .tool("cargo")
        .arguments(&["fmt", "--all", "--", "--check"])
        .run()
        .context("`cargo fmt --all` formats everything")
}

/// Twice: everything with all features, and then the server as it is shipped, without those that
/// only tests ask for.
fn lint(workspace: &Workspace) -> Result<()> {
    let everything = ["--workspace", "--all-targets", "--all-features"];
    let shipped = ["--package", "presenced"];
    for what in [&everything[..], &shipped] {
        workspace
            .tool("cargo")
            .arguments(&["clippy", "--locked"])
            .arguments(what)
            .arguments(&["--", "-D", "warnings"])
            .run()?;
    }
    Ok(())
}

fn doc(workspace: &Workspace) -> Result<()> {
    workspace
        .tool("cargo")
        .arguments(&["doc", "--workspace", "--all-features", "--locked"])
        .arguments(&["--no-deps", "--document-private-items"])
        .with("RUSTDOCFLAGS", "-D warnings")
        .run()
}

fn test(workspace: &Workspace) -> Result<()> {
    unforgiving(nextest(workspace)?)
        .arguments(&["run", "--workspace", "--all-features", "--locked"])
        .run()?;
    unforgiving(workspace.tool("cargo"))
        .arguments(&[
            "test",
            "--doc",
            "--workspace",
            "--all-features",
            "--locked",
            "--quiet",
        ])
        .run()
}

/// The fuzz targets build, and nothing that was ever found is back. They are a workspace of their
/// own, so the other steps do not see them.
fn fuzz(workspace: &Workspace) -> Result<()> {
    let cargo = |command: &str| {
        workspace
            .tool("cargo")
            .argument(command)
            .arguments(&["--manifest-path", "fuzz/Cargo.toml"])
    };
    let without_fuzzer = ["--no-default-features", "--locked"];
    cargo("fmt").arguments(&["--", "--check"]).run()?;
    cargo("clippy")
        .arguments(&without_fuzzer)
        .arguments(&["--all-targets", "--", "-D", "warnings"])
        .run()
        .context(
            "if dependencies have changed: `cargo update --workspace --manifest-path \
             fuzz/Cargo.toml` brings the lock file of the targets along",
        )?;
    cargo("test")
        .arguments(&without_fuzzer)
        .arguments(&["--test", "replay"])
        .run()
}

/// Snapshots and generated files are compared, never written, whatever the environment says.
fn unforgiving(tool: Tool) -> Tool {
    tool.with("INSTA_UPDATE", "no")
        .without("INSTA_FORCE_PASS")
        .without(UPDATE)
}

/// Set to `1`, the tests that compare a generated file with the code write the file instead.
const UPDATE: &str = "PRESENCED_UPDATE";

/// Writes the generated files anew: the tests that compare them know how.
pub(crate) fn generate(workspace: &Workspace) -> Result<()> {
    nextest(workspace)?
        .arguments(&["run", "--workspace", "--all-features", "--locked"])
        .arguments(&["-E", "test(/generated/)"])
        .with(UPDATE, "1")
        .run()
}

/// `cargo nextest`, built first where it is missing. It goes below the target directory, so that
/// nothing is installed into anybody's home.
pub(crate) fn nextest(workspace: &Workspace) -> Result<Tool> {
    if workspace
        .tool("cargo")
        .arguments(&["nextest", "--version"])
        .succeeds()
    {
        return Ok(workspace.tool("cargo").argument("nextest"));
    }
    let root = workspace
        .target
        .join("tools")
        .join(format!("nextest-{NEXTEST}"));
    let program = root.join("bin/cargo-nextest");
    if !program.exists() {
        say(&format!(
            "cargo-nextest is not here; building {NEXTEST}, once"
        ));
        // The runner is not what is measured: unoptimised, it is built in half the time.
        workspace
            .tool("cargo")
            .arguments(&[
                "install",
                "cargo-nextest",
                "--version",
                NEXTEST,
                "--locked",
                "--debug",
            ])
            .arguments(&[
                "--no-default-features",
                "--features",
                "default-no-update",
                "--root",
            ])
            .argument(&root)
            .run()
            .context("`cargo install cargo-nextest --locked` gives the test runner by hand")?;
    }
    Ok(workspace
        .tool(program.to_string_lossy().as_ref())
        .argument("nextest"))
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long a step took; nothing is decided by it"
)]
fn now() -> Instant {
    Instant::now()
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}
