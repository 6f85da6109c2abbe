//! The examples `tcp_proxy` and `chat`, judged from outside by Python, with `python3 -m http.server` behind the proxy.

#[path = "examples/mod.rs"]
#[allow(dead_code)]
mod examples;

use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Output, Stdio};

fn judge(script: &str, arguments: &[&str]) -> String {
    let path = format!("{}/tests/python/{script}", env!("CARGO_MANIFEST_DIR"));
    let output = Command::new("python3").arg(path).args(arguments).output().expect("python3 is needed");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

#[test]
fn the_proxy_brings_through_every_byte_and_survives_its_backend() {
    let proxy = examples::example("tcp_proxy");
    let said = judge("proxy_judge.py", &[proxy.to_str().unwrap()]);
    assert_eq!(said.lines().count(), 6, "{said}");
}

#[test]
fn two_hundred_clients_chat_and_a_slow_one_holds_up_nobody() {
    let mut server = Command::new(examples::example("chat"))
        .arg("127.0.0.1:0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim_end().strip_prefix("chat: listening on ").unwrap_or_else(|| panic!("{line:?}"));
    let (host, port) = address.rsplit_once(':').unwrap();
    let said = judge("chat_clients.py", &[host, port, "200", "10"]);
    assert_eq!(said.lines().count(), 3, "{said}");
    kill_process(Pid::from_child(&server), Signal::INT).unwrap();
    let mut complained = String::new();
    server.stderr.take().unwrap().read_to_string(&mut complained).unwrap();
    assert!(server.wait().unwrap().success(), "{complained}");
    // On a machine with a lot to do a task may be held up by another that waits for its turn to run.
    assert!(complained.lines().all(|line| line.starts_with("runtime: task ")), "{complained}");
}

#[test]
fn bad_addresses_are_one_line_and_exit_code_1_or_2() {
    for (name, address) in [("tcp_proxy", &["nonsense", "127.0.0.1:1"][..]), ("chat", &["nonsense"][..])] {
        let run = |arguments: &[&str]| -> Output {
            Command::new(examples::example(name)).args(arguments).stdin(Stdio::null()).output().unwrap()
        };
        for (arguments, code, begin) in
            [(address, 1, format!("{name}: nonsense: ")), (&[][..], 2, format!("usage: {name} "))]
        {
            let output = run(arguments);
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(code), "{stderr}");
            assert!(stderr.starts_with(&begin) && stderr.lines().count() == 1, "{stderr}");
        }
    }
}
