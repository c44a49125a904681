//! What stands beside the presence: status message, locations, out of office. Random stories, told
//! to the crate and to a model with no thought for speed and nothing borrowed from the crate.
//!
//! The model remembers every command with its time, and finds what shows at any instant by looking
//! for the last command about each thing (contract sections 1.9, 1.10, 2.1 and 10).

use std::collections::BTreeSet;

use presenced_core::decide::{Change, Command, decide};
use presenced_core::location::{
    Location, LocationKind, LocationLayer, PlaceId, Schedule, ScheduledLocation,
};
use presenced_core::out_of_office::{OutOfOffice, ReplyText};
use presenced_core::record::Record;
use presenced_core::status::StatusText;
use presenced_core::time::Timestamp;
use presenced_core::view::{next_change, view};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::naive::{MINUTE, Millis};
use crate::story::{START, at};

/// A place in the words of the wire: type, and which one.
type Place = (&'static str, &'static str);

/// From this instant on, until that one; for ever where there is none.
type Span = (Millis, Option<Millis>);

const KINDS: [(&str, LocationKind); 4] = [
    ("unspecified", LocationKind::Unspecified),
    ("office", LocationKind::Office),
    ("remote", LocationKind::Remote),
    ("timeOff", LocationKind::TimeOff),
];

/// A command, its times counted from when it is said.
#[derive(Clone, Debug)]
enum Said {
    Status {
        text: &'static str,
        lasts: Option<Millis>,
    },
    NoStatus,
    /// A layer's place for the rest of the day.
    Location {
        layer: &'static str,
        place: Place,
        lasts: Millis,
    },
    NoLocation,
    NoAutomaticLocation,
    Planned(Vec<(Place, Millis, Millis)>),
    OutOfOffice {
        reply: &'static str,
        span: Span,
    },
    NotOutOfOffice,
    Tick,
}

/// All that shows beside the presence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Showing {
    /// Text, when it was set, when it ends.
    status: Option<(&'static str, Millis, Option<Millis>)>,
    /// Source, and place.
    location: Option<(&'static str, Place)>,
    /// The reply, and from when to when.
    away: Option<(&'static str, Span)>,
}

/// A user's whole past.
#[derive(Clone, Debug, Default)]
struct Past(Vec<(Said, Millis)>);

impl Past {
    fn last<T>(&self, find: impl Fn(&Said, Millis) -> Option<T>) -> Option<T> {
        self.0.iter().rev().find_map(|(said, at)| find(said, *at))
    }

    fn latest(&self) -> Millis {
        self.0.last().map_or(0, |(_, at)| *at)
    }

    fn showing(&self, at: Millis) -> Showing {
        Showing {
            status: self.status(at),
            location: self.location(at),
            away: self.away(at),
        }
    }

    fn status(&self, at: Millis) -> Option<(&'static str, Millis, Option<Millis>)> {
        let last = self.last(|said, set_at| {
            if let Said::Status { text, lasts } = said {
                return Some(Some((*text, set_at, lasts.map(|lasts| set_at + lasts))));
            }
            matches!(said, Said::NoStatus).then_some(None)
        });
        last.flatten()
            .filter(|(_, _, end)| end.is_none_or(|end| at < end))
    }

    fn of_day(&self, layer: &str, at: Millis) -> Option<Place> {
        let last = self.last(|said, set_at| {
            if let Said::Location {
                layer: set,
                place,
                lasts,
            } = said
            {
                return (*set == layer).then_some(Some((*place, set_at + lasts)));
            }
            let automatic = matches!(said, Said::NoAutomaticLocation) && layer == "automatic";
            (automatic || matches!(said, Said::NoLocation)).then_some(None)
        });
        let (place, end) = last.flatten()?;
        (at < end).then_some(place)
    }

    fn planned(&self, at: Millis) -> Option<Place> {
        let plan = self.last(|said, set_at| {
            if let Said::Planned(plan) = said {
                return Some((plan.clone(), set_at));
            }
            None
        });
        let (plan, set_at) = plan?;
        let mut current = Vec::new();
        for (place, begins, ends) in plan {
            if set_at + begins <= at && at < set_at + ends {
                current.push((precision(place), begins, ends, place));
            }
        }
        current.sort_unstable();
        current.last().map(|(_, _, _, place)| *place)
    }

    fn location(&self, at: Millis) -> Option<(&'static str, Place)> {
        for layer in ["manual", "automatic"] {
            if let Some(place) = self.of_day(layer, at) {
                return Some((layer, place));
            }
        }
        self.planned(at).map(|place| ("scheduled", place))
    }

    fn away(&self, at: Millis) -> Option<(&'static str, Span)> {
        let last = self.last(|said, set_at| {
            if let Said::OutOfOffice { reply, span } = said {
                return Some(Some((*reply, from(set_at, *span))));
            }
            matches!(said, Said::NotOutOfOffice).then_some(None)
        });
        last.flatten()
            .filter(|(_, (begin, end))| *begin <= at && end.is_none_or(|end| at < end))
    }

    /// Every instant at which anything that was ever set begins or ends.
    fn moments(&self) -> BTreeSet<Millis> {
        let mut moments = BTreeSet::new();
        for (said, at) in &self.0 {
            match said {
                Said::Status { lasts, .. } => moments.extend(lasts.map(|lasts| at + lasts)),
                Said::Location { lasts, .. } => moments.extend([at + lasts]),
                Said::Planned(plan) => {
                    moments.extend(plan.iter().flat_map(|(_, a, b)| [at + a, at + b]));
                }
                Said::OutOfOffice { span, .. } => {
                    let (begin, end) = from(*at, *span);
                    moments.extend([Some(begin), end].into_iter().flatten());
                }
                Said::NoStatus
                | Said::NoLocation
                | Said::NoAutomaticLocation
                | Said::NotOutOfOffice
                | Said::Tick => {}
            }
        }
        moments
    }

    /// The first instant after `at` that shows something else, if nobody says anything.
    fn next_change(&self, at: Millis) -> Option<Millis> {
        let mut ahead = self.moments().into_iter().filter(|moment| *moment > at);
        ahead.find(|moment| self.showing(*moment) != self.showing(moment - 1))
    }
}

/// Nothing said, a type or a place, a type and a place.
fn precision((kind, place): Place) -> usize {
    usize::from(kind != "unspecified") + usize::from(!place.is_empty())
}

fn from(at: Millis, (begin, end): Span) -> Span {
    (at + begin, end.map(|end| at + end))
}

fn location((kind, place): Place) -> Location {
    let known = KINDS.iter().find(|(name, _)| *name == kind);
    Location {
        kind: known.expect("stories use the contract's types").1,
        place: PlaceId::new(place).ok(),
    }
}

/// The command in the crate's terms, said at `now`.
fn command(said: &Said, now: Millis) -> Command {
    let later = |by: Millis| at(now + by);
    match said {
        Said::Status { text, lasts } => Command::SetStatusMessage {
            text: StatusText::new(text).expect("stories keep to the limit"),
            expires_at: lasts.map(later),
        },
        Said::NoStatus => Command::ClearStatusMessage,
        Said::Location {
            layer,
            place,
            lasts,
        } => Command::SetLocation {
            layer: match *layer {
                "manual" => LocationLayer::Manual,
                _ => LocationLayer::Automatic,
            },
            location: location(*place),
            expires_at: later(*lasts),
        },
        Said::NoLocation => Command::ClearLocation,
        Said::NoAutomaticLocation => Command::ClearAutomaticLocation,
        Said::Planned(plan) => {
            let entry = |(place, begins, ends): &(Place, Millis, Millis)| ScheduledLocation {
                location: location(*place),
                starts_at: later(*begins),
                ends_at: later(*ends),
            };
            let entries = plan.iter().map(entry).collect();
            Command::SetSchedule(Schedule::new(entries).expect("stories keep to the limit"))
        }
        Said::OutOfOffice { reply, span } => Command::SetOutOfOffice(Some(OutOfOffice {
            message: ReplyText::new(reply).ok(),
            starts_at: later(span.0),
            ends_at: span.1.map(later),
        })),
        Said::NotOutOfOffice => Command::SetOutOfOffice(None),
        Said::Tick => Command::Tick,
    }
}

/// What the crate shows, in the model's terms.
fn seen(record: &Record, now: Millis) -> Showing {
    let view = view(record, at(now));
    let known = |texts: &[&'static str], text: &str| {
        let found = texts.iter().find(|known| **known == text);
        *found.expect("a text of the story")
    };
    let place = |location: &Location| {
        let kind = known(&KINDS.map(|(name, _)| name), location.kind.as_str());
        let place = location.place.as_ref().map_or("", PlaceId::as_str);
        (kind, known(&PLACES, place))
    };
    Showing {
        status: view.status_message.map(|message| {
            let end = message.expires_at.map(Timestamp::as_millis);
            let text = known(&TEXTS, message.text.as_str());
            (text, message.published_at.as_millis(), end)
        }),
        location: view
            .work_location
            .map(|(source, location)| (source.as_str(), place(location))),
        away: view.out_of_office.map(|away| {
            let reply = away.message.as_ref().map_or("", ReplyText::as_str);
            let span = (
                away.starts_at.as_millis(),
                away.ends_at.map(Timestamp::as_millis),
            );
            (known(&TEXTS, reply), span)
        }),
    }
}

fn tell(record: &mut Record, said: &Said, now: Millis) -> Option<Change> {
    let decision = decide(record, &command(said, now), at(now));
    let decision = decision.expect("nothing beside the presence is refused")?;
    *record = decision.record;
    decision.change
}

const PLACES: [&str; 3] = ["", "building 7", "building 8"];
const TEXTS: [&str; 3] = ["", "Back at noon", "Reading"];

fn places() -> impl Strategy<Value = Place> {
    let kinds = KINDS.map(|(name, _)| name).to_vec();
    (select(kinds), select(PLACES.to_vec()))
}

/// Times that meet each other often.
fn times() -> impl Strategy<Value = Millis> {
    (0..8_u64).prop_map(|steps| steps * MINUTE)
}

fn commands() -> impl Strategy<Value = Said> {
    let texts = select(vec![TEXTS[1], TEXTS[2]]);
    let layers = select(vec!["manual", "automatic"]);
    let planned = (places(), times(), times())
        .prop_map(|(place, begins, lasts)| (place, begins, begins + lasts + 1));
    let span = (times(), proptest::option::of(times()))
        .prop_map(|(begins, lasts)| (begins, lasts.map(|lasts| begins + lasts)));
    prop_oneof![
        4 => (texts, proptest::option::of(times()))
            .prop_map(|(text, lasts)| Said::Status { text, lasts }),
        1 => Just(Said::NoStatus),
        5 => (layers, places(), times())
            .prop_map(|(layer, place, lasts)| Said::Location { layer, place, lasts }),
        1 => Just(Said::NoLocation),
        1 => Just(Said::NoAutomaticLocation),
        3 => vec(planned, 0..5).prop_map(Said::Planned),
        2 => (select(TEXTS.to_vec()), span)
            .prop_map(|(reply, span)| Said::OutOfOffice { reply, span }),
        1 => Just(Said::NotOutOfOffice),
        2 => Just(Said::Tick),
    ]
}

/// Commands, each some time after the one before.
fn stories() -> impl Strategy<Value = Vec<(Millis, Said)>> {
    let steps = prop_oneof![2 => times(), 1 => 0..3 * MINUTE, 1 => Just(1)];
    vec((steps, commands()), 1..24)
}

/// Every moment worth looking at from `now` on.
fn probes(past: &Past, now: Millis) -> BTreeSet<Millis> {
    let beside = |moment: Millis| [moment - 1, moment, moment + 1];
    let moments = past.moments().into_iter().flat_map(beside);
    let ends = [now, now + 1, now + 365 * 24 * 60 * MINUTE];
    moments
        .chain(ends)
        .filter(|moment| *moment >= now)
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// After every command, crate and model show the same, now and at every moment to come, and name
    /// the same next change; watchers are told when something else shows than before, and the
    /// sequence number grows then and at no other time.
    #[test]
    fn crate_and_model_show_the_same(story in stories()) {
        let (mut record, mut past) = (Record::default(), Past::default());
        let mut now = START;
        for (step, said) in story {
            let before = seen(&record, now);
            now += step;
            let (waited, sequence) = (past.showing(now), view(&record, at(now)).sequence);
            let change = tell(&mut record, &said, now);
            past.0.push((said, now));
            prop_assert_eq!(past.latest(), now);
            let after = past.showing(now);
            let grown = view(&record, at(now)).sequence > sequence;
            prop_assert_eq!(grown, after != waited);
            prop_assert!(change.is_some() || after == before, "{:?} {:?}", before, after);
            for probe in probes(&past, now) {
                prop_assert_eq!(seen(&record, probe), past.showing(probe), "at {}", probe);
                let next = next_change(&record, at(probe)).map(Timestamp::as_millis);
                prop_assert_eq!(next, past.next_change(probe), "after {}", probe);
            }
        }
    }

    /// Nobody can tell from a record whether it was ticked on the way, at its next change or at any
    /// other time.
    #[test]
    fn ticks_leave_no_trace(story in stories(), ticks in vec(0..10 * MINUTE, 0..6)) {
        let (mut plain, mut ticked) = (Record::default(), Record::default());
        let mut past = Past::default();
        let mut now = START;
        for (step, said) in story {
            let next = now + step;
            let mut on_the_way: BTreeSet<Millis> = ticks.iter().map(|by| now + by).collect();
            on_the_way.extend(next_change(&ticked, at(now)).map(Timestamp::as_millis));
            for tick in on_the_way.into_iter().filter(|tick| *tick <= next) {
                tell(&mut ticked, &Said::Tick, tick);
            }
            now = next;
            tell(&mut plain, &said, now);
            tell(&mut ticked, &said, now);
            past.0.push((said, now));
            for probe in probes(&past, now) {
                prop_assert_eq!(view(&plain, at(probe)), view(&ticked, at(probe)), "at {}", probe);
                prop_assert_eq!(next_change(&plain, at(probe)), next_change(&ticked, at(probe)));
            }
        }
    }
}
