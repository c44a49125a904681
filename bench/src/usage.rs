//! What a process has used so far, as the kernel counts it.

use anyhow::{Context as _, Result};

/// Ticks in a second of the times in `/proc/PID/stat`. The kernel's own clock may tick otherwise;
/// what it shows to programs is 100 on every architecture that presenced runs on.
const TICKS_PER_SECOND: u64 = 100;

/// CPU time and memory of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Time in its own code, in microseconds, to the nearest 10 ms.
    pub(crate) user_us: u64,
    /// Time in the kernel on its behalf, in microseconds, to the nearest 10 ms.
    pub(crate) kernel_us: u64,
    /// Resident memory in KiB.
    pub(crate) resident_kib: u64,
}

impl Usage {
    /// What the process with this id has used up to now.
    pub(crate) fn of(process: u32) -> Result<Self> {
        let read = |file: &str| {
            let path = format!("/proc/{process}/{file}");
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))
        };
        parse(&read("stat")?, &read("status")?)
            .with_context(|| format!("cannot understand /proc/{process}/stat and status"))
    }
}

/// What the whole machine has used so far, in microseconds of CPU time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Machine {
    /// Time that any process or the kernel worked, or the host kept for others.
    pub(crate) busy_us: u64,
    /// All time of all cores.
    pub(crate) whole_us: u64,
}

impl Machine {
    /// What the machine has used up to now.
    pub(crate) fn now() -> Result<Self> {
        let path = "/proc/stat";
        let stat = std::fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
        parse_machine(&stat).with_context(|| format!("cannot understand {path}"))
    }

    /// Share of the time since `before` in which anybody worked, in percent.
    pub(crate) const fn busy_percent_since(self, before: Self) -> u64 {
        let busy_us = self.busy_us - before.busy_us;
        match (busy_us * 100).checked_div(self.whole_us - before.whole_us) {
            Some(percent) => percent,
            None => 0,
        }
    }
}

/// Reads the file's first line (`man 5 proc_stat`): user, nice, system, idle, iowait, irq, softirq,
/// steal. Guests' time follows and is in the first two already.
fn parse_machine(stat: &str) -> Option<Machine> {
    let fields = stat.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Option<Vec<u64>> = fields
        .split_whitespace()
        .take(8)
        .map(|field| field.parse().ok())
        .collect();
    let ticks = ticks?;
    let idle: u64 = ticks.get(3..5)?.iter().sum();
    let whole: u64 = ticks.iter().sum();
    let us = |ticks| ticks * (1_000_000 / TICKS_PER_SECOND);
    Some(Machine {
        busy_us: us(whole - idle),
        whole_us: us(whole),
    })
}

/// Reads the two files (`man 5 proc_pid_stat`, `proc_pid_status`).
fn parse(stat: &str, status: &str) -> Option<Usage> {
    // The second field is the program's name in brackets and may itself hold spaces and brackets.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields.split_whitespace().skip(11);
    let mut next_us = || {
        let ticks: u64 = times.next()?.parse().ok()?;
        Some(ticks * (1_000_000 / TICKS_PER_SECOND))
    };
    let (user_us, kernel_us) = (next_us()?, next_us()?);
    let resident = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(Usage {
        user_us,
        kernel_us,
        resident_kib: resident.split_whitespace().next()?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Times and memory are found, whatever the program is called.
    #[test]
    fn the_kernels_files_are_read() {
        let stat = "12 (a) b (c) S 1 12 12 0 -1 4194560 95 0 0 0 1234 56 7 8 20 0 3 0 99 1 2 3\n";
        let status = "Name:\ta\nVmHWM:\t 999 kB\nVmRSS:\t   4321 kB\nThreads:\t3\n";
        let expect = Usage {
            user_us: 12_340_000,
            kernel_us: 560_000,
            resident_kib: 4_321,
        };
        assert_eq!(parse(stat, status), Some(expect));
        assert_eq!(parse("12 (a) S 1", status), None);
        assert_eq!(parse(stat, "Name:\ta\n"), None);
    }

    /// Busy is what is neither idle nor waiting for a disk.
    #[test]
    fn the_machines_time_is_read() {
        let stat = "cpu  1 2 3 40 50 6 7 8 900 900\ncpu0 1 1 1 1\n";
        let expect = Machine {
            busy_us: 270_000,
            whole_us: 1_170_000,
        };
        assert_eq!(parse_machine(stat), Some(expect));
        let later = Machine {
            busy_us: 370_000,
            whole_us: 1_370_000,
        };
        assert_eq!(later.busy_percent_since(expect), 50);
        assert_eq!(expect.busy_percent_since(expect), 0);
        assert_eq!(parse_machine("cpu  1 2"), None);
        assert_eq!(parse_machine(""), None);
    }

    /// This very process has memory, and time that does not run backward.
    #[test]
    fn this_process_is_measured() {
        let first = Usage::of(std::process::id()).unwrap();
        let second = Usage::of(std::process::id()).unwrap();
        assert!(first.resident_kib > 0);
        assert!(second.user_us >= first.user_us && second.kernel_us >= first.kernel_us);
    }
}
