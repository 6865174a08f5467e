//! Scheduled maintenance of keys while a server runs.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use bulla_server::{Limits, TlsOptions};
use common::{ID, SECRET, Signed, TestServer};

const EIGHT_DAYS: i64 = 8 * 86_400;

#[test]
fn keys_rotate_on_time_and_none_ends_when_the_clock_jumps() {
    let ahead = Arc::new(AtomicI64::new(0));
    let shown = Arc::clone(&ahead);
    let clock = move || SystemTime::now() + Duration::from_secs(shown.load(Ordering::Relaxed).unsigned_abs());
    let server = TestServer::start(Limits::default(), |_| TlsOptions::Off, clock);
    let call = |query: &str| {
        let request = Signed::by("POST", query, ID, SECRET, ahead.load(Ordering::Relaxed));
        let answer = server.send(request.into_query());
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer
    };
    let rotating = call("Action=CreateKey&EnableAutomaticRotation=true&RotationInterval=7d").field("KeyId");
    let ending = call("Action=CreateKey").field("KeyId");
    call(&format!("Action=ScheduleKeyDeletion&KeyId={ending}&PendingWindowInDays=7"));
    let primary = || call(&format!("Action=DescribeKey&KeyId={rotating}")).field("PrimaryKeyVersion");
    let first = primary();
    thread::sleep(Duration::from_millis(1500));
    assert_eq!(primary(), first, "not before it is due");

    ahead.store(EIGHT_DAYS, Ordering::Relaxed);
    let begun = Instant::now();
    while primary() == first {
        assert!(begun.elapsed() < Duration::from_secs(20), "{}", server.log.text());
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(call(&format!("Action=DescribeKey&KeyId={ending}")).field("KeyState"), "PendingDeletion");
    let times_logged = |text: &str| server.log.text().matches(text).count();
    let begun = Instant::now();
    while times_logged("suspended: the clock jumped by more than an hour") == 0 {
        assert!(begun.elapsed() < Duration::from_secs(20), "{}", server.log.text());
        thread::sleep(Duration::from_millis(50));
    }
    thread::sleep(Duration::from_millis(1500));
    assert_eq!(times_logged("suspended: the clock jumped by more than an hour"), 1, "once");
    call(&format!("Action=CancelKeyDeletion&KeyId={ending}"));
    assert_eq!(call(&format!("Action=DescribeKey&KeyId={ending}")).field("KeyState"), "Enabled");
    server.stopper.stop();
    let log = server.join().0.text();
    assert_eq!(
        log.matches("keys and secrets changed or deleted by scheduled maintenance: 1").count(),
        1,
        "{log}"
    );
}

#[test]
fn a_clock_that_is_ahead_for_a_moment_locks_no_caller_out_and_is_logged() {
    let ahead = Arc::new(AtomicI64::new(0));
    let shown = Arc::clone(&ahead);
    let clock = move || SystemTime::now() + Duration::from_secs(shown.load(Ordering::Relaxed).unsigned_abs());
    let server = TestServer::start(Limits::default(), |_| TlsOptions::Off, clock);
    let send = || server.send(Signed::new("POST", "Action=ListKeys").into_query());
    let waits_for = |text: &str| {
        let begun = Instant::now();
        while !server.log.text().contains(text) {
            assert!(begun.elapsed() < Duration::from_secs(20), "{text}: {}", server.log.text());
            thread::sleep(Duration::from_millis(50));
        }
    };
    // The others are compared with the first check.
    thread::sleep(Duration::from_millis(1500));
    assert_eq!(send().status, 200);
    for jump in [3, 7200, 10 * 365 * 86_400] {
        ahead.store(jump, Ordering::Relaxed);
        waits_for(&format!("the clock was set ahead by {jump} seconds"));
        assert_eq!(send().status, if jump > 900 { 400 } else { 200 }, "signed by another clock");
        ahead.store(0, Ordering::Relaxed);
        assert_eq!(send().status, 200, "after a jump of {jump}");
        waits_for(&format!("the clock was set back by {jump} seconds"));
        assert_eq!(send().status, 200, "after a jump of {jump}");
    }
}

#[test]
fn a_clock_that_is_set_far_back_is_in_the_log_once_and_again_when_it_is_right() {
    let ahead = Arc::new(AtomicI64::new(EIGHT_DAYS));
    let shown = Arc::clone(&ahead);
    let clock = move || SystemTime::now() + Duration::from_secs(shown.load(Ordering::Relaxed).unsigned_abs());
    let server = TestServer::start(Limits::default(), |_| TlsOptions::Off, clock);
    let times_logged = |text: &str| server.log.text().matches(text).count();
    for (offset, text) in [
        (0, "deletions are suspended: the clock is 69"), // 691,200 seconds, or one less
        (EIGHT_DAYS, "deletions are resumed"),
    ] {
        ahead.store(offset, Ordering::Relaxed);
        let begun = Instant::now();
        while times_logged(text) == 0 {
            assert!(begun.elapsed() < Duration::from_secs(20), "{text}: {}", server.log.text());
            thread::sleep(Duration::from_millis(50));
        }
        thread::sleep(Duration::from_millis(1500));
        assert_eq!(times_logged(text), 1, "{}", server.log.text());
    }
    assert_eq!(times_logged("unseen"), 0, "{}", server.log.text());
}
