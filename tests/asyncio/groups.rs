//! `TaskGroup`.

use crate::{HOUR, Log, cleans_up, ms};
use runtime::task::{self, group};
use runtime::time::{Instant, sleep};
use std::future::pending;

#[runtime::test(start_paused = true)]
async fn a_group_waits_for_all() {
    let (start, log) = (Instant::now(), Log::default());
    let inner = log.clone();
    let result = group(async move |g| {
        for n in [3, 1, 2] {
            let log = inner.clone();
            g.spawn(async move {
                sleep(ms(100 * n)).await;
                log.say(format!("{n} ended"));
                Ok::<_, String>(())
            });
        }
        inner.say("body ended");
        Ok(42)
    });
    assert_eq!(result.await.unwrap(), 42);
    assert_eq!(start.elapsed(), ms(300));
    assert_eq!(log.said(), ["body ended", "1 ended", "2 ended", "3 ended"]);
}

/// What a sibling does with the news that the group ends: it needs 0.2 s, and fails as well.
async fn fails_in_its_cleanup(log: Log) -> Result<(), String> {
    task::cancelled().await;
    log.say("told");
    sleep(ms(200)).await;
    Err("second".to_owned())
}

/// asyncio's group has all the errors, and waits for the cleanup of every child. `JoinSet::join_all`, `try_join!`
/// and whatever else tokio has, end with the first.
#[runtime::test(start_paused = true)]
async fn the_first_failure_cancels_the_rest_and_the_body_and_all_errors_come_out() {
    let (start, log) = (Instant::now(), Log::default());
    let inner = log.clone();
    let result = group(async move |g| {
        g.spawn(fails_in_its_cleanup(inner.clone()));
        let finally = inner.on_drop("sibling dropped");
        g.spawn(async move {
            let _finally = finally;
            sleep(HOUR).await;
            Ok(())
        });
        g.spawn(async {
            sleep(ms(100)).await;
            Err("first".to_owned()) as Result<(), _>
        });
        let _finally = inner.on_drop("body dropped");
        pending::<()>().await;
        Ok(())
    });
    let error = result.await.unwrap_err();
    assert_eq!(start.elapsed(), ms(300));
    let errors = format!("{:?}", error.errors());
    assert_eq!(error.errors().len(), 2, "{errors}");
    assert!(errors.contains("first") && errors.contains("second"), "{errors}");
    let mut said = log.said();
    said.sort_unstable();
    assert_eq!(said, ["body dropped", "sibling dropped", "told"]);
}

#[runtime::test(start_paused = true)]
async fn a_panic_is_one_of_the_errors() {
    let result = group(async |g| {
        g.spawn(async {
            sleep(ms(100)).await;
            panic!("on purpose");
            #[allow(unreachable_code)]
            Ok::<(), String>(())
        });
        sleep(HOUR).await;
        Ok(())
    });
    let error = result.await.unwrap_err();
    let errors = format!("{:?}", error.errors());
    assert!(error.errors().len() == 1 && errors.contains("on purpose"), "{errors}");
}

/// "It is fine to spawn while the group waits."
#[runtime::test(start_paused = true)]
async fn a_child_may_spawn_while_the_group_waits() {
    let (start, log) = (Instant::now(), Log::default());
    let inner = log.clone();
    let result = group(async move |g| {
        let of_child = g.clone();
        g.spawn(async move {
            sleep(ms(100)).await;
            of_child.spawn(async move {
                sleep(ms(100)).await;
                inner.say("grandchild ended");
                Ok(())
            });
            Ok::<_, String>(())
        });
        Ok(())
    });
    result.await.unwrap();
    assert_eq!(start.elapsed(), ms(200));
    assert_eq!(log.said(), ["grandchild ended"]);
}

/// A group that is dropped, for example by a time-out, takes its children along.
#[runtime::test(start_paused = true)]
async fn a_cancelled_group_cancels_its_children() {
    let log = Log::default();
    let finally = log.on_drop("child dropped");
    let never = group(async move |g| {
        g.spawn(async move {
            let _finally = finally;
            sleep(HOUR).await;
            Ok::<_, String>(())
        });
        Ok(())
    });
    assert!(runtime::time::timeout(ms(100), never).await.is_err());
    sleep(ms(1)).await;
    assert_eq!(log.said(), ["child dropped"]);
}

/// A child that others depend on: `start` returns when it says that it is ready.
#[runtime::test(start_paused = true)]
async fn a_child_can_be_waited_for_until_it_is_ready() {
    let start = Instant::now();
    let result = group(async move |g| {
        let port = g.start(async |ready: task::Ready<u16>| {
            sleep(ms(100)).await;
            ready.set(7000);
            sleep(ms(100)).await;
            Ok::<_, String>(())
        });
        let port = port.await.unwrap();
        assert_eq!(start.elapsed(), ms(100));
        Ok(port)
    });
    assert_eq!(result.await.unwrap(), 7000);
    assert_eq!(start.elapsed(), ms(200));
}

/// Cancelling the group tells every child, and waits for its cleanup.
#[runtime::test(start_paused = true)]
async fn a_group_can_be_cancelled_by_its_body() {
    let (start, log) = (Instant::now(), Log::default());
    let inner = log.clone();
    let result = group(async move |g| {
        g.spawn(async move {
            cleans_up(ms(300), inner).await;
            Ok::<_, String>(())
        });
        sleep(ms(100)).await;
        g.cancel();
        Ok(42)
    });
    assert_eq!(result.await.unwrap(), 42);
    assert_eq!(start.elapsed(), ms(400));
    assert_eq!(log.said(), ["told", "cleaned up"]);
}

/// "asyncio.CancelledError is ignored": a child that somebody cancels does not end the group.
#[runtime::test(start_paused = true)]
async fn a_cancelled_child_is_no_failure() {
    let (start, log) = (Instant::now(), Log::default());
    let inner = log.clone();
    let result = group(async move |g| {
        let cancelled = g.spawn(async {
            sleep(HOUR).await;
            Ok::<_, String>(())
        });
        g.spawn(async move {
            sleep(ms(200)).await;
            inner.say("sibling ended");
            Ok(())
        });
        sleep(ms(100)).await;
        assert!(cancelled.cancel().await.unwrap_err().is_cancelled());
        Ok(42)
    });
    assert_eq!(result.await.unwrap(), 42);
    assert_eq!((start.elapsed(), log.said()), (ms(200), vec!["sibling ended".to_owned()]));
}

#[runtime::test(start_paused = true)]
async fn an_error_of_the_body_cancels_the_children_and_waits_for_them() {
    let (start, log) = (Instant::now(), Log::default());
    let inner = log.clone();
    let result = group(async move |g| {
        g.spawn(async move {
            cleans_up(ms(300), inner).await;
            Ok(())
        });
        sleep(ms(100)).await;
        Err::<(), _>("of the body")
    });
    let error = result.await.unwrap_err();
    assert_eq!(start.elapsed(), ms(400));
    assert_eq!(log.said(), ["told", "cleaned up"]);
    let errors = format!("{:?}", error.errors());
    assert!(error.errors().len() == 1 && errors.contains("of the body"), "{errors}");
}

/// asyncio's debug mode knows where a task was created; here every error does.
#[runtime::test]
async fn errors_say_where_in_the_body_the_child_was_spawned() {
    let line = line!();
    let spawned = group(async |g| {
        g.spawn(async { panic!("on purpose") as Result<(), String> });
        Ok(())
    });
    let started = group(async |g| {
        let started = g.start(async |_: task::Ready<()>| panic!("on purpose") as Result<(), String>);
        assert!(started.await.is_err());
        Ok(())
    });
    for (errors, line) in [(spawned.await.unwrap_err(), line + 2), (started.await.unwrap_err(), line + 6)] {
        let errors = format!("{:?}", errors.errors());
        assert!(errors.contains(&format!("spawned at {}:{line}:", file!())), "{errors}");
    }
}
