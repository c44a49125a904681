//! `POST /$batch` (contract section 5)

mod answer;
mod envelope;
mod item;
mod url;

use std::future::poll_fn;
use std::task::Poll;

use axum::response::Response;
use futures_util::future::join_all;

use super::admitted::{Admitted, Request};
use super::endpoints::Answered;
use crate::body;
use crate::error::{ApiError, Code, quoted};
use crate::front::{Asked, Front, Ids};
use crate::limits::BATCH_ANSWER_BYTES_MAX;
use answer::{Answer, all};
use envelope::{Item, envelope};
use item::Outer;

/// Up to twenty requests in one, each answered as if it had come alone, within this process.
///
/// They are begun one after the other, each after those it depends on, and are answered in the order in
/// which they stand. What has to wait, as a write does for its commit, does not keep the next from being
/// begun: so the writes of a batch are decided in its order and committed together.
///
/// A client that hangs up stops the batch between two of its requests, each of which is done wholly
/// or not at all, just as if it had sent them one by one. So the batch needs no task of its own, and
/// nobody works on for a client that is gone.
///
/// Each is let in by the token of the batch again, and counted for itself.
pub(super) async fn batch(
    Admitted { api, place, .. }: Admitted,
    requests: Front,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let json = body::json(api.body_limits().of_batch(), &parts.headers, body).await?;
    let items = envelope(&json)?;
    let mut outer = Outer::of(&parts, &json, place.version, api.public_url());
    let mut answers = Answers::to(items.len());
    let mut under_way = Vec::with_capacity(items.len());
    for at in order(&items)? {
        let Some(item) = items.get(at) else { continue };
        if item.after.iter().any(|before| !answers.has(*before)) {
            for (at, answered) in ended(&requests, under_way.drain(..)).await {
                answers.take(at, answered, &requests).await;
            }
        }
        let answered = match failed_dependency(item, &items, &answers) {
            Some(error) => requests.refused(outer.ids(item), error),
            None => match outer.request(item) {
                Ok(request) => {
                    let mut asked = requests.ask(request);
                    match poll_fn(|ctx| Poll::Ready(requests.poll(&mut asked, ctx))).await {
                        Poll::Ready(answered) => (answered, asked.ids),
                        Poll::Pending => {
                            under_way.push(UnderWay { at, asked });
                            continue;
                        }
                    }
                }
                Err(error) => requests.refused(outer.ids(item), error),
            },
        };
        answers.take(at, answered, &requests).await;
        // Nothing on the way need have waited: twenty large reads would keep everybody else waiting.
        tokio::task::yield_now().await;
    }
    for (at, answered) in ended(&requests, under_way.drain(..)).await {
        answers.take(at, answered, &requests).await;
    }
    Ok(all(&items, answers.all))
}

/// A request that was begun, and waits for something.
struct UnderWay {
    /// Its place in the batch.
    at: usize,
    asked: Asked,
}

/// The answers to all that is under way, with their places.
async fn ended(
    requests: &Front,
    under_way: impl Iterator<Item = UnderWay>,
) -> Vec<(usize, (Answered, Ids))> {
    let end = async |UnderWay { at, mut asked }| {
        let answered = poll_fn(|ctx| requests.poll(&mut asked, ctx)).await;
        (at, (answered, asked.ids))
    };
    join_all(under_way.map(end)).await
}

/// The answers that there are, and how much room is left for others.
struct Answers {
    all: Vec<Option<Answer>>,
    bytes_left: usize,
}

impl Answers {
    fn to(items: usize) -> Self {
        Self {
            all: (0..items).map(|_| None).collect(),
            bytes_left: BATCH_ANSWER_BYTES_MAX,
        }
    }

    fn has(&self, at: usize) -> bool {
        self.all.get(at).is_some_and(Option::is_some)
    }

    /// Takes the answer to one request, if there is room for it; otherwise what it counted and its ids
    /// stay. A write has no body and always fits, so
    /// that none is done and then called refused.
    async fn take(&mut self, at: usize, answered: (Answered, Ids), requests: &Front) {
        let mut answer = Answer::of(answered).await;
        if let Some(left) = self.bytes_left.checked_sub(answer.body_bytes()) {
            self.bytes_left = left;
        } else {
            let standing = answer.standing;
            let (refused, ids) = requests.refused(answer.ids, too_much());
            let response = refused.response;
            answer = Answer::of((Answered { response, standing }, ids)).await;
        }
        if let Some(place) = self.all.get_mut(at) {
            *place = Some(answer);
        }
    }
}

/// 400: a batch in a batch would be a way around the number of requests in one.
pub(super) fn in_batch() -> ApiError {
    ApiError::invalid_argument("url", "A batch cannot stand within a batch.")
}

/// The answers before this one leave no room for it.
fn too_much() -> ApiError {
    let message = format!(
        "The answers to the batch come to more than {BATCH_ANSWER_BYTES_MAX} bytes, the limit. Ask \
         for this in another batch."
    );
    ApiError::new(Code::RequestEntityTooLarge, message)
}

/// 424 where a request did not succeed that this one depends on.
fn failed_dependency(item: &Item<'_>, items: &[Item<'_>], answers: &Answers) -> Option<ApiError> {
    let succeeded = |at: usize| {
        let answer = answers.all.get(at).and_then(Option::as_ref);
        answer.is_some_and(|answer| answer.status.is_success())
    };
    let failed = item.after.iter().find(|at| !succeeded(**at))?;
    let id = items.get(*failed).map_or("", |failed| &failed.id);
    let id = quoted(id);
    let message = format!("The request '{id}', on which this one depends, did not succeed.");
    Some(ApiError::new(Code::FailedDependency, message))
}

/// The places of the items in an order in which each comes after those it depends on, otherwise as
/// they stand. 400 where they wait for each other.
fn order(items: &[Item<'_>]) -> Result<Vec<usize>, ApiError> {
    let mut order: Vec<usize> = Vec::with_capacity(items.len());
    while order.len() < items.len() {
        let next = items.iter().enumerate().find(|(at, item)| {
            !order.contains(at) && item.after.iter().all(|before| order.contains(before))
        });
        let Some((at, _)) = next else {
            let waiting = items.iter().enumerate().find(|(at, _)| !order.contains(at));
            let id = waiting.map_or("", |(_, item)| &item.id);
            return Err(ApiError::bad_request(format!(
                "The request '{}' of the batch depends on itself by way of dependsOn.",
                quoted(id)
            )));
        };
        order.push(at);
    }
    Ok(order)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn orders(dependencies: &[&[usize]]) -> Result<Vec<usize>, ApiError> {
        let item = |(at, after): (usize, &&[usize])| Item {
            id: at.to_string().into(),
            method: None,
            url: None,
            headers: None,
            body: None,
            after: after.to_vec(),
        };
        order(
            &dependencies
                .iter()
                .enumerate()
                .map(item)
                .collect::<Vec<_>>(),
        )
    }

    /// Each item comes after those it depends on, wherever they stand, and otherwise in its place.
    #[test]
    fn dependencies_come_first() {
        let check = |dependencies: &[&[usize]], expect: &[usize]| {
            assert_eq!(orders(dependencies).unwrap(), expect, "{dependencies:?}");
        };
        check(&[], &[]);
        check(&[&[], &[], &[]], &[0, 1, 2]);
        check(&[&[], &[0], &[1]], &[0, 1, 2]);
        check(&[&[1], &[2], &[]], &[2, 1, 0]);
        check(&[&[2, 1], &[], &[]], &[1, 2, 0]);
        check(&[&[], &[0, 0]], &[0, 1]);
    }

    /// Items that wait for each other are refused, and one of them is named.
    #[test]
    fn circles_are_refused() {
        let check = |dependencies: &[&[usize]], named: &str| {
            let error = orders(dependencies).unwrap_err();
            assert!(error.message().contains(named), "{error}");
        };
        check(&[&[0]], "'0'");
        check(&[&[], &[2], &[1]], "'1'");
        check(&[&[1], &[2], &[0]], "'0'");
    }
}
