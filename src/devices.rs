//! What there is to compute on, in words: the table of `scatterfall devices`.

#[cfg(feature = "gpu")]
use scatterfall_scattering::backend::BackendChoice;
#[cfg(feature = "gpu")]
use scatterfall_scattering::backend::gpu::{AdapterRow, adapters, choose};

/// A table of this machine's graphics adapters, and which of them `auto` and `gpu` would take, and why.
#[cfg(feature = "gpu")]
pub(crate) fn describe() -> String {
    report(&adapters())
}

/// Says that there is nothing but the CPU.
#[cfg(not(feature = "gpu"))]
pub(crate) fn describe() -> String {
    "this program was built without the `gpu` feature: it computes on the CPU alone\n\
     (cargo build --release, without --no-default-features, brings the GPU backend)\n"
        .into()
}

/// A property a line, an adapter a column; then the choices.
#[cfg(feature = "gpu")]
fn report(rows: &[AdapterRow]) -> String {
    const TITLES: [&str; 11] = [
        "adapter",
        "type",
        "interface",
        "driver",
        "workgroup memory",
        "invocations a workgroup",
        "workgroups a dimension",
        "bound at once",
        "largest buffer",
        "double precision",
        "times of kernels",
    ];
    let mut lines: Vec<String> = Vec::new();
    if rows.is_empty() {
        lines.push("no graphics adapters: there is no Vulkan, Metal or DirectX 12 driver".into());
    } else {
        let columns: Vec<[String; TITLES.len()]> = rows.iter().map(column).collect();
        lines = TITLES.map(|title| format!("{title:23}")).to_vec();
        for column in &columns {
            let width = column.iter().map(|cell| cell.chars().count()).max().unwrap_or(0);
            for (line, cell) in lines.iter_mut().zip(column) {
                line.push_str(&format!("  {cell:width$}"));
            }
        }
    }
    lines.push(String::new());
    for (name, choice) in [("auto", BackendChoice::Auto), ("gpu", BackendChoice::Gpu)] {
        lines.push(match choose(choice, rows) {
            Ok((Some(at), reason)) => format!("--backend {name:4} takes {}: {reason}", rows[at].name),
            Ok((None, reason)) => format!("--backend {name:4} takes the CPU: {reason}"),
            Err(error) => format!("--backend {name:4} fails: {}", crate::Error::from(error)),
        });
    }
    lines.iter().map(|line| format!("{}\n", line.trim_end())).collect()
}

#[cfg(feature = "gpu")]
fn column(row: &AdapterRow) -> [String; 11] {
    let yes = |there: bool, otherwise: &str| if there { "yes".to_owned() } else { otherwise.to_owned() };
    let caps = &row.caps;
    [
        row.name.clone(),
        row.kind.to_owned(),
        row.api.clone(),
        row.driver.clone(),
        format!("{} KiB", caps.workgroup_bytes >> 10),
        caps.invocations.to_string(),
        caps.groups.to_string(),
        format!("{} MiB", caps.binding_bytes >> 20),
        format!("{} MiB", caps.buffer_bytes >> 20),
        yes(row.double_precision, "no: the CPU helps out"),
        yes(row.timestamps, "no"),
    ]
}

#[cfg(all(test, feature = "gpu"))]
mod tests {
    use super::*;
    use scatterfall_scattering::backend::gpu::Caps;

    #[test]
    fn the_table_says_what_is_taken_and_why() {
        let adapter = |name: &str, kind| AdapterRow {
            name: name.to_owned(),
            kind,
            api: "vulkan".into(),
            driver: "driver 1.2".into(),
            caps: Caps::DEFAULT,
            timestamps: true,
            double_precision: kind == "discrete",
        };
        let text = report(&[adapter("a software rasterizer", "software"), adapter("a card", "discrete")]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "adapter                  a software rasterizer  a card", "one column each: {text}");
        assert_eq!(lines[4], "workgroup memory         16 KiB                 16 KiB", "limits: {text}");
        assert_eq!(lines[9], "double precision         no: the CPU helps out  yes", "features: {text}");
        assert!(
            text.contains("--backend auto takes a card: a card (vulkan, driver 1.2) is the first discrete"),
            "{text}"
        );
        let alone = report(&[adapter("llvmpipe", "software")]);
        assert!(alone.contains("--backend auto takes the CPU: no adapter is a discrete or integrated GPU"), "{alone}");
        assert!(alone.contains("--backend gpu  takes llvmpipe"), "{alone}");
        let none = report(&[]);
        assert!(none.contains("no graphics adapters") && none.contains("--backend gpu  fails: "), "{none}");
    }
}
