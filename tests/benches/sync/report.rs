//! The figures as a person reads them.

use crate::figures::{Figures, Whole};

/// One row for each scenario, then the calls, then what is not as it should be.
pub(crate) fn table(measured: &[Figures]) -> String {
    let header = [
        "SCENARIO", "SETS", "FLOOR", "SHARED", "WALL", "÷FLOOR", "÷SHARED", "LAG", "LAG%", "LOOKS", "CALLS", "429",
        "RECEIPTS",
    ];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    rows.extend(measured.iter().map(row));
    let mut lines = aligned(&rows);
    lines.push(String::new());
    for figures in measured {
        let calls: Vec<_> = figures
            .calls
            .iter()
            .map(|(operation, count)| {
                let busiest = figures.busiest_second.get(operation).copied().unwrap_or_default();
                format!("{operation} {count} (at most {busiest} in a second)")
            })
            .collect();
        let Figures { scenario, title, from_command, at_work, .. } = figures;
        lines.push(format!(
            "{scenario}: {title}; {from_command:.2} s from the command, {at_work:.2} s from the first call to the catalog"
        ));
        lines.push(format!("  {}", calls.join(", ")));
        for whole in &figures.command {
            let Whole { wall, of_floor, processor, peak_mib, change_sets, looks, .. } = whole;
            let of_floor = of_floor.map_or_else(String::new, |of| format!(", {of:.3} of the shared floor"));
            let looks = looks.map_or_else(String::new, |looks| format!(", {looks:.2} looks each"));
            lines.push(format!(
                "  pmp-spoke sync: {wall:.2} s{of_floor}; {change_sets} change sets{looks}; {} calls, {} throttled; \
                 {processor:.2} s of processor time, at most {peak_mib:.1} MiB",
                whole.all_calls(),
                whole.throttled
            ));
            lines.extend(whole.above.iter().map(|above| format!("  ABOVE: {above}")));
            lines.extend(whole.problems.iter().map(|problem| format!("  PROBLEM: {problem}")));
        }
        lines.extend(figures.problems.iter().map(|problem| format!("  PROBLEM: {problem}")));
    }
    lines.join("\n")
}

/// One row for each run of the command, then what is not as it should be.
pub(crate) fn commands(measured: &[(String, Vec<Whole>)]) -> String {
    let header = ["SCENARIO", "SETS", "WALL", "÷SHARED", "LOOKS", "CALLS", "429", "PROCESSOR", "PEAK"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    let mut below = Vec::new();
    for (scenario, runs) in measured {
        for (run, whole) in runs.iter().enumerate() {
            let ratio = |value: Option<f64>, digits: usize| value.map_or("-".to_owned(), |it| format!("{it:.digits$}"));
            rows.push(vec![
                if run == 0 { scenario.clone() } else { format!("{scenario}, again") },
                whole.change_sets.to_string(),
                format!("{:.2} s", whole.wall),
                ratio(whole.of_floor, 3),
                ratio(whole.looks, 2),
                whole.all_calls().to_string(),
                whole.throttled.to_string(),
                format!("{:.2} s", whole.processor),
                format!("{:.1} MiB", whole.peak_mib),
            ]);
            below.extend(whole.above.iter().map(|above| format!("ABOVE: {scenario}: {above}")));
            below.extend(whole.problems.iter().map(|problem| format!("PROBLEM: {scenario}: {problem}")));
        }
    }
    let mut lines = aligned(&rows);
    lines.extend(below);
    lines.join("\n")
}

fn row(figures: &Figures) -> Vec<String> {
    let ratio = |floor: f64| if floor > 0.0 { format!("{:.2}", figures.wall / floor) } else { "-".to_owned() };
    let lag = |read: fn(&crate::figures::Lag) -> String| figures.lag.as_ref().map_or("-".to_owned(), read);
    let receipts: Vec<_> = figures.receipts.iter().map(|(status, count)| format!("{count} {status}")).collect();
    vec![
        figures.scenario.clone(),
        figures.change_sets.to_string(),
        format!("{:.1} s", figures.floor),
        format!("{:.1} s", figures.floor_shared),
        format!("{:.2} s", figures.wall),
        ratio(figures.floor),
        ratio(figures.floor_shared),
        lag(|lag| format!("{:.0}/{:.0} ms", lag.median * 1e3, lag.longest * 1e3)),
        lag(|lag| format!("{:.0}%", lag.share * 100.0)),
        figures.looks.map_or("-".to_owned(), |looks| format!("{looks:.1}")),
        figures.calls.values().sum::<usize>().to_string(),
        figures.throttled.to_string(),
        receipts.join(", "),
    ]
}

/// Rows of cells as lines of columns.
pub(crate) fn aligned(rows: &[Vec<String>]) -> Vec<String> {
    let columns = rows.first().map_or(0, Vec::len);
    let width =
        |column: usize| rows.iter().map(|row: &Vec<String>| row[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..columns).map(width).collect();
    rows.iter().map(|row| line(row, &widths)).collect()
}

fn line(cells: &[String], widths: &[usize]) -> String {
    let pad = |(cell, width): (&String, &usize)| format!("{cell}{}", " ".repeat(width - cell.chars().count()));
    cells.iter().zip(widths).map(pad).collect::<Vec<_>>().join("   ").trim_end().to_owned()
}
