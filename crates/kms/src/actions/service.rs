//! The actions on the service as a whole: DescribeRegions, DescribeAccountKmsStatus and OpenKmsService, which every caller
//! may use, and GetRandomPassword.

use bulla_keys::{Random, SystemRandom};
use bulla_wire::kms::{
    DescribeAccountKmsStatus, DescribeAccountKmsStatusReply, DescribeRegions, DescribeRegionsReply, Done,
    GetRandomPassword, GetRandomPasswordReply, OpenKmsService, Region, RegionList,
};
use bulla_wire::{Error, ErrorCode};
use zeroize::Zeroizing;

use crate::session::Session;

pub(super) async fn regions(session: &Session<'_, DescribeRegions>) -> Result<DescribeRegionsReply, Error> {
    let region = Region { region_id: session.region().into() };
    Ok(DescribeRegionsReply { regions: RegionList { region: vec![region] } })
}

pub(super) async fn status(
    _session: &Session<'_, DescribeAccountKmsStatus>,
) -> Result<DescribeAccountKmsStatusReply, Error> {
    Ok(DescribeAccountKmsStatusReply { account_status: "Enabled".into() })
}

/// # Errors
/// Always: the service is already open.
pub(super) async fn open(_session: &Session<'_, OpenKmsService>) -> Result<Done, Error> {
    Err(ErrorCode::ForbiddenOpened.into())
}

pub(super) async fn password(
    session: &Session<'_, GetRandomPassword>,
) -> Result<GetRandomPasswordReply, Error> {
    session.anything()?;
    random_password(session.request)
}

fn random_password(request: &GetRandomPassword) -> Result<GetRandomPasswordReply, Error> {
    let length = request.password_length.unwrap_or(32);
    if !(8..=128).contains(&length) {
        return Err(Error::invalid("PasswordLength"));
    }
    let excluded = request.exclude_characters.as_deref().unwrap_or_default();
    let types: Vec<Vec<u8>> = [
        (request.exclude_lowercase, LOWERCASE),
        (request.exclude_uppercase, UPPERCASE),
        (request.exclude_numbers, NUMBERS),
        (request.exclude_punctuation, PUNCTUATION),
    ]
    .into_iter()
    .filter(|(exclude, _)| *exclude != Some(true))
    .map(|(_, letters)| letters.bytes().filter(|byte| !excluded.contains(char::from(*byte))).collect())
    .collect();
    let all = types.concat();
    let each = request.require_each_included_type == Some(true);
    if all.is_empty() || each && types.iter().any(Vec::is_empty) {
        return Err(Error::invalid("ExcludeCharacters"));
    }
    loop {
        let password: Zeroizing<String> =
            Zeroizing::new((0..length).map(|_| char::from(*pick(&all))).collect());
        // A password that lacks a type is redrawn as a whole, so that all allowed passwords are equally likely.
        if !each || types.iter().all(|letters| password.bytes().any(|byte| letters.contains(&byte))) {
            return Ok(GetRandomPasswordReply { random_password: password.into() });
        }
    }
}

/// Returns one of at most 256 letters, all equally likely.
fn pick(letters: &[u8]) -> &u8 {
    let fair = 256 - 256 % letters.len();
    loop {
        let mut byte = Zeroizing::new([0]);
        SystemRandom.fill(&mut *byte);
        let drawn = usize::from(byte[0]);
        if drawn < fair {
            return &letters[drawn % letters.len()];
        }
    }
}

const LOWERCASE: &str = "abcdefghijklmnopqrstuvwxyz";
const UPPERCASE: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const NUMBERS: &str = "0123456789";
/// The punctuation of US-ASCII.
const PUNCTUATION: &str = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";
