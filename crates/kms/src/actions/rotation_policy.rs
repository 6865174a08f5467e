//! The rotation policy of a key, as CreateKey and UpdateRotationPolicy take it.

use bulla_keys::RotationInterval;
use bulla_wire::{Error, ErrorCode};

/// How often new versions are made: an interval, which is needed if rotation is enabled, and ignored otherwise.
///
/// # Errors
/// MissingRotationInterval, InvalidParameter.
pub(super) fn parse(enabled: bool, interval: Option<&str>) -> Result<Option<RotationInterval>, Error> {
    if !enabled {
        return Ok(None);
    }
    let interval = interval.ok_or_else(|| Error::with(ErrorCode::Missing, "RotationInterval"))?;
    RotationInterval::parse(interval).map(Some).ok_or_else(|| Error::invalid("RotationInterval"))
}
