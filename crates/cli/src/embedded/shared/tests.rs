//! Threads and processes take turns with the resource.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::*;

/// The openings and closings of all resources of one test.
#[derive(Default)]
struct Log {
    opened: AtomicUsize,
    closed: AtomicUsize,
    awaited: AtomicBool,
}

struct Resource(Arc<Log>);

impl Exclusive for Resource {
    fn is_awaited(&self) -> bool {
        self.0.awaited.load(Ordering::Relaxed)
    }
}

impl Drop for Resource {
    fn drop(&mut self) {
        self.0.awaited.store(false, Ordering::Relaxed);
        self.0.closed.fetch_add(1, Ordering::Relaxed);
    }
}

impl Log {
    fn open(self: &Arc<Self>) -> Result<Resource, &'static str> {
        let before = self.opened.fetch_add(1, Ordering::Relaxed);
        assert_eq!(before, self.closed.load(Ordering::Relaxed), "one at a time");
        Ok(Resource(Arc::clone(self)))
    }

    fn counts(&self) -> (usize, usize) {
        (self.opened.load(Ordering::Relaxed), self.closed.load(Ordering::Relaxed))
    }
}

fn call(shared: &Shared<Resource>, log: &Arc<Log>) {
    drop(shared.lease(|| log.open(), || "again").unwrap());
}

fn wait_until(is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "it took a minute");
        thread::sleep(LINGER / 10);
    }
}

#[test]
fn calls_that_follow_each_other_share_one_opening() {
    let log = Arc::new(Log::default());
    let shared = Shared::new();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..100).for_each(|_| call(&shared, &log)));
        }
    });
    assert!(log.counts().0 < 10, "{:?}", log.counts()); // 800 calls; a busy machine may pause all threads
    drop(shared);
    assert_eq!(log.counts().0, log.counts().1);
}

#[test]
fn it_is_closed_between_calls_that_are_far_apart() {
    let log = Arc::new(Log::default());
    let shared = Shared::new();
    for round in 1..=3 {
        call(&shared, &log);
        while log.counts().1 < round {
            thread::sleep(LINGER / 10);
        }
        assert_eq!(log.counts(), (round, round));
    }
}

/// During a call, the closer plans to wake up at the end of the stretch.
#[test]
fn it_is_closed_after_a_call_before_the_end_of_the_stretch() {
    let log = Arc::new(Log::default());
    let shared = Shared::new();
    let lease = shared.lease(|| log.open(), || "again").unwrap();
    let far = Instant::now() + Duration::from_secs(3600);
    shared.core.lock().since = far;
    shared.core.changed.notify_all();
    wait_until(|| shared.core.lock().wakes_at >= Some(far));
    drop(lease);
    wait_until(|| log.counts() == (1, 1));
}

#[test]
fn a_long_call_keeps_it_open() {
    let log = Arc::new(Log::default());
    let shared = Shared::new();
    let lease = shared.lease(|| log.open(), || "again").unwrap();
    thread::sleep(LINGER * 3);
    assert_eq!(log.counts(), (1, 0));
    drop(lease);
}

#[test]
fn another_process_gets_its_turn_while_calls_keep_coming() {
    let log = Arc::new(Log::default());
    let shared = Shared::new();
    let started = Instant::now();
    log.awaited.store(true, Ordering::Relaxed);
    let longest_pause = thread::scope(|scope| {
        let calls = || {
            let mut longest = Duration::ZERO;
            let mut last = Instant::now();
            while log.counts().1 == 0 {
                call(&shared, &log);
                longest = longest.max(last.elapsed());
                last = Instant::now();
            }
            longest
        };
        let callers = [(); 4].map(|()| scope.spawn(calls));
        callers.map(|caller| caller.join().unwrap()).into_iter().max().unwrap()
    });
    let was_busy = longest_pause >= LINGER; // so the calls may have been far apart
    assert!(was_busy || started.elapsed() >= STRETCH, "not before the end of a stretch");
    call(&shared, &log);
}

#[test]
fn a_stretch_is_followed_by_another_if_no_process_waits() {
    let log = Arc::new(Log::default());
    let shared = Shared::new();
    let lease = shared.lease(|| log.open(), || "again").unwrap();
    thread::sleep(STRETCH + STRETCH / 5);
    call(&shared, &log);
    drop(lease);
    assert_eq!(log.counts(), (1, 0));
}

#[test]
fn threads_that_wait_share_a_failure() {
    let shared = Shared::<Resource>::new();
    let tries = AtomicUsize::new(0);
    let open = || {
        tries.fetch_add(1, Ordering::Relaxed);
        thread::sleep(LINGER * 4);
        Err("first")
    };
    let errors: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> =
            (0..8).map(|_| scope.spawn(|| shared.lease(open, || "again").map(drop).unwrap_err())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let first = errors.iter().filter(|error| **error == "first").count();
    assert_eq!(first, tries.load(Ordering::Relaxed), "the others waited for these");
    assert!(first < 8, "{errors:?}");
    let log = Arc::new(Log::default());
    call(&shared, &log);
}

/// A failure is not shared with a thread that wakes up late, after another one has opened the resource.
#[test]
fn a_past_failure_is_not_shared() {
    let log = Arc::new(Log::default());
    let shared = Shared::new();
    let mut state = shared.core.lock();
    state.phase = Phase::Changing;
    state.tries = 1;
    drop(state);
    thread::scope(|scope| {
        let late = scope.spawn(|| call(&shared, &log));
        thread::sleep(LINGER); // until it waits
        let mut state = shared.core.lock();
        state.phase = Phase::Open(Arc::new(log.open().unwrap()));
        state.tries = 2;
        state.failed = Some(1);
        state.has_closer = true;
        shared.core.changed.notify_all();
        drop(state);
        late.join().unwrap();
    });
    assert_eq!(log.counts().0, 1);
}

#[test]
fn a_panic_while_opening_leaves_it_closed() {
    let log = Arc::new(Log::default());
    let shared = Shared::new();
    let panicking = || {
        let open = || -> Result<Resource, &str> { panic!("on purpose") };
        let _ = shared.lease(open, || "again");
    };
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(panicking)).unwrap_err();
    call(&shared, &log);
}
