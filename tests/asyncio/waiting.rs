//! `wait` and `as_completed`.

use crate::ms;
use runtime::task::{JoinSet, ReturnWhen};
use runtime::time::{Instant, sleep};

/// Items that arrive after 0, 0.1, 0.2, 0.3 s.
fn items() -> JoinSet<u64> {
    let mut set = JoinSet::new();
    for i in 0..4 {
        set.spawn(async move {
            sleep(ms(100 * i)).await;
            i
        });
    }
    set
}

fn sorted(done: Vec<(runtime::task::Id, Result<u64, runtime::JoinError>)>) -> Vec<u64> {
    let mut values: Vec<u64> = done.into_iter().map(|(_, result)| result.unwrap()).collect();
    values.sort_unstable();
    values
}

/// "Unlike wait_for(), wait() does not cancel the futures when a timeout occurs", nor is it an error.
#[runtime::test(start_paused = true)]
async fn a_time_out_hands_the_pending_back_uncancelled() {
    let (start, mut set) = (Instant::now(), items());
    let done = set.wait(ReturnWhen::AllCompleted, Some(ms(150))).await;
    assert_eq!((sorted(done), set.len()), (vec![0, 1], 2));
    assert_eq!(start.elapsed(), ms(150));
    // They go on as if nothing had been.
    let rest = set.wait(ReturnWhen::AllCompleted, None).await;
    assert_eq!((sorted(rest), set.len()), (vec![2, 3], 0));
    assert_eq!(start.elapsed(), ms(300));
}

#[runtime::test(start_paused = true)]
async fn it_returns_when_the_first_is_done() {
    let (start, mut set) = (Instant::now(), items());
    assert_eq!(sorted(set.wait(ReturnWhen::FirstCompleted, None).await), [0]);
    assert_eq!(sorted(set.wait(ReturnWhen::FirstCompleted, None).await), [1]);
    assert_eq!(start.elapsed(), ms(100));
    assert_eq!(set.len(), 2);
}

/// Those that were done before the failure are among the done, and the others go on.
#[runtime::test(start_paused = true)]
async fn it_returns_when_the_first_fails() {
    let (start, mut set) = (Instant::now(), items());
    set.spawn(async {
        sleep(ms(150)).await;
        panic!("on purpose")
    });
    let done = set.wait(ReturnWhen::FirstException, Some(ms(10_000))).await;
    assert_eq!(start.elapsed(), ms(150));
    assert_eq!(done.len(), 3);
    assert_eq!(done.iter().filter(|(_, result)| result.is_err()).count(), 1);
    assert_eq!(set.len(), 2);
    // Without a failure it waits for all.
    assert_eq!(sorted(set.wait(ReturnWhen::FirstException, None).await), [2, 3]);
    assert_eq!(start.elapsed(), ms(300));
}

/// The third line of the program that everybody has seen: cancel what is pending.
#[runtime::test(start_paused = true)]
async fn the_pending_can_be_cancelled() {
    let mut set = items();
    set.wait(ReturnWhen::AllCompleted, Some(ms(150))).await;
    set.abort_all();
    let mut cancelled = 0;
    while let Some(end) = set.join_next().await {
        cancelled += usize::from(end.is_err_and(|error| error.is_cancelled()));
    }
    assert_eq!(cancelled, 2);
}

/// `as_completed`.
#[runtime::test(start_paused = true)]
async fn results_come_as_they_end() {
    let mut set = JoinSet::new();
    for time in [300, 100, 200] {
        set.spawn(async move {
            sleep(ms(time)).await;
            time
        });
    }
    let start = Instant::now();
    for expected in [100, 200, 300] {
        assert_eq!(set.join_next().await.unwrap().unwrap(), expected);
        assert_eq!(start.elapsed(), ms(expected));
    }
    assert!(set.join_next().await.is_none());
}

/// The same, as the stream that it is.
#[runtime::test(start_paused = true)]
async fn a_set_is_a_stream() {
    use futures::stream::TryStreamExt;
    let values: Vec<u64> = items().try_collect().await.unwrap();
    assert_eq!(values, [0, 1, 2, 3]);
}
