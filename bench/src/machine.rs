//! The machine that is measured on, and how much of it others took meanwhile.

use anyhow::Result;

use crate::limits::OTHERS_PERCENT_MAX;
use crate::usage::{Machine, Usage};

/// How much of the machine's work is not ours: whether the figures can be relied on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quiet {
    machine: Machine,
    ours_us: u64,
}

impl Quiet {
    /// What the machine, and these processes and this one, have worked up to now.
    pub(crate) fn now(processes: impl Iterator<Item = u32>) -> Result<Self> {
        let mut ours_us = 0;
        for process in processes.chain([std::process::id()]) {
            let usage = Usage::of(process)?;
            ours_us += usage.user_us + usage.kernel_us;
        }
        let machine = Machine::now()?;
        Ok(Self { machine, ours_us })
    }

    /// What others have worked since `before`, when the same processes ran.
    pub(crate) const fn since(self, before: Self) -> Others {
        let busy_us = self.machine.busy_us - before.machine.busy_us;
        Others {
            busy_us: busy_us.saturating_sub(self.ours_us - before.ours_us),
            whole_us: self.machine.whole_us - before.machine.whole_us,
        }
    }
}

/// What other processes worked during a measurement, and what the host of a virtual machine withheld.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Others {
    busy_us: u64,
    whole_us: u64,
}

impl Others {
    /// Their work in this measurement and in `other` one.
    pub(crate) const fn and(self, other: Self) -> Self {
        Self {
            busy_us: self.busy_us + other.busy_us,
            whole_us: self.whole_us + other.whole_us,
        }
    }

    /// Their share of the machine's time.
    pub(crate) const fn percent(self) -> u64 {
        let whole_us = if self.whole_us == 0 { 1 } else { self.whole_us };
        self.busy_us * 100 / whole_us
    }
}

/// What is to be said of the share that others took.
pub(crate) fn verdict(others_percent: u64) -> String {
    let mut text = format!(
        "Others took {others_percent} % of the machine's CPU time meanwhile: processes, or the host.\n"
    );
    if others_percent > OTHERS_PERCENT_MAX {
        text.push_str("That is too much for figures of record: repeat it on a quiet machine.\n");
    }
    text
}

/// What the figures were measured on, in a line.
pub(crate) fn machine() -> String {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let value = |text: &str, name| {
        let line = text.lines().find(|line| line.starts_with(name));
        let value = line.and_then(|line| line.split_once(':'));
        value
            .map_or("unknown", |(_, value)| value.trim())
            .to_owned()
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let processor = value(&read("/proc/cpuinfo"), "model name");
    let memory = value(&read("/proc/meminfo"), "MemTotal");
    let kernel = read("/proc/sys/kernel/osrelease");
    format!(
        "{cores} cores ({processor}), {memory} of memory, Linux {}",
        kernel.trim()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What others took is what the machine worked beyond our own processes, over several
    /// measurements together, and too much of it is said to be too much.
    #[test]
    fn the_work_of_others_is_told() {
        let at = |busy_us, whole_us, ours_us| Quiet {
            machine: Machine { busy_us, whole_us },
            ours_us,
        };
        let first = at(900, 2_000, 800).since(at(100, 1_000, 50));
        assert_eq!(first.percent(), 5);
        // Ticks are counted more coarsely than work is done: never less than nothing.
        let second = at(100, 2_000, 200).since(at(50, 1_000, 50));
        assert_eq!(second.percent(), 0);
        assert_eq!(first.and(second).percent(), 2);
        assert_eq!(Others::default().percent(), 0);
        assert!(!verdict(5).contains("too much"));
        assert!(verdict(6).contains("too much"));
    }
}
