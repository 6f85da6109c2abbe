//! `contextvars`, as `task_local!` with `inherit`.

use crate::ms;
use runtime::time::sleep;
use runtime::{spawn, spawn_blocking};
use std::cell::Cell;

runtime::task_local! {
    #[inherit]
    static TRACE: u32;
    #[inherit]
    static COUNT: Cell<u32>;
    static OWN: u32;
}

/// tokio's task-locals are never inherited.
#[runtime::test]
async fn a_child_gets_a_copy_of_its_parents_context() {
    TRACE
        .scope(7, async {
            assert_eq!(spawn(async { TRACE.get() }).await.unwrap(), 7);
            let grandchild = spawn(async { spawn(async { TRACE.get() }).await.unwrap() });
            assert_eq!(grandchild.await.unwrap(), 7);
        })
        .await;
    assert!(TRACE.try_with(|_| ()).is_err());
    assert!(spawn(async { TRACE.try_with(|_| ()).is_err() }).await.unwrap());
}

/// `to_thread` copies it as well.
#[runtime::test]
async fn so_does_a_blocking_job() {
    let seen = TRACE.scope(7, async { spawn_blocking(|| TRACE.get()).await.unwrap() }).await;
    assert_eq!(seen, 7);
}

#[runtime::test(start_paused = true)]
async fn changes_do_not_leak_back() {
    COUNT
        .scope(Cell::new(1), async {
            let child = spawn(async {
                COUNT.with(|count| count.set(2));
                sleep(ms(100)).await;
                COUNT.with(Cell::get)
            });
            sleep(ms(50)).await;
            COUNT.with(|count| {
                assert_eq!(count.get(), 1, "changed by the child");
                count.set(3);
            });
            assert_eq!(child.await.unwrap(), 2, "changed by the parent");
        })
        .await;
}

/// The copy is made at spawn, not when the child begins.
#[runtime::test]
async fn the_copy_is_made_at_spawn() {
    COUNT
        .scope(Cell::new(1), async {
            let child = spawn(async { COUNT.with(Cell::get) });
            COUNT.with(|count| count.set(2));
            assert_eq!(child.await.unwrap(), 1);
        })
        .await;
}

#[runtime::test]
async fn without_inherit_it_stays_with_the_task() {
    let seen = OWN.scope(7, async { spawn(async { OWN.try_with(|_| ()).is_ok() }).await.unwrap() });
    assert!(!seen.await);
}
