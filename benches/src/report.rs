//! The report: what was run where, the table, and the figures that explain it.

use crate::compare::Options;
use crate::measure::{Figures, median};
use crate::table::{Column, Reach, Row, Unit, Workload};
use std::fmt::Write;
use std::process::Command;
use std::time::Duration;

/// What all rounds of a workload gave, by column.
#[derive(Debug)]
pub struct Measured {
    /// The workload.
    pub workload: &'static Workload,
    /// The figures of each round.
    pub runs: [Vec<Figures>; Column::ALL.len()],
    /// System calls per operation.
    pub syscalls: [Option<f64>; Column::ALL.len()],
}

impl Measured {
    /// A figure in each round that has it.
    fn each(&self, column: Column, figure: &str) -> impl Iterator<Item = Option<f64>> {
        let find = move |run: &Figures| run.iter().find(|(name, _)| *name == figure).map(|(_, value)| *value);
        self.runs[column as usize].iter().map(find)
    }

    fn median(&self, column: Column, figure: &str) -> Option<f64> {
        let mut values: Vec<f64> = self.each(column, figure).flatten().collect();
        (!values.is_empty()).then(|| median(&mut values))
    }

    /// Ours and tokio's in each round that has both.
    fn pairs(&self, figure: &str) -> Vec<(f64, f64)> {
        let pairs = self.each(Column::Ours, figure).zip(self.each(Column::Tokio, figure));
        pairs.filter_map(|(ours, tokio)| ours.zip(tokio)).collect()
    }

    /// Ours ÷ tokio: the median of the rounds' ratios. What a round's runs share, a machine that is
    /// busy or not, cancels out.
    fn ratio(&self, figure: &str) -> Option<f64> {
        let mut ratios: Vec<f64> = self.pairs(figure).iter().map(|(ours, tokio)| ours / tokio).collect();
        (!ratios.is_empty()).then(|| median(&mut ratios))
    }
}

/// The load average of the last minute, the last five and the last fifteen.
pub fn load_average() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

/// What was run, when, where, with which versions.
pub fn head(command: &str, options: &Options, load_before: &str, took: Duration) -> String {
    let said = |program: &str, args: &[&str]| {
        let output = Command::new(program).args(args).output().ok();
        output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
    };
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    let cpus = read("/proc/cpuinfo");
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let cores = cpus.lines().filter(|line| line.starts_with("processor")).count();
    let lines = [
        format!("- date: {}", said("date", &["-u", "+%Y-%m-%d %H:%M UTC"])),
        format!("- command: `{command}` ({} s)", took.as_secs()),
        format!("- commit: {}", said("git", &["describe", "--always", "--dirty", "--exclude=*"])),
        format!(
            "- versions: tokio {}, smol {}, {}",
            locked("tokio"),
            locked("smol"),
            said("rustc", &["--version"])
        ),
        format!(
            "- machine: {cores} x {}, {} {}; load average before: {load_before}",
            model.trim_matches([' ', '\t', ':']),
            read("/proc/sys/kernel/ostype"),
            read("/proc/sys/kernel/osrelease"),
        ),
        format!(
            "- {} rounds, {} workers, {} ms a run where a body is repeated",
            options.rounds,
            options.run.workers,
            options.run.budget.as_millis()
        ),
    ];
    lines.join("\n")
}

/// The version of a package in the lock file.
pub fn locked(package: &str) -> &'static str {
    let lock = include_str!("../../Cargo.lock");
    let entry = format!("name = \"{package}\"\nversion = \"");
    lock.split_once(&entry).and_then(|(_, rest)| rest.split('"').next()).unwrap_or("?")
}

/// The whole report.
pub fn write(head: &str, tables: &[(String, Vec<Measured>)]) -> String {
    let mut text = format!(
        "# Results\n\nWritten by the program: do not edit.\n\n{head}\n\n\
        Medians over the rounds; each run in a process of its own, interleaved, each in its turn the first. *ratio* is ours ÷ tokio (the median of the rounds' ratios), *reach* \
        what it has to be, *rounds* in how many of them ours was the better one. Differences under 25 % mean \
        nothing unless the rounds agree. *limit* is the same work without an async runtime.\n"
    );
    for (allocator, table) in tables {
        let _ = write!(text, "\n## {allocator}\n\n");
        let note = "Part of the distance on spawns is tokio's task cell, aligned to 128 bytes: glibc's malloc has a \
                    slow path for that. The same rows with another allocator stand below.\n\n";
        text.push_str(if allocator == "glibc" { note } else { "" });
        text.push_str(&main_table(table));
        text.push_str("\n### What explains it\n\n");
        text.push_str(&why_table(table));
    }
    text
}

fn main_table(table: &[Measured]) -> String {
    let mut text = String::from(
        "| workload | figure | ours | tokio | smol | limit | ratio | reach | | rounds |\n\
         |---|---|---|---|---|---|---|---|---|---|\n",
    );
    for measured in table {
        for (index, row) in measured.workload.rows.iter().enumerate() {
            let name = format!("**{}**: {}", measured.workload.name, measured.workload.what);
            let cells = Column::ALL.map(|column| show(measured.median(column, row.figure), row.unit));
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} |",
                if index == 0 { &name } else { "" },
                row.figure,
                cells.join(" | "),
                verdict(measured, row)
            );
        }
    }
    text
}

/// Ratio, reach, whether it is met, and the rounds that agree.
fn verdict(measured: &Measured, row: &Row) -> String {
    let ours = measured.median(Column::Ours, row.figure);
    let ratio = measured.ratio(row.figure);
    let (reach, met) = match row.reach {
        Reach::AtMost(most) => (format!("≤ {most}"), ratio.map(|ratio| ratio <= most)),
        Reach::AtLeast(least) => (format!("≥ {least}"), ratio.map(|ratio| ratio >= least)),
        Reach::Any => (String::new(), None),
        Reach::Below(most) => (format!("≤ {}", show(Some(most), row.unit)), ours.map(|ours| ours <= most)),
    };
    let pairs = measured.pairs(row.figure);
    let more_is_better = matches!(row.reach, Reach::AtLeast(_));
    let better =
        pairs.iter().filter(|(ours, tokio)| if more_is_better { ours > tokio } else { ours < tokio });
    let met = met.map_or("", |met| if met { "met" } else { "**not met**" });
    let ratio = ratio.map_or("–".into(), |ratio| format!("{ratio:.2}"));
    format!("{ratio} | {reach} | {met} | {}/{}", better.count(), pairs.len())
}

/// Processor time, context switches, memory, and system calls where they were counted.
fn why_table(table: &[Measured]) -> String {
    const RUNTIMES: [Column; 3] = [Column::Ours, Column::Tokio, Column::Smol];
    let counted = table.iter().any(|measured| measured.syscalls.iter().any(Option::is_some));
    let mut text = String::from(
        "ours / tokio / smol; per operation, but for the peak of resident memory. The ratio of CPU time is ours ÷ \
         tokio: on a machine that others use too it says more than the time does.\n\n\
         | workload | CPU time | ratio | context switches | peak memory |",
    );
    text.push_str(if counted {
        " system calls |\n|---|---|---|---|---|---|\n"
    } else {
        "\n|---|---|---|---|---|\n"
    });
    for measured in table {
        let cell = |figure, unit| {
            let shown = RUNTIMES.map(|column| show(measured.median(column, figure), unit));
            shown.join(" / ")
        };
        let (cpu, switches) = (cell("cpu", Unit::Time), cell("switches", Unit::Count));
        let ratio = measured.ratio("cpu").map_or("–".into(), |ratio| format!("{ratio:.2}"));
        let _ = write!(
            text,
            "| {} | {cpu} | {ratio} | {switches} | {} |",
            measured.workload.name,
            cell("peak", Unit::Bytes)
        );
        if counted {
            let shown = RUNTIMES.map(|column| show(measured.syscalls[column as usize], Unit::Count));
            let _ = write!(text, " {} |", shown.join(" / "));
        }
        text.push('\n');
    }
    text
}

/// A figure with three digits and a unit that fits.
fn show(value: Option<f64>, unit: Unit) -> String {
    let Some(value) = value else { return "–".into() };
    let scales: &[(f64, &str)] = match unit {
        Unit::Time => &[(1.0, " s"), (1e-3, " ms"), (1e-6, " µs"), (1e-9, " ns")],
        Unit::Rate => &[(1e6, " M/s"), (1e3, " k/s"), (1.0, " /s")],
        Unit::Bytes => &[(1024.0 * 1024.0, " MiB"), (10.0 * 1024.0, " KiB"), (1.0, " B")],
        Unit::Count => &[(1.0, "")],
    };
    let fits = scales.iter().find(|(scale, _)| value.abs() >= *scale);
    let &(scale, name) = fits.unwrap_or(&scales[scales.len() - 1]);
    let scale = if name == " KiB" { 1024.0 } else { scale };
    let scaled = value / scale;
    let digits = if scaled >= 100.0 {
        0
    } else if scaled >= 10.0 {
        1
    } else {
        2
    };
    format!("{scaled:.digits$}{name}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::WORKLOADS;

    #[test]
    fn figures_have_three_digits_and_a_unit_that_fits() {
        let show = |value, unit| show(Some(value), unit);
        assert_eq!(show(1.234e-6, Unit::Time), "1.23 µs");
        assert_eq!(show(0.0123, Unit::Time), "12.3 ms");
        assert_eq!(show(117_000.0, Unit::Rate), "117 k/s");
        assert_eq!(show(989.0, Unit::Bytes), "989 B");
        assert_eq!(show(10_240.0, Unit::Bytes), "10.0 KiB");
        assert_eq!(show(0.0, Unit::Time), "0.00 ns");
    }

    #[test]
    fn a_row_says_whether_it_is_met_and_how_many_rounds_agree() {
        let workload = WORKLOADS.iter().find(|workload| workload.name == "spawn_many").unwrap();
        let mut measured = Measured { workload, runs: Default::default(), syscalls: Default::default() };
        let rounds = |times: [f64; 3]| times.map(|time| vec![("time", time)]).to_vec();
        measured.runs[Column::Ours as usize] = rounds([3.0, 2.2, 9.0]);
        measured.runs[Column::Tokio as usize] = rounds([10.0, 11.0, 8.0]);
        assert_eq!(verdict(&measured, &workload.rows[0]), "0.30 | ≤ 0.35 | met | 2/3");
        measured.runs[Column::Ours as usize] = rounds([4.0, 4.0, 4.0]);
        assert_eq!(verdict(&measured, &workload.rows[0]), "0.40 | ≤ 0.35 | **not met** | 3/3");
        measured.runs[Column::Ours as usize].clear();
        assert_eq!(verdict(&measured, &workload.rows[0]), "– | ≤ 0.35 |  | 0/0");
    }

    #[test]
    fn the_names_of_workloads_are_unique() {
        let mut names: Vec<_> = WORKLOADS.iter().map(|workload| workload.name).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
