//! Calls the functions like libcryptsetup does, with a volume of `fake.rs`.

use std::ptr;

use super::*;

const TOKEN: &CStr = c"{\"type\":\"bulla\",\"keyslots\":[\"1\"],\"version\":1,\"key_id\":\"key-1\",\"key_version_id\":\"v-1\",\
    \"wrapped_key\":\"YWJj\",\"context\":{}}";

fn volume() -> CryptDevice {
    CryptDevice {
        uuid: Some(c"2c6a8a4e-0a2b-4f6e-9d3c-1b5f7e9a0c11".to_owned()),
        metadata: Some(c"{\"keyslots\": {}}".to_owned()),
        ..CryptDevice::default()
    }
}

/// Opens the volume with a shell script instead of `bulla disk unlock`.
fn open_by(volume: &mut CryptDevice, script: &str) -> Result<Vec<u8>, c_int> {
    let script = CString::new(script).unwrap();
    let helper =
        Helper { program: c"/bin/sh", arguments: &[c"-c", &script], time_limit: Duration::from_secs(20) };
    // SAFETY: the volume outlives the handle.
    let device = unsafe { Device::new(volume) };
    let (page, length) = open(&device, 7, &helper)?;
    Ok(page.bytes()[..length].to_vec())
}

#[test]
fn the_program_gets_uuid_token_and_metadata() {
    let mut volume = volume();
    let answer = open_by(&mut volume, "request=$(cat); printf 'bulla 1 %d\\n%s' ${#request} \"$request\"");
    let expected = r#"{"version":1,"uuid":"2c6a8a4e-0a2b-4f6e-9d3c-1b5f7e9a0c11","token":7,"metadata":{"keyslots": {}}}"#;
    assert_eq!(String::from_utf8(answer.unwrap()).unwrap(), expected);
    assert!(volume.log.is_empty(), "{:?}", volume.log);
}

#[test]
fn failures_let_libcryptsetup_try_the_next_token_and_log_the_reason() {
    let mut volume = volume();
    let answer = open_by(&mut volume, "echo 'the KMS is not available' >&2; exit 3");
    assert_eq!(answer, Err(-EAGAIN));
    let log = [
        (1, "the KMS is not available\n".to_owned()),
        (1, "bulla: token 7 is not used: /bin/sh: it failed with exit code 3\n".to_owned()),
    ];
    assert_eq!(volume.log, log);
}

#[test]
fn a_volume_without_a_valid_uuid_or_metadata_starts_no_program() {
    let bad = [Some(c"2c6a8a4e\",\"token\":\"".to_owned()), Some(c"\xff".to_owned()), None];
    for uuid in bad {
        let mut volume = CryptDevice { uuid, ..volume() };
        assert_eq!(open_by(&mut volume, "echo started >&2"), Err(-ENOENT));
        assert_eq!(
            volume.log,
            [(1, "bulla: token 7 is not used: the volume has no valid UUID\n".to_owned())]
        );
    }
    let mut volume = CryptDevice { metadata: None, ..volume() };
    assert_eq!(open_by(&mut volume, "echo started >&2"), Err(-ENOENT));
    assert_eq!(volume.log.len(), 1);
}

#[test]
fn a_program_that_is_missing_is_no_usable_token() {
    let mut volume = volume();
    // SAFETY: the volume outlives the handle.
    let device = unsafe { Device::new(&raw mut volume) };
    let helper = Helper { program: c"/nowhere/bulla", arguments: &[], time_limit: Duration::from_secs(20) };
    assert_eq!(open(&device, 0, &helper).err(), Some(-ENOENT));
    let problem = "bulla: token 0 is not used: /nowhere/bulla: it cannot be started: No such file or directory (os error 2)\n";
    assert_eq!(volume.log, [(1, problem.to_owned())]);
}

#[test]
fn tokens_are_validated_and_dumped() {
    let mut volume = volume();
    // SAFETY: the volume and the strings are valid during the calls.
    unsafe {
        assert_eq!(cryptsetup_token_validate(&raw mut volume, TOKEN.as_ptr()), 0);
        cryptsetup_token_dump(&raw mut volume, TOKEN.as_ptr());
        assert_eq!(
            cryptsetup_token_validate(&raw mut volume, c"{\"type\":\"bulla\",\"version\":2}".as_ptr()),
            -EINVAL
        );
        assert_eq!(cryptsetup_token_validate(&raw mut volume, c"{\"type\":\"\xff\"}".as_ptr()), -EINVAL);
        assert_eq!(cryptsetup_token_validate(&raw mut volume, ptr::null()), -EINVAL);
        cryptsetup_token_dump(&raw mut volume, ptr::null());
    }
    let log = [
        (0, "\tKey id:     key-1\n"),
        (0, "\tVersion:    v-1\n"),
        (1, "bulla: a token is not used: a later version of bulla wrote it; update bulla on this machine\n"),
        (1, "bulla: a token is not used: it is no JSON object of at most 16 KiB\n"),
        (1, "bulla: a token is not used: it is no JSON object of at most 16 KiB\n"),
    ];
    assert_eq!(volume.log, log.map(|(level, message)| (level, message.to_owned())));
}

#[test]
fn a_passphrase_is_freed_with_any_length() {
    let mut page = SecretPage::new().unwrap();
    page.bytes_mut()[0] = 1;
    // SAFETY: the page is freed once; null is allowed.
    unsafe {
        cryptsetup_token_buffer_free(page.into_raw().as_ptr().cast(), 64);
        cryptsetup_token_buffer_free(ptr::null_mut(), 0);
    }
}

#[test]
fn a_panic_ends_in_the_plugin() {
    assert_eq!(guarded(|| -> c_int { panic!("a test panics here") }), None);
}

#[test]
fn the_version_is_that_of_the_crate() {
    // SAFETY: the function returns a string that ends in a null.
    let version = unsafe { CStr::from_ptr(cryptsetup_token_version()) };
    assert_eq!(version.to_str(), Ok(env!("CARGO_PKG_VERSION")));
}
