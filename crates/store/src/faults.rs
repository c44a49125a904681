//! Where the files of the embedded store can be made to fail. In a build without the `testkit`
//! feature nothing can, and the calls come to nothing.

#[cfg(feature = "testkit")]
pub use chosen::{FailingWrite, Faults};

#[cfg(feature = "testkit")]
pub(crate) use chosen::FaultPoint;
#[cfg(not(feature = "testkit"))]
pub(crate) use none::FaultPoint;

#[cfg(not(feature = "testkit"))]
mod none {
    use std::io;

    use crate::embedded::frame::FileKind;

    /// Lets everything happen.
    #[derive(Clone, Debug, Default)]
    pub(crate) struct FaultPoint(());

    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "it has the shape of the one that fails"
    )]
    impl FaultPoint {
        pub(crate) const fn write(&self, _: FileKind, _: usize) -> Result<(), (usize, io::Error)> {
            Ok(())
        }

        pub(crate) const fn sync(&self, _: FileKind) -> io::Result<()> {
            Ok(())
        }

        pub(crate) const fn truncate(&self, _: FileKind) -> io::Result<()> {
            Ok(())
        }
    }
}

#[cfg(feature = "testkit")]
mod chosen {
    use std::io;
    use std::sync::Arc;

    use parking_lot::Mutex;

    use crate::embedded::frame::FileKind;

    /// A plan of what fails, shared between a test and the store that it opened with
    /// [`EmbeddedConfig::with_faults`](crate::EmbeddedConfig::with_faults).
    #[derive(Clone, Debug, Default)]
    pub struct Faults(Arc<Mutex<Plan>>);

    pub(crate) type FaultPoint = Faults;

    #[derive(Debug, Default)]
    struct Plan {
        write: Option<FailingWrite>,
        syncs: u64,
        truncates: u64,
        snapshot_writes: u64,
        failed: u64,
    }

    /// Journal writes that fail for want of space.
    #[derive(Clone, Copy, Debug)]
    pub struct FailingWrite {
        /// How many writes succeed first.
        pub skip: u64,
        /// How many fail then.
        pub times: u64,
        /// How many bytes of each failing write reach the file all the same.
        pub kept: usize,
    }

    impl Faults {
        /// Lets writes of the journal fail as "no space left on device".
        pub fn fail_writes(&self, write: FailingWrite) {
            self.0.lock().write = Some(write);
        }

        /// Lets the next `times` syncs of the journal fail.
        pub fn fail_syncs(&self, times: u64) {
            self.0.lock().syncs = times;
        }

        /// Lets the next `times` attempts to cut the journal back fail.
        pub fn fail_truncates(&self, times: u64) {
            self.0.lock().truncates = times;
        }

        /// Lets the next `times` writes of a snapshot fail.
        pub fn fail_snapshot_writes(&self, times: u64) {
            self.0.lock().snapshot_writes = times;
        }

        /// Lets everything succeed from now on.
        pub fn heal(&self) {
            let failed = self.failed();
            *self.0.lock() = Plan {
                failed,
                ..Plan::default()
            };
        }

        /// How often something was made to fail.
        pub fn failed(&self) -> u64 {
            self.0.lock().failed
        }

        pub(crate) fn write(
            &self,
            kind: FileKind,
            length: usize,
        ) -> Result<(), (usize, io::Error)> {
            let mut plan = self.0.lock();
            let full = io::Error::from(io::ErrorKind::StorageFull);
            if kind == FileKind::Snapshot {
                return plan
                    .take(|plan| &mut plan.snapshot_writes)
                    .map_err(|()| (0, full));
            }
            let Some(write) = &mut plan.write else {
                return Ok(());
            };
            if write.skip > 0 {
                write.skip -= 1;
                return Ok(());
            }
            if write.times == 0 {
                return Ok(());
            }
            write.times -= 1;
            let kept = write.kept.min(length);
            plan.failed += 1;
            Err((kept, full))
        }

        pub(crate) fn sync(&self, kind: FileKind) -> io::Result<()> {
            if kind == FileKind::Snapshot {
                return Ok(());
            }
            let taken = self.0.lock().take(|plan| &mut plan.syncs);
            taken.map_err(|()| io::Error::other("the device does not answer"))
        }

        pub(crate) fn truncate(&self, kind: FileKind) -> io::Result<()> {
            if kind == FileKind::Snapshot {
                return Ok(());
            }
            let taken = self.0.lock().take(|plan| &mut plan.truncates);
            taken.map_err(|()| io::Error::other("the device does not answer"))
        }
    }

    impl Plan {
        /// Uses up one failure, if one is left.
        fn take(&mut self, count: impl Fn(&mut Self) -> &mut u64) -> Result<(), ()> {
            let left = count(self);
            if *left == 0 {
                return Ok(());
            }
            *left -= 1;
            self.failed += 1;
            Err(())
        }
    }
}
