//! Random stories: after every command, crate and naive model must agree on all there is to see,
//! now and at every moment to come.

use std::collections::BTreeSet;

use presenced_core::record::Record;
use presenced_core::time::Timestamp;
use presenced_core::view::{View, next_change, view};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::naive::{Answer, MINUTE, Millis, Naive, SESSIONS_MAX, Said};
use crate::story::{Move, START, at, commands, moves, pair, sets, tell};

type Outcome = Result<(), TestCaseError>;

/// Every moment worth looking at from `now` on: now and long after, and each fade and end with the
/// milliseconds beside it. From before `now`, a moment too.
fn probes(naive: &Naive, now: Millis) -> Vec<Millis> {
    let mut probes = vec![now, now - 1, now + 1, now + 365 * 24 * 3_600_000];
    for moment in naive.moments() {
        if moment > now {
            probes.extend([moment - 1, moment, moment + 1]);
        }
    }
    probes.sort_unstable();
    probes.dedup();
    probes
}

/// All that can be seen of the record is what the model says.
fn agree(record: &Record, naive: &Naive, now: Millis) -> Outcome {
    prop_assert_eq!(record.as_of.as_millis(), naive.latest());
    let probes = probes(naive, now.max(naive.latest()));
    let end = *probes.last().expect("there are probes");
    let history = naive.history(end);
    let mut reached = 0;
    for probe in probes {
        let seen = view(record, at(probe));
        let counted = probe.max(naive.latest());
        prop_assert_eq!(pair(seen.presence), naive.shown(probe), "at {}", probe);
        prop_assert_eq!(
            seen.sequence,
            naive.sequence(&history, counted),
            "at {}",
            probe
        );
        prop_assert!(seen.sequence >= reached, "at {}", probe);
        reached = seen.sequence;
        let expected = history.iter().find(|change| change.at > counted);
        let next = next_change(record, at(probe));
        prop_assert_eq!(
            next.map(Timestamp::as_millis),
            expected.map(|change| change.at),
            "after {}",
            probe
        );
        if let Some(next) = next {
            let before = at(next.as_millis() - 1);
            prop_assert_eq!(view(record, before).presence, seen.presence);
            prop_assert_ne!(view(record, next).presence, seen.presence);
        }
    }
    Ok(())
}

/// What shows at this moment is what the model says: for stories too long to look at every moment.
fn agree_now(record: &Record, naive: &Naive, now: Millis) -> Outcome {
    let seen = view(record, at(now));
    prop_assert_eq!(pair(seen.presence), naive.shown(now));
    prop_assert_eq!(record.as_of.as_millis(), naive.latest());
    Ok(())
}

/// What holds for a record that was just decided on, whatever the story.
fn sound(record: &Record) -> Outcome {
    let ids: BTreeSet<_> = record.sessions.iter().map(|session| &session.id).collect();
    prop_assert_eq!(ids.len(), record.sessions.len(), "one session per id");
    prop_assert!(ids.len() <= SESSIONS_MAX);
    for session in &record.sessions {
        prop_assert!(session.is_live(record.as_of), "the dead are gone");
        prop_assert!(session.set_at <= record.as_of);
    }
    if let Some(preferred) = record.preferred {
        prop_assert!(preferred.is_live(record.as_of));
    }
    Ok(())
}

/// Tells a whole story to both and compares their answers; looks at both with `look` after each
/// command. Sequence numbers go on from `first_sequence`.
fn both_tell(
    first_sequence: u64,
    story: Vec<(Move, Said)>,
    look: impl Fn(&Record, &Naive, Millis) -> Outcome,
) -> Outcome {
    let mut record = Record {
        sequence: first_sequence,
        ..Record::default()
    };
    let mut naive = Naive::counting_from(first_sequence);
    let mut now = START;
    // What watchers heard last; of a user never heard of, nothing, which is Offline.
    let mut heard = told(view(&record, at(START)));
    for (step, said) in story {
        now = step.apply(now, &naive);
        let before = record.clone();
        let expected = naive.say(said.clone(), now);
        let answer = tell(&mut record, &said, now);
        prop_assert_eq!(answer, expected, "{:?} at {}", said, now);
        prop_assert!(record.as_of >= before.as_of, "time never goes back");
        match answer {
            Answer::Nothing | Answer::NoSuchSession | Answer::TooManySessions { .. } => {
                prop_assert_eq!(&record, &before, "no decision, no new record");
            }
            Answer::Quiet => {
                sound(&record)?;
                prop_assert_eq!(
                    view(&record, record.as_of),
                    heard,
                    "silence means no change"
                );
            }
            Answer::Told { seen, sequence } => {
                sound(&record)?;
                prop_assert_eq!(at(seen.at), record.as_of);
                prop_assert_eq!(sequence, record.sequence);
                prop_assert!(sequence > heard.sequence, "each change counts upward");
                heard = told(view(&record, record.as_of));
                prop_assert_eq!(pair(heard.presence), seen.pair);
                prop_assert_eq!(heard.sequence, sequence);
            }
        }
        look(&record, &naive, now)?;
    }
    Ok(())
}

/// Ticks the record at some of its own deadlines and at arbitrary moments up to `until`.
fn tick_on_the_way(record: &mut Record, from: Millis, until: Millis, ticks: &[u16]) {
    for tick in ticks {
        let own = next_change(record, record.as_of).map(Timestamp::as_millis);
        let arbitrary = from + (until - from) * u64::from(*tick) / u64::from(u16::MAX);
        let chosen = match own {
            Some(own) if own <= until && tick % 2 == 0 => own,
            _ => arbitrary,
        };
        tell(record, &Said::Tick, chosen);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// The crate and the naive model tell the same story, whatever is said and however time moves:
    /// the same answers, the same presence now and later, the same sequence numbers, and the next
    /// change exactly when the model says.
    #[test]
    fn crate_and_model_tell_the_same_story(
        // The second lies ahead of all times in a story: then numbers count by one.
        first_sequence in select(vec![0, 2 * START]),
        story in (1..=4_usize).prop_flat_map(|sessions| {
            vec((moves(true), commands(sessions)), 1..24)
        })
    ) {
        both_tell(first_sequence, story, agree)?;
    }

    /// Nobody can tell from a record whether it was ticked on the way: not from what it shows, nor
    /// from its sequence numbers, nor from when it changes next.
    #[test]
    fn ticks_on_the_way_leave_no_trace(
        story in vec((moves(false), commands(3), vec(any::<u16>(), 0..4)), 1..20)
    ) {
        let (mut plain, mut ticked) = (Record::default(), Record::default());
        let mut naive = Naive::default();
        let mut now = START;
        for (step, said, ticks) in story {
            // A step to just before a moment can be a step back; here time only goes on.
            let next = step.apply(now, &naive).max(now);
            tick_on_the_way(&mut ticked, now, next, &ticks);
            now = next;
            naive.say(said.clone(), now);
            tell(&mut plain, &said, now);
            tell(&mut ticked, &said, now);
            for probe in probes(&naive, now).into_iter().filter(|probe| *probe >= now) {
                prop_assert_eq!(view(&plain, at(probe)), view(&ticked, at(probe)), "at {}", probe);
                prop_assert_eq!(next_change(&plain, at(probe)), next_change(&ticked, at(probe)));
            }
        }
    }

    /// A keep-alive in time (before the fade, and before anything else changes) moves deadlines,
    /// and no watcher hears of it.
    #[test]
    fn a_keep_alive_is_silent(
        story in vec((moves(true), commands(4)), 0..12),
        said in sets(4),
        pause in 0..5 * MINUTE,
    ) {
        let (mut record, mut naive) = (Record::default(), Naive::default());
        let mut now = START;
        for (step, earlier) in story {
            now = step.apply(now, &naive);
            naive.say(earlier.clone(), now);
            tell(&mut record, &earlier, now);
        }
        // Later than all else, so that the session is the one set last before and after.
        now = now.max(naive.latest()) + 1;
        tell(&mut record, &said, now);
        let seen = told(view(&record, at(now)));
        let in_time = match next_change(&record, at(now)) {
            Some(next) => pause % (next.as_millis() - now),
            None => pause,
        };
        prop_assert_eq!(tell(&mut record, &said, now + in_time), Answer::Quiet);
        prop_assert_eq!(told(view(&record, at(now + in_time))), seen);
    }
}

proptest! {
    // Few cases: each is long, since the limit has to be reached first.
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    /// At the limit of sessions both refuse the same commands with the same delay.
    #[test]
    fn a_crowd_is_refused_alike(
        story in vec((moves(true), commands(SESSIONS_MAX + 3)), 1..40)
    ) {
        let crowd = (0..SESSIONS_MAX).map(|nth| {
            let session = format!("session {nth}");
            let (pair, lasts) = (("Away", "Away"), (200 + nth as u64 % 7) * 60_000);
            (Move::Ahead(1), Said::SetPresence { session, pair, lasts })
        });
        both_tell(0, crowd.chain(story).collect(), agree_now)?;
    }
}

/// What watchers are told of a view; what stands beside the presence is not part of these stories.
fn told(view: View<'_>) -> View<'static> {
    View {
        presence: view.presence,
        sequence: view.sequence,
        ..View::NEVER_SET
    }
}
