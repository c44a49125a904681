//! Random stories: whatever the record has come to, its explanation must say what `view` shows,
//! what `next_change` announces, and what the naive model holds.

use presenced_core::effect::Aim;
use presenced_core::explain::{Explanation, Standing, explain};
use presenced_core::record::Record;
use presenced_core::view::{Verdict, next_change, view};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::naive::{Answer, MINUTE, Millis, Naive, Said};
use crate::story::{START, at, command, commands, moves, pair, tell};

type Outcome = Result<(), TestCaseError>;

/// The explanation at `now` agrees with all that is known otherwise.
fn holds(record: &Record, naive: &Naive, now: Millis) -> Outcome {
    let explanation = explain(record, at(now));
    let when = explanation.at;
    prop_assert_eq!(explanation.view, view(record, at(now)));
    let decided = explanation.verdict.presence(when);
    prop_assert_eq!(decided, explanation.view.presence);
    prop_assert_eq!(pair(decided), naive.shown(now));

    let next = explanation.next;
    prop_assert_eq!(next.map(|next| next.at), next_change(record, at(now)));
    if let Some(next) = next {
        prop_assert_eq!(next.view, view(record, next.at));
        prop_assert!(next.view.sequence > explanation.view.sequence);
        prop_assert_eq!(pair(next.view.presence), naive.shown(next.at.as_millis()));
    }
    standings_hold(record, &explanation)
}

/// Every session that counts is there, and one of them shows exactly where the verdict says so.
fn standings_hold(record: &Record, explanation: &Explanation<'_>) -> Outcome {
    let when = explanation.at;
    let parts = &explanation.sessions;
    let live = record
        .sessions
        .iter()
        .filter(|session| session.is_live(when));
    prop_assert_eq!(parts.len(), live.count());
    let shows = parts.iter().filter(|part| part.standing == Standing::Shows);
    let shows: Vec<_> = shows.map(|part| part.session).collect();
    match explanation.verdict {
        Verdict::NoSession => prop_assert!(parts.is_empty()),
        Verdict::Preferred(preferred) => {
            prop_assert_eq!(explanation.preferred, Some(preferred));
            prop_assert!(shows.is_empty() && !parts.is_empty());
        }
        Verdict::Session(session) => {
            prop_assert_eq!(explanation.preferred, None);
            prop_assert_eq!(shows, [session]);
            prop_assert_eq!(parts.first().map(|part| part.session), Some(session));
        }
    }
    for part in parts {
        prop_assert_eq!(part.now, part.session.faded(when));
        if let Some((fades_at, to)) = part.next_fade {
            prop_assert!(when < fades_at && fades_at < part.session.expires_at);
            prop_assert_ne!(to, part.now);
            let before = at(fades_at.as_millis() - 1);
            prop_assert_eq!(part.session.faded(before), part.now);
        }
    }
    Ok(())
}

proptest! {
    /// After every command of a story, and at every moment that its end leads to, the explanation
    /// is the presence's own.
    #[test]
    fn explanations_are_true(story in vec((moves(true), commands(4)), 1..12)) {
        let mut record = Record::default();
        let mut naive = Naive::default();
        let mut now = START;
        for (step, said) in story {
            now = step.apply(now, &naive);
            tell(&mut record, &said, now);
            naive.say(said, now);
            holds(&record, &naive, now)?;
        }
        for moment in naive.moments() {
            if moment > now {
                holds(&record, &naive, moment - 1)?;
                holds(&record, &naive, moment)?;
            }
        }
        holds(&record, &naive, now + 600 * MINUTE)?;
    }

    /// A set is said to be hidden exactly where the model shows another pair than was asked for; a
    /// clear, only where nobody hears of a change or a choice shows.
    #[test]
    fn what_is_hidden_is_said_to_be(story in vec((moves(true), commands(4)), 1..16)) {
        let mut record = Record::default();
        let mut naive = Naive::default();
        let mut now = START;
        for (step, said) in story {
            now = step.apply(now, &naive);
            let answer = tell(&mut record, &said, now);
            naive.say(said.clone(), now);
            let changed = matches!(answer, Answer::Told { .. });
            let hidden = Aim::of(&command(&said)).shadow(&record, changed).is_some();
            match (&said, &answer) {
                (_, Answer::NoSuchSession | Answer::TooManySessions { .. }) => {}
                (Said::SetPresence { pair, .. } | Said::SetPreferred { pair, .. }, _) => {
                    prop_assert_eq!(hidden, naive.shown(now) != *pair);
                }
                (Said::ClearPresence { .. }, _) => {
                    let verdict = explain(&record, at(now)).verdict;
                    let preferred = matches!(verdict, Verdict::Preferred(_));
                    prop_assert_eq!(hidden, !changed || preferred);
                }
                (Said::ClearPreferred | Said::Tick, _) => prop_assert!(!hidden),
            }
        }
    }
}
