//! `tokio::process`.

use std::process::Stdio;
use tokio::process::{ChildStderr, ChildStdin, ChildStdout, Command};

/// `process::Command`: `new`, `arg`, `args`, `arg0`, `env`, `envs`, `env_remove`, `env_clear`, `current_dir`, `output`.
#[tokio::test]
async fn commands() {
    let mut command = Command::new("sh");
    command.arg("-c").args(["echo $0 $ONE $TWO; pwd"]).arg0("called").current_dir("/proc");
    command.env("LOST", "0").env_clear().env("ONE", "1").envs([("TWO", "2")]).env_remove("LOST");
    let output = command.output().await.unwrap();
    assert_eq!(output.stdout, b"called 1 2\n/proc\n");
}

/// `process::Command`: `as_std`, `as_std_mut`, `into_std`, `get_kill_on_drop`, `kill_on_drop`, `status`, `uid`, `gid`, `process_group`, `pre_exec`.
#[tokio::test]
async fn more_of_commands() {
    let mut command = Command::from(std::process::Command::new("true"));
    assert_eq!(command.as_std().get_program(), "true");
    command.as_std_mut().arg("ignored");
    assert!(!command.get_kill_on_drop());
    command.kill_on_drop(true);
    assert!(command.get_kill_on_drop());
    command.process_group(0);
    // SAFETY: it does nothing.
    unsafe { command.pre_exec(|| Ok(())) };
    assert!(command.status().await.unwrap().success());
    let own = std::fs::metadata("/proc/self").unwrap();
    command.uid(std::os::unix::fs::MetadataExt::uid(&own)).gid(std::os::unix::fs::MetadataExt::gid(&own));
    assert_eq!(command.into_std().get_args().count(), 1);
}

/// `process::Command`: `stdin`, `stdout`, `stderr`, `spawn`.
/// `process::Child`: `id`, `stdin`, `stdout`, `stderr`, `wait`, `try_wait`, `wait_with_output`.
/// `process::ChildStdin`: `into_owned_fd`, `from_std`.
/// `process::ChildStdout`: `into_owned_fd`, `from_std`.
/// `process::ChildStderr`: `into_owned_fd`, `from_std`.
#[tokio::test]
async fn children() {
    let mut command = Command::new("cat");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    assert_eq!(child.try_wait().unwrap(), None);
    assert!(child.id().is_some());
    drop(child.stdin.take().unwrap().into_owned_fd().unwrap());
    drop(child.stdout.take().unwrap().into_owned_fd().unwrap());
    drop(child.stderr.take().unwrap().into_owned_fd().unwrap());
    assert!(child.wait().await.unwrap().success());
    assert_eq!(child.id(), None);
    let output = command.spawn().unwrap().wait_with_output().await.unwrap();
    assert!(output.status.success() && output.stdout.is_empty());
    let mut std = command.into_std().spawn().unwrap();
    drop(ChildStdin::from_std(std.stdin.take().unwrap()).unwrap());
    drop(ChildStdout::from_std(std.stdout.take().unwrap()).unwrap());
    drop(ChildStderr::from_std(std.stderr.take().unwrap()).unwrap());
    std.wait().unwrap();
}

/// `process::Child`: `kill`, `start_kill`.
#[tokio::test]
async fn killing() {
    let mut child = Command::new("sleep").arg("600").spawn().unwrap();
    child.start_kill().unwrap();
    child.kill().await.unwrap();
    assert_eq!(child.wait().await.unwrap().code(), None);
    child.kill().await.unwrap();
}
