//! Reading a request's body: whole, bounded in size, also unpacked, and in time.

use std::future::{Future, poll_fn};
use std::io::Read;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use bytes::BytesMut;
use flate2::bufread::MultiGzDecoder;
use http_body_util::BodyExt;
use hyper::body::Body as _;
use tokio::time::timeout;

use crate::error::{ApiError, Code};
use crate::limits::{BATCH_ITEMS_MAX, BODY_BYTES_MAX, BODY_READ_TIMEOUT};
use crate::members::members;

/// How much of a body is read, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyLimits {
    /// Bytes of a body, packed and unpacked: 413 above.
    pub bytes_max: usize,
    /// Time for the whole of it to arrive: 408 after that.
    pub read_timeout: Duration,
}

impl BodyLimits {
    /// The limits of a batch: room for as many bodies as a batch has requests.
    pub(crate) fn of_batch(self) -> Self {
        Self {
            bytes_max: self.bytes_max.saturating_mul(BATCH_ITEMS_MAX),
            ..self
        }
    }
}

impl Default for BodyLimits {
    fn default() -> Self {
        Self {
            bytes_max: BODY_BYTES_MAX,
            read_timeout: BODY_READ_TIMEOUT,
        }
    }
}

/// The body, which must be there and be said to be JSON. Whether it is, the parser says.
pub(crate) async fn json(
    limits: BodyLimits,
    headers: &HeaderMap,
    body: Body,
) -> Result<Bytes, ApiError> {
    let bytes = any(limits, headers, body).await?;
    if bytes.is_empty() || !is_json(headers) {
        return Err(ApiError::unreadable_body());
    }
    Ok(bytes)
}

/// The body of an action without input: none, `null` or any object, with whatever Content-Type. The
/// SDKs send no body and no Content-Type, the documentation's examples none, its text `{}`.
pub(crate) async fn nothing(
    limits: BodyLimits,
    headers: &HeaderMap,
    body: Body,
) -> Result<(), ApiError> {
    let json = any(limits, headers, body).await?;
    let json = json.trim_ascii();
    if !json.is_empty() && json != b"null" {
        let [] = members(json, &[], 0)?;
    }
    Ok(())
}

/// The body, whatever it is, also none at all.
pub(crate) async fn any(
    limits: BodyLimits,
    headers: &HeaderMap,
    body: Body,
) -> Result<Bytes, ApiError> {
    let encoding = encoding(headers)?;
    let announced = headers
        .get(CONTENT_LENGTH)
        .and_then(|v| v.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: usize| length > limits.bytes_max) {
        return Err(too_large(limits));
    }
    let mut read = pin!(whole(limits, body));
    // Usually it is all there with the head of the request, and no timer is made.
    let at_once = poll_fn(|ctx| Poll::Ready(read.as_mut().poll(ctx))).await;
    let bytes = match at_once {
        Poll::Ready(bytes) => bytes?,
        // Boxed, or every request would have the room of a timer.
        Poll::Pending => Box::pin(timeout(limits.read_timeout, read))
            .await
            .unwrap_or_else(|_elapsed| Err(too_slow(limits)))?,
    };
    if encoding == Encoding::Gzip && !bytes.is_empty() {
        return unpacked(limits, &bytes);
    }
    Ok(bytes)
}

/// All frames of the body. The usual one frame is not copied.
async fn whole(limits: BodyLimits, mut body: Body) -> Result<Bytes, ApiError> {
    let mut first = Bytes::new();
    let mut joined = BytesMut::new();
    // A body of known length says by itself that it is over.
    while !body.is_end_stream()
        && let Some(frame) = body.frame().await
    {
        let frame = frame.map_err(cut_short)?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if first.len() + joined.len() + data.len() > limits.bytes_max {
            return Err(too_large(limits));
        }
        if first.is_empty() && joined.is_empty() {
            first = data;
        } else {
            joined.extend_from_slice(&std::mem::take(&mut first));
            joined.extend_from_slice(&data);
        }
    }
    Ok(if joined.is_empty() {
        first
    } else {
        joined.freeze()
    })
}

fn too_large(limits: BodyLimits) -> ApiError {
    let bytes = limits.bytes_max;
    let message = format!("The request body is larger than {bytes} bytes, the limit.");
    ApiError::new(Code::RequestEntityTooLarge, message)
}

fn too_slow(limits: BodyLimits) -> ApiError {
    let time = limits.read_timeout;
    let message = format!("The request body did not arrive within {time:?}.");
    ApiError::new(Code::RequestTimeout, message)
}

/// The connection broke within the body; the answer is for whoever can still read it.
fn cut_short(_broken: axum::Error) -> ApiError {
    ApiError::unreadable_body()
}

/// How a body comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Plain,
    Gzip,
}

/// How the body comes: plain, or packed as the Go SDK does by default (contract section 11). 415
/// for other encodings, and for several on top of each other.
fn encoding(headers: &HeaderMap) -> Result<Encoding, ApiError> {
    let mut all = headers.get_all(CONTENT_ENCODING).iter();
    let first = all.next().map_or(b"".as_slice(), HeaderValue::as_bytes);
    let is = |names: &[&[u8]]| {
        let first = first.trim_ascii();
        names.iter().any(|name| name.eq_ignore_ascii_case(first))
    };
    match all.next() {
        None if is(&[b"", b"identity"]) => Ok(Encoding::Plain),
        // RFC 9110 §8.4.1.3 takes the two for the same.
        None if is(&[b"gzip", b"x-gzip"]) => Ok(Encoding::Gzip),
        _ => Err(ApiError::new(
            Code::UnsupportedMediaType,
            "The request body has a Content-Encoding that is not supported. Send it plain or with \
             gzip.",
        )),
    }
}

/// What a packed body holds: 400 where it is not gzip, and 413 where it holds more than a plain one
/// may. Nothing is unpacked beyond that, whatever it would become.
fn unpacked(limits: BodyLimits, packed: &[u8]) -> Result<Bytes, ApiError> {
    let most = u64::try_from(limits.bytes_max).unwrap_or(u64::MAX);
    let mut out = Vec::new();
    MultiGzDecoder::new(packed)
        .take(most.saturating_add(1))
        .read_to_end(&mut out)
        .map_err(|_damaged| {
            ApiError::bad_request(
                "The request body is not the gzip that its Content-Encoding says.",
            )
        })?;
    if out.len() > limits.bytes_max {
        return Err(too_large(limits));
    }
    Ok(out.into())
}

/// `application/json` with whatever parameters, in whatever case.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let essence = value.and_then(|value| value.split(|byte| *byte == b';').next());
    essence.is_some_and(|e| e.trim_ascii().eq_ignore_ascii_case(b"application/json"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    /// Parameters and case of the media type do not matter; another type does.
    #[test]
    fn content_types() {
        let check = |value: &'static str, expect| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(value));
            assert_eq!(is_json(&headers), expect, "{value}");
        };
        check("application/json", true);
        check("Application/JSON ; charset=utf-8", true);
        check(
            "application/json;odata.metadata=minimal;IEEE754Compatible=false",
            true,
        );
        check("application/jsonp", false);
        check("text/plain", false);
        check("", false);
        assert!(!is_json(&HeaderMap::new()));
    }

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut packed = GzEncoder::new(Vec::new(), Compression::best());
        packed.write_all(plain).unwrap();
        packed.finish().unwrap()
    }

    /// Which encodings are read, and which are refused.
    #[test]
    fn encodings() {
        let check = |values: &[&'static str], expect: Option<Encoding>| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CONTENT_ENCODING, HeaderValue::from_static(value));
            }
            assert_eq!(encoding(&headers).ok(), expect, "{values:?}");
        };
        check(&[], Some(Encoding::Plain));
        check(&[""], Some(Encoding::Plain));
        check(&[" Identity"], Some(Encoding::Plain));
        check(&["gzip"], Some(Encoding::Gzip));
        check(&["X-GZIP "], Some(Encoding::Gzip));
        check(&["deflate"], None);
        check(&["br"], None);
        check(&["gzip, gzip"], None);
        check(&["gzip", "gzip"], None);
        check(&["identity", "gzip"], None);
    }

    /// What was packed comes out as it was, in one member or several (RFC 1952 §2.2).
    #[test]
    fn gzip_is_unpacked() {
        let limits = BodyLimits::default();
        assert_eq!(unpacked(limits, &gzip(b"{\"a\":1}")).unwrap(), "{\"a\":1}");
        let two = [gzip(b"{\"a\""), gzip(b":1}")].concat();
        assert_eq!(unpacked(limits, &two).unwrap(), "{\"a\":1}");
        assert_eq!(unpacked(limits, &gzip(b"")).unwrap(), "");
    }

    /// What is damaged or no gzip at all is refused, wherever it is cut.
    #[test]
    fn damaged_gzip_is_refused() {
        let limits = BodyLimits::default();
        let whole = gzip(b"{\"ids\":[]}");
        for end in 1..whole.len() {
            assert!(unpacked(limits, &whole[..end]).is_err(), "cut at {end}");
        }
        for damaged in [b"{}".to_vec(), [whole.clone(), b"{}".to_vec()].concat()] {
            assert!(unpacked(limits, &damaged).is_err());
        }
        let mut flipped = whole;
        let end = flipped.len() - 8;
        flipped[end] ^= 1;
        assert!(unpacked(limits, &flipped).is_err(), "checksum");
    }

    /// The limit holds for what comes out: little that unpacks to much is refused at the limit.
    #[test]
    fn the_unpacked_size_is_bounded() {
        let limits = BodyLimits::default();
        let most = gzip(&vec![b' '; BODY_BYTES_MAX]);
        assert_eq!(unpacked(limits, &most).unwrap().len(), BODY_BYTES_MAX);
        let bomb = gzip(&vec![b' '; 32 * 1024 * 1024]);
        assert!(
            bomb.len() < BODY_BYTES_MAX,
            "small on the wire: {}",
            bomb.len()
        );
        for packed in [gzip(&vec![b' '; BODY_BYTES_MAX + 1]), bomb] {
            let error = unpacked(limits, &packed).unwrap_err();
            assert_eq!(error.code(), Code::RequestEntityTooLarge);
        }
    }

    /// A body in several frames comes out whole, and one frame is not copied.
    #[tokio::test]
    async fn frames_are_joined() {
        let frames = |parts: &'static [&'static str]| {
            let stream = parts.iter().map(|part| Bytes::from_static(part.as_bytes()));
            Body::new(Frames(stream.collect()))
        };
        let read = |body| async {
            any(BodyLimits::default(), &HeaderMap::new(), body)
                .await
                .unwrap()
        };
        assert_eq!(read(frames(&["{\"a\"", ":", "", "1}"])).await, "{\"a\":1}");
        assert_eq!(read(frames(&["", "x"])).await, "x");
        assert_eq!(read(frames(&[])).await, "");
        let one = Bytes::from_static(b"same");
        assert_eq!(read(Body::from(one.clone())).await.as_ptr(), one.as_ptr());
    }

    /// A body without an announced length is cut at the limit as well.
    #[tokio::test]
    async fn the_size_is_bounded_without_a_length() {
        let half = Bytes::from(vec![b' '; BODY_BYTES_MAX / 2]);
        let fits = Body::new(Frames([half.clone(), half.clone()].into()));
        assert!(
            any(BodyLimits::default(), &HeaderMap::new(), fits)
                .await
                .is_ok()
        );
        let more = Body::new(Frames(
            [half.clone(), half, Bytes::from_static(b" ")].into(),
        ));
        let error = any(BodyLimits::default(), &HeaderMap::new(), more)
            .await
            .unwrap_err();
        assert_eq!(error.code(), Code::RequestEntityTooLarge);
    }

    /// A body that does not end is given up, in time as a whole.
    #[tokio::test]
    async fn the_time_is_bounded() {
        let limits = BodyLimits {
            read_timeout: Duration::from_millis(1),
            ..BodyLimits::default()
        };
        let error = any(limits, &HeaderMap::new(), Body::new(Never))
            .await
            .unwrap_err();
        assert_eq!(error.code(), Code::RequestTimeout);
    }

    type Polled = Poll<Option<Result<hyper::body::Frame<Bytes>, axum::Error>>>;

    /// A body of these frames, of a length nobody announced.
    struct Frames(std::collections::VecDeque<Bytes>);

    impl hyper::body::Body for Frames {
        type Data = Bytes;
        type Error = axum::Error;

        fn poll_frame(
            mut self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> Polled {
            Poll::Ready(
                self.0
                    .pop_front()
                    .map(|data| Ok(hyper::body::Frame::data(data))),
            )
        }
    }

    /// A body of which nothing ever comes.
    struct Never;

    impl hyper::body::Body for Never {
        type Data = Bytes;
        type Error = axum::Error;

        fn poll_frame(self: std::pin::Pin<&mut Self>, _: &mut std::task::Context<'_>) -> Polled {
            Poll::Pending
        }
    }
}
