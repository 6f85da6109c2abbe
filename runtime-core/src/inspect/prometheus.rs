//! Figures as Prometheus reads them: its text exposition format.

use super::{Histogram, RuntimeMetrics, WorkerMetrics};
use std::fmt::Write;
use std::time::Duration;

/// The figures as text for Prometheus (exposition format 0.0.4, which OpenMetrics readers take too): what a `/metrics`
/// page answers, with the content type `text/plain; version=0.0.4`. Names begin with `runtime_`; those of a worker
/// have the label `worker`.
///
/// # Examples
/// ```
/// let runtime = runtime::Builder::new_multi_thread().worker_threads(2).build()?;
/// let text = runtime::metrics::prometheus(&runtime.metrics());
/// assert!(text.contains("# TYPE runtime_tasks_spawned_total counter\nruntime_tasks_spawned_total 0\n"));
/// assert!(text.contains("runtime_worker_polls_total{worker=\"1\"} 0\n"));
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn prometheus(metrics: &RuntimeMetrics) -> String {
    let mut page = Page(String::new());
    let m = metrics;
    page.single("workers", "gauge", "Worker threads.", m.num_workers());
    page.single("tasks_alive", "gauge", "Tasks spawned and not ended.", m.num_alive_tasks());
    page.single("tasks_spawned_total", "counter", "Tasks ever spawned.", m.spawned_tasks_count());
    page.single("injector_depth", "gauge", "Tasks from other threads in the queue.", m.global_queue_depth());
    page.single("timers", "gauge", "Timers that wait.", m.timers_count());
    page.single("io_sources", "gauge", "Descriptors registered.", m.io_driver_source_count());
    page.single("io_events_total", "counter", "Events of descriptors.", m.io_driver_ready_count());
    page.single("blocking_threads", "gauge", "Threads for blocking jobs.", m.num_blocking_threads());
    page.single("blocking_threads_idle", "gauge", "Of these, waiting.", m.num_idle_blocking_threads());
    page.single("blocking_queue_depth", "gauge", "Blocking jobs in the queue.", m.blocking_queue_depth());
    page.single(
        "rescues_total",
        "counter",
        "Polls that kept others waiting until somebody stepped in.",
        m.rescues_count(),
    );
    page.single("spares_total", "counter", "Calls of spare workers.", m.spares_count());
    let workers = m.workers();
    page.each("worker_polls_total", "counter", "Polls of tasks.", workers, WorkerMetrics::poll_count);
    page.each("worker_parks_total", "counter", "Times it fell asleep.", workers, WorkerMetrics::park_count);
    page.each("worker_steals_total", "counter", "Thefts.", workers, WorkerMetrics::steal_operations);
    page.each("worker_stolen_tasks_total", "counter", "Tasks stolen.", workers, WorkerMetrics::stolen_tasks);
    page.each(
        "worker_queue_depth",
        "gauge",
        "Tasks in its queue.",
        workers,
        WorkerMetrics::local_queue_depth,
    );
    let busy = |worker: &WorkerMetrics| seconds(worker.busy_duration());
    page.each("worker_busy_seconds_total", "counter", "Time awake.", workers, busy);
    page.histogram("schedule_latency_seconds", "From wake to poll, sampled.", &m.schedule_latency());
    page.histogram("poll_time_seconds", "Length of polls, sampled.", &m.poll_time());
    page.0
}

fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}

struct Page(String);

impl Page {
    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        let written = self.0.write_fmt(line);
        debug_assert!(written.is_ok(), "a string takes everything");
        self.0.push('\n');
    }

    fn head(&mut self, name: &str, kind: &str, help: &str) {
        self.line(format_args!("# HELP runtime_{name} {help}"));
        self.line(format_args!("# TYPE runtime_{name} {kind}"));
    }

    fn single(&mut self, name: &str, kind: &str, help: &str, value: impl std::fmt::Display) {
        self.head(name, kind, help);
        self.line(format_args!("runtime_{name} {value}"));
    }

    fn each<T: std::fmt::Display>(
        &mut self,
        name: &str,
        kind: &str,
        help: &str,
        workers: &[WorkerMetrics],
        value: impl Fn(&WorkerMetrics) -> T,
    ) {
        self.head(name, kind, help);
        for (index, worker) in workers.iter().enumerate() {
            self.line(format_args!("runtime_{name}{{worker=\"{index}\"}} {}", value(worker)));
        }
    }

    fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) {
        self.head(name, "histogram", help);
        let mut below = 0;
        let last = histogram.num_buckets() - 1;
        for (range, count) in histogram.buckets().take(last) {
            below += count;
            let end = seconds(range.end);
            self.line(format_args!("runtime_{name}_bucket{{le=\"{end}\"}} {below}"));
        }
        let count = histogram.count();
        self.line(format_args!("runtime_{name}_bucket{{le=\"+Inf\"}} {count}"));
        self.line(format_args!("runtime_{name}_sum {}", seconds(histogram.sum())));
        self.line(format_args!("runtime_{name}_count {count}"));
    }
}
