//! Parses the rotation policy of a key, for CreateKey and UpdateRotationPolicy.

use bulla_keys::RotationInterval;
use bulla_wire::{Error, ErrorCode};

/// Returns the rotation interval. It is required if rotation is enabled, and ignored otherwise.
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
