//! Cells that are filled once: `OnceCell` and `SetOnce`.

mod sync_support;

use futures::executor::block_on;
use runtime_core::sync::{OnceCell, SetError, SetOnce, SetOnceError};
use std::cell::Cell;
use std::future::{pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use sync_support::{Polled, within_bounds};

#[test]
fn the_first_fills_the_cell_and_the_others_get_that() {
    let cell = OnceCell::new();
    let made = Cell::new(0);
    let make = |value| {
        let made = &made;
        move || async move {
            made.set(made.get() + 1);
            futures::pending!();
            value
        }
    };
    let (mut first, mut second) =
        (Polled::new(cell.get_or_init(make(1))), Polled::new(cell.get_or_init(make(2))));
    first.pending();
    second.pending();
    assert_eq!((cell.get(), cell.initialized()), (None, false));
    assert!(matches!(cell.set(3), Err(SetError::InitializingError(3))));
    assert_eq!(*first.ready(), 1);
    assert_eq!(second.wakes(), 1);
    assert_eq!((*second.ready(), made.get()), (1, 1));
    assert_eq!(*block_on(cell.get_or_init(make(4))), 1);
    assert!(matches!(cell.set(5), Err(SetError::AlreadyInitializedError(5))));
    assert_eq!((cell.get(), cell.initialized(), made.get()), (Some(&1), true, 1));
}

#[test]
fn a_failure_leaves_the_cell_to_the_next() {
    let cell = OnceCell::new();
    let (mut first, mut second) = (
        Polled::new(cell.get_or_try_init(|| async {
            futures::pending!();
            Err("no")
        })),
        Polled::new(cell.get_or_try_init(|| ready(Ok::<u8, &str>(2)))),
    );
    first.pending();
    second.pending();
    assert_eq!(first.ready(), Err("no"));
    assert_eq!(second.ready(), Ok(&2));
}

/// Promise 44: dropped after the k-th poll, and by a panic.
#[test]
fn p44_who_gives_up_leaves_the_cell_to_the_next() {
    for polls in 0..=5 {
        let cell = OnceCell::new();
        let mut gives_up = Polled::new(cell.get_or_init(pending));
        let mut next = Polled::new(cell.get_or_init(|| ready(2)));
        (0..polls).for_each(|_| gives_up.pending());
        if polls > 0 {
            next.pending();
        }
        drop(gives_up);
        assert_eq!(*next.ready(), 2);
    }
    let cell = OnceCell::new();
    let caught = catch_unwind(AssertUnwindSafe(|| {
        let _ = Polled::new(cell.get_or_init(|| async { panic!("while initialising") })).poll();
    }));
    assert!(caught.is_err());
    assert_eq!(*block_on(cell.get_or_init(|| ready(3))), 3);
}

#[test]
fn a_waiter_whose_turn_came_and_that_is_dropped_hands_it_on() {
    let cell = OnceCell::new();
    let mut first = Polled::new(cell.get_or_init(pending));
    let mut second = Polled::new(cell.get_or_init(|| ready(2)));
    let mut third = Polled::new(cell.get_or_init(|| ready(3)));
    first.pending();
    second.pending();
    third.pending();
    drop(first);
    assert_eq!((second.wakes(), third.wakes()), (1, 0));
    drop(second);
    assert_eq!(*third.ready(), 3);
}

#[test]
fn once_cells_come_in_all_forms() {
    static EMPTY: OnceCell<u8> = OnceCell::const_new();
    static FULL: OnceCell<u8> = OnceCell::const_new_with(1);
    assert_eq!((EMPTY.get(), FULL.get()), (None, Some(&1)));
    let mut cell = OnceCell::from(String::from("x"));
    cell.get_mut().unwrap().push('y');
    assert_eq!(cell, cell.clone());
    assert_ne!(cell, OnceCell::default());
    assert_eq!(format!("{cell:?}"), "OnceCell { value: Some(\"xy\") }");
    assert_eq!(cell.take().as_deref(), Some("xy"));
    assert!(cell.set("again".to_owned()).is_ok(), "what was taken can be set again");
    assert_eq!(cell.into_inner().as_deref(), Some("again"));
    assert_eq!(OnceCell::<u8>::new_with(None).into_inner(), None);
    assert_eq!(OnceCell::new_with(Some(1)).into_inner(), Some(1));
    let error = SetError::AlreadyInitializedError(1);
    assert_eq!((error.is_already_init_err(), error.is_initializing_err()), (true, false));
    assert_eq!(
        (error.to_string(), SetError::InitializingError(1).to_string()),
        ("AlreadyInitializedError".into(), "InitializingError".into())
    );
}

/// Each value is dropped once, with the cell or by who took it.
#[test]
fn values_are_dropped_once() {
    let count = Arc::new(());
    let cell = OnceCell::new();
    cell.set(count.clone()).unwrap();
    drop(cell.set(count.clone()));
    assert_eq!(Arc::strong_count(&count), 2);
    drop(cell);
    let set_once = SetOnce::from(count.clone());
    assert_eq!(Arc::strong_count(&count), 2);
    drop(set_once.into_inner());
    assert_eq!(Arc::strong_count(&count), 1);
}

#[test]
fn threads_fill_a_cell_once() {
    within_bounds(|| {
        for _ in 0..200 {
            let shared = Arc::new((OnceCell::new(), AtomicUsize::new(0)));
            let threads: Vec<_> = (0..3)
                .map(|which| {
                    let shared = shared.clone();
                    thread::spawn(move || {
                        let (cell, calls) = &*shared;
                        let make = || async {
                            calls.fetch_add(1, Ordering::SeqCst);
                            which
                        };
                        *block_on(cell.get_or_init(make))
                    })
                })
                .collect();
            let got: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
            assert!(got.iter().all(|value| Some(value) == shared.0.get()), "{got:?}");
            assert_eq!(shared.1.load(Ordering::SeqCst), 1);
        }
    });
}

#[test]
fn all_who_wait_for_a_set_once_get_the_value() {
    let cell = SetOnce::new();
    let (mut first, mut second) = (Polled::new(cell.wait()), Polled::new(cell.wait()));
    first.pending();
    second.pending();
    assert_eq!((cell.get(), cell.initialized()), (None, false));
    cell.set(1).unwrap();
    assert_eq!((first.wakes(), second.wakes()), (1, 1));
    assert_eq!((first.ready(), second.ready(), *Polled::new(cell.wait()).ready()), (&1, &1, 1));
    let error = cell.set(2).unwrap_err();
    assert_eq!(error, SetOnceError(2));
    assert_eq!((cell.get(), cell.initialized()), (Some(&1), true));
}

#[test]
fn p44_a_dropped_wait_for_a_set_once_leaves_no_trace() {
    for polls in 0..=5 {
        let cell = SetOnce::new();
        let (mut gives_up, mut stays) = (Polled::new(cell.wait()), Polled::new(cell.wait()));
        (0..polls).for_each(|_| gives_up.pending());
        stays.pending();
        drop(gives_up);
        cell.set(1).unwrap();
        stays.ready();
    }
}

#[test]
fn set_onces_come_in_all_forms() {
    static EMPTY: SetOnce<u8> = SetOnce::const_new();
    static FULL: SetOnce<u8> = SetOnce::const_new_with(1);
    assert_eq!((EMPTY.get(), FULL.get()), (None, Some(&1)));
    assert_eq!(block_on(FULL.wait()), &1);
    let cell = SetOnce::from(1);
    assert_eq!(cell, cell.clone());
    assert_ne!(cell, SetOnce::default());
    assert_eq!(format!("{cell:?}"), "SetOnce { value: Some(1) }");
    assert_eq!(SetOnce::<u8>::new_with(None).into_inner(), None);
    assert_eq!(SetOnce::new_with(Some(1)).into_inner(), Some(1));
}

#[test]
fn threads_set_a_cell_once_and_see_what_was_set() {
    within_bounds(|| {
        for _ in 0..200 {
            let cell = Arc::new(SetOnce::new());
            let setters: Vec<_> = (0..2)
                .map(|which| {
                    let cell = cell.clone();
                    thread::spawn(move || cell.set(vec![which; 10]).is_ok())
                })
                .collect();
            let seen = block_on(cell.wait()).clone();
            let wins = setters.into_iter().map(|thread| usize::from(thread.join().unwrap())).sum::<usize>();
            assert_eq!((wins, Some(&seen)), (1, cell.get()));
        }
    });
}
