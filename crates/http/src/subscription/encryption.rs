//! Notifications that carry the presence are encrypted, and this is for whom (contract section 4.6).

use presenced_core::time::Timestamp;
use presenced_notify::subscription::Encryption;
use presenced_notify::webhook::certificate::Certificate;

use crate::error::ApiError;
use crate::limits::CERTIFICATE_ID_CHARS_MAX;
use crate::members::Member;

/// For whom notifications are encrypted; `None` where they carry nothing that has to be. A
/// certificate is checked also where it is not needed: an older page of Graph's asks for one with
/// every subscription to presence.
pub(super) fn read(
    now: Timestamp,
    include: Member<'_>,
    certificate: Member<'_>,
    certificate_id: Member<'_>,
) -> Result<Option<Encryption>, ApiError> {
    let include = include.flag("IncludeResourceData")?.unwrap_or_default();
    let certificate = self::certificate(now, certificate)?;
    let certificate_id = self::certificate_id(certificate_id)?;
    if !include {
        return Ok(None);
    }
    let missing = |field: &str| {
        ApiError::invalid_argument(
            field,
            format_args!("The {field} field is required where includeResourceData is true."),
        )
    };
    Ok(Some(Encryption {
        certificate: certificate.ok_or_else(|| missing("EncryptionCertificate"))?,
        certificate_id: certificate_id.ok_or_else(|| missing("EncryptionCertificateId"))?,
    }))
}

/// A certificate in DER that notifications can be encrypted for; 400 says why another cannot.
pub(super) fn certificate(now: Timestamp, member: Member<'_>) -> Result<Option<Vec<u8>>, ApiError> {
    const FIELD: &str = "EncryptionCertificate";
    let text = member.text(FIELD)?.filter(|text| !text.is_empty());
    let Some(text) = text else { return Ok(None) };
    let certificate = Certificate::read(&text, now).map_err(|error| {
        ApiError::invalid_argument(FIELD, format_args!("The {FIELD} cannot be used: {error}."))
    })?;
    Ok(Some(certificate.der().to_vec()))
}

/// The subscriber's own name for its certificate.
pub(super) fn certificate_id(member: Member<'_>) -> Result<Option<String>, ApiError> {
    const FIELD: &str = "EncryptionCertificateId";
    let text = member.text(FIELD)?.filter(|text| !text.is_empty());
    if text
        .as_ref()
        .is_some_and(|text| text.chars().count() > CERTIFICATE_ID_CHARS_MAX)
    {
        return Err(ApiError::invalid_argument(
            FIELD,
            format_args!("The {FIELD} has at most {CERTIFICATE_ID_CHARS_MAX} characters."),
        ));
    }
    Ok(text.map(Into::into))
}
