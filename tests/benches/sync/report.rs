//! The figures as a person reads them.

use crate::figures::Figures;

/// One row for each scenario, then the calls, then what is not as it should be.
pub(crate) fn table(measured: &[Figures]) -> String {
    let header =
        ["SCENARIO", "SETS", "FLOOR", "SHARED", "WALL", "÷FLOOR", "÷SHARED", "LAG", "LAG%", "CALLS", "429", "RECEIPTS"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    rows.extend(measured.iter().map(row));
    let widths: Vec<usize> = (0..header.len())
        .map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default())
        .collect();
    let mut lines: Vec<String> = rows.iter().map(|row| line(row, &widths)).collect();
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
        lines.extend(figures.problems.iter().map(|problem| format!("  PROBLEM: {problem}")));
    }
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
        figures.calls.values().sum::<usize>().to_string(),
        figures.throttled.to_string(),
        receipts.join(", "),
    ]
}

fn line(cells: &[String], widths: &[usize]) -> String {
    let pad = |(cell, width): (&String, &usize)| format!("{cell}{}", " ".repeat(width - cell.chars().count()));
    cells.iter().zip(widths).map(pad).collect::<Vec<_>>().join("   ").trim_end().to_owned()
}
