//! The open loop: requests at a rate that no answer slows down.
//!
//! Each request has an instant at which it should be sent, drawn beforehand, and its latency counts
//! from there: while a server stalls, the requests go on coming, and what they wait is seen. They
//! come at random (Poisson), as those of many clients do that know nothing of each other.
//!
//! One thread waits for both, the next instant and the next answer, in one system call with a limit in
//! nanoseconds: timers that tick in milliseconds would send dozens at once.

use std::collections::VecDeque;
use std::io::Write as _;
use std::net::TcpStream;
use std::num::NonZeroU64;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep_until};

use crate::histogram::Histogram;
use crate::limits::{EVENTS_AT_ONCE, LATE_MAX, READ_BYTES, STALL_TIMEOUT};
use crate::load::{Load, Measured};
use crate::reply::{Reply, all_answered};
use crate::request::{Numbers, Template};
use crate::usage::{Machine, Usage};

/// What one measurement at a rate found.
#[derive(Debug)]
pub(crate) struct Paced {
    /// The latencies, from the intended instants, of all that was to be sent in these seconds, and what
    /// the server used in them.
    pub(crate) measured: Measured,
    /// How much was answered in these seconds, whenever it was to be sent: what was used was used for
    /// this.
    pub(crate) answered: u64,
    /// How long after each intended instant the generator looked at it. Waiting for a free connection
    /// is not in it: that is for want of answers, and the server's.
    pub(crate) late: Histogram,
    /// Share of the machine's CPU time in these seconds that anybody worked, in percent.
    pub(crate) busy_percent: u64,
}

impl Paced {
    /// Whether the generator itself was too late: the machine was overrun, and latencies tell more of
    /// the machine than of the server.
    pub(crate) fn is_overrun(&self) -> bool {
        self.late.permille(900) > LATE_MAX
    }
}

impl Load {
    /// Sends so many requests a second for `seconds` after a warm-up: in each `round` others, and at other
    /// instants, but the same for all servers.
    pub(crate) async fn measure_at(
        &self,
        rate: u32,
        round: u64,
        seconds: Duration,
    ) -> Result<Paced> {
        let begin = Instant::now() + self.warm_up;
        let end = begin + seconds;
        let mut pace = Pace::new(self, rate, round, begin..end)?;
        let sending = spawn_blocking(move || pace.run().map(|()| pace));
        sleep_until(begin).await;
        let (before, machine) = (Usage::of(self.process)?, Machine::now()?);
        sleep_until(end).await;
        let after = Usage::of(self.process)?;
        let busy_percent = Machine::now()?.busy_percent_since(machine);
        let pace = sending.await??;
        ensure!(pace.latencies.total() > 0, "not one request was answered");
        Ok(Paced {
            measured: Measured {
                latencies: pace.latencies,
                elapsed: seconds,
                before,
                after,
            },
            answered: pace.answered,
            late: pace.late,
            busy_percent,
        })
    }
}

/// The open loop over its connections.
struct Pace {
    epoll: OwnedFd,
    lanes: Vec<Lane>,
    /// Lanes that wait for no answer; the one that has rested longest is taken first.
    free: VecDeque<usize>,
    /// Instants that have come, for which there was no free lane.
    waiting: VecDeque<Instant>,
    arrivals: Arrivals,
    /// What should be sent within this time counts.
    counted: std::ops::Range<Instant>,
    numbers: Numbers,
    load: Load,
    latencies: Histogram,
    answered: u64,
    late: Histogram,
}

/// One connection.
struct Lane {
    stream: TcpStream,
    /// When the request under way should have been sent.
    due: Instant,
    reply: Reply,
    received: Vec<u8>,
    sent: Vec<u8>,
}

/// The instants at which requests should be sent.
struct Arrivals {
    next: Instant,
    rate: f64,
    numbers: Numbers,
}

impl Arrivals {
    /// The next instant, if it is not after `now`.
    fn take(&mut self, now: Instant) -> Option<Instant> {
        if self.next > now {
            return None;
        }
        let due = self.next;
        // The time between two arrivals that know nothing of each other is distributed
        // exponentially. The half keeps the logarithm away from zero.
        let drawn = u32::try_from(self.numbers.below(1 << 32)).unwrap_or(u32::MAX);
        let uniform = (f64::from(drawn) + 0.5) / f64::from(1_u32 << 31) / 2.0;
        self.next += Duration::from_secs_f64(-uniform.ln() / self.rate);
        Some(due)
    }
}

impl Pace {
    fn new(load: &Load, rate: u32, round: u64, counted: std::ops::Range<Instant>) -> Result<Self> {
        ensure!(rate > 0, "nothing is to be sent");
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let mut lanes = Vec::new();
        for number in 0..load.connections {
            let stream = TcpStream::connect(load.address)
                .with_context(|| format!("cannot connect to {}", load.address))?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            epoll::add(&epoll, &stream, EventData::new_u64(number), EventFlags::IN)?;
            lanes.push(Lane {
                stream,
                due: counted.start,
                reply: Reply::new(load.protocol),
                received: Vec::new(),
                sent: Vec::new(),
            });
        }
        Ok(Self {
            epoll,
            free: (0..lanes.len()).collect(),
            lanes,
            waiting: VecDeque::new(),
            arrivals: Arrivals {
                next: Instant::now(),
                rate: f64::from(rate),
                numbers: Numbers::stream(u64::from(rate) | round << 32),
            },
            counted,
            numbers: Numbers::stream(round),
            load: load.clone(),
            latencies: Histogram::new(),
            answered: 0,
            late: Histogram::new(),
        })
    }

    /// Sends until the end, and waits for the last answers.
    fn run(&mut self) -> Result<()> {
        // By default the kernel may let a thread sleep 50 µs longer than it asked for.
        rustix::thread::set_current_timer_slack(NonZeroU64::new(1))?;
        let mut events: Vec<Event> = Vec::with_capacity(EVENTS_AT_ONCE);
        loop {
            let now = Instant::now();
            let taken = now.min(self.counted.end);
            while let Some(due) = self.arrivals.take(taken) {
                if self.counted.contains(&due) {
                    self.late.record(now - due);
                }
                self.waiting.push_back(due);
            }
            while let (Some(due), Some(lane)) = (self.waiting.front(), self.free.front()) {
                let (due, lane) = (*due, *lane);
                self.send(lane, due)?;
                self.waiting.pop_front();
                self.free.pop_front();
            }
            let sends = self.arrivals.next < self.counted.end;
            if !sends && self.waiting.is_empty() && self.free.len() == self.lanes.len() {
                return Ok(());
            }
            let wait = if sends {
                self.arrivals.next.saturating_duration_since(Instant::now())
            } else {
                STALL_TIMEOUT
            };
            self.check_stall(now)?;
            self.read(&mut events, wait)?;
        }
    }

    /// Ends the run when the server has kept a request waiting for too long.
    fn check_stall(&self, now: Instant) -> Result<()> {
        let oldest = self.waiting.front().copied().unwrap_or(now);
        if now.saturating_duration_since(oldest) > STALL_TIMEOUT {
            bail!("the server does not keep up, or stopped answering");
        }
        Ok(())
    }

    fn send(&mut self, lane: usize, due: Instant) -> Result<()> {
        let lane = self.lanes.get_mut(lane).context("no such lane")?;
        let kind = self.numbers.below(self.load.requests.len() as u64);
        let template = request(&self.load.requests, kind)?;
        let (numbers, users) = (&mut self.numbers, self.load.users);
        let bytes = template.fill(&mut lane.sent, || numbers.below(users));
        lane.due = due;
        lane.reply = Reply::new(self.load.protocol);
        lane.received.clear();
        // Nothing else is under way on this connection, so there is room for all of it.
        let written = lane.stream.write(bytes)?;
        ensure!(written == bytes.len(), "a request was not taken at once");
        Ok(())
    }

    /// Waits for answers no longer than this, and reads what has come.
    fn read(&mut self, events: &mut Vec<Event>, wait: Duration) -> Result<()> {
        let limit = Timespec::try_from(wait)?;
        events.clear();
        match epoll::wait(&self.epoll, spare_capacity(events), Some(&limit)) {
            Ok(_) => {}
            Err(Errno::INTR) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        ensure!(
            !events.is_empty() || wait < STALL_TIMEOUT,
            "the server stopped answering"
        );
        for event in events.iter() {
            let number = usize::try_from(event.data.u64())?;
            let lane = self.lanes.get_mut(number).context("no such lane")?;
            if lane.is_answered(self.load.answers_within)? {
                let now = Instant::now();
                if self.counted.contains(&lane.due) {
                    self.latencies.record(now - lane.due);
                }
                self.answered += u64::from(self.counted.contains(&now));
                self.free.push_back(number);
            }
        }
        Ok(())
    }
}

fn request(requests: &Arc<Vec<Template>>, kind: u64) -> Result<&Template> {
    let request = requests.get(usize::try_from(kind)?);
    request.context("there is no such request")
}

impl Lane {
    /// Reads what has come; whether it is the whole answer.
    fn is_answered(&mut self, within: usize) -> Result<bool> {
        self.received.reserve(READ_BYTES);
        let read = match rustix::io::read(&self.stream, spare_capacity(&mut self.received)) {
            Ok(read) => read,
            Err(Errno::WOULDBLOCK) => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        ensure!(read > 0, "the server closed the connection");
        let whole = self.reply.is_whole(&self.received)?;
        if whole {
            all_answered(&self.received, within)?;
        }
        Ok(whole)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader};
    use std::net::{SocketAddr, TcpListener};
    use std::sync::mpsc::channel;

    use super::*;
    use crate::reply::Protocol;

    const STALL: Duration = Duration::from_millis(100);

    /// A server for one connection that answers at once, but lets one request wait.
    fn stalling_server(stall_at: usize) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let requests = BufReader::new(stream.try_clone().unwrap()).lines();
            // Nobody sends: receiving is waiting.
            let (_sender, never) = channel::<()>();
            let ends = requests.map_while(Result::ok).filter(String::is_empty);
            for (number, _) in ends.enumerate() {
                if number == stall_at {
                    never.recv_timeout(STALL).unwrap_err();
                }
                let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
                stream.write_all(answer).unwrap();
            }
        });
        address
    }

    fn load(address: SocketAddr) -> Load {
        let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        Load {
            address,
            process: std::process::id(),
            protocol: Protocol::Http,
            requests: Arc::new(vec![Template::new(request)]),
            connections: 1,
            users: 1,
            answers_within: 0,
            warm_up: Duration::from_millis(50),
        }
    }

    /// One stall of 100 ms in a second is one slow request of thousands to a closed loop. The open
    /// loop tells what it is to users: a tenth of all requests come while the server stalls, and half
    /// of these wait longer than 50 ms. The generator itself is not late, so nobody calls it overrun.
    #[tokio::test]
    async fn a_stall_is_not_hidden() {
        let second = Duration::from_secs(1);
        let open = load(stalling_server(500));
        let open = open.measure_at(1_000, 0, second).await.unwrap();
        let late = |permille| open.measured.latencies.permille(permille);
        assert!(late(980) > STALL / 4, "{:?}", late(980));
        assert!(late(1_000) >= STALL, "{:?}", late(1_000));
        assert!(
            open.late.permille(500) < STALL / 4,
            "{:?}",
            open.late.permille(500)
        );
        let sent = open.measured.latencies.total();
        assert!((800..1_200).contains(&sent), "{sent} were sent");
        assert!((700..1_200).contains(&open.answered), "{}", open.answered);
    }

    /// The same rate gives the same instants, at random but as many as they should be.
    #[test]
    fn arrivals_repeat() {
        let begin = Instant::now();
        let take = || {
            let mut arrivals = Arrivals {
                next: begin,
                rate: 10_000.0,
                numbers: Numbers::stream(1),
            };
            let end = begin + Duration::from_secs(1);
            std::iter::from_fn(|| arrivals.take(end)).collect::<Vec<_>>()
        };
        let arrivals = take();
        assert_eq!(arrivals, take());
        assert!((9_700..10_300).contains(&arrivals.len()));
        let gaps = arrivals.windows(2).map(|two| two[1] - two[0]);
        let short = gaps.filter(|gap| *gap < Duration::from_micros(50)).count();
        // Of exponential gaps 39 % are shorter than half the mean.
        assert!((3_500..4_400).contains(&short), "{short}");
    }

    /// A server that closes the connection ends the run.
    #[tokio::test]
    async fn an_end_is_an_error() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || drop(listener.accept()));
        let load = load(address);
        let measured = load.measure_at(1_000, 0, Duration::from_millis(100)).await;
        assert!(measured.is_err());
    }
}
