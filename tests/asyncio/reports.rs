//! "Task exception was never retrieved": no failure is silent.

use runtime::{spawn, task};
use std::panic;
use std::sync::Mutex;

/// What the panic hook was told, by whichever test of this program.
static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// asyncio says it when the task is collected; here it is said when it happens.
#[runtime::test(unhandled = "log")]
async fn a_failure_that_nobody_waits_for_is_reported() {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        PANICS.lock().unwrap().push(info.to_string());
        before(info);
    }));
    let task = spawn(async { panic!("nobody waits for this one") });
    let _: &runtime::JoinHandle<()> = &task;
    let ended = task.abort_handle();
    drop(task);
    while !ended.is_finished() {
        task::yield_now().await;
    }
    let reported = PANICS.lock().unwrap().iter().any(|text| text.contains("nobody waits for this one"));
    assert!(reported, "{PANICS:?}");
}
