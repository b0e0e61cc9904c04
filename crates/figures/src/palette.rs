//! Colours: clusters that colour-blind readers can tell apart, and continuous scales.

use scatterfall_colormap::Colormap;

/// A colour in 8-bit sRGB.
pub type Rgb = [u8; 3];

/// Text and axes.
pub const INK: Rgb = [33, 37, 41];
/// Secondary text.
pub const SOFT: Rgb = [92, 99, 106];
/// Lines of the grid.
pub const GRID: Rgb = [226, 229, 233];
/// Stretches without images.
pub const ABSENT: Rgb = [222, 224, 228];
/// Rows in no cluster (noise of DBSCAN, rows that are not finite).
pub const NO_CLUSTER: Rgb = [150, 150, 150];
/// The paper.
pub const WHITE: Rgb = [255, 255, 255];

/// Okabe and Ito's colours (Color Universal Design, 2008) without black, then muted ones of P. Tol (technical note
/// SRON/EPS/TN/09-002); neighbours differ in lightness too, so that they survive a grey printer.
const CLUSTERS: [Rgb; 12] = [
    [0, 114, 178],
    [230, 159, 0],
    [0, 158, 115],
    [204, 121, 167],
    [86, 180, 233],
    [213, 94, 0],
    [51, 34, 136],
    [240, 228, 66],
    [136, 34, 85],
    [68, 170, 153],
    [153, 153, 51],
    [221, 170, 187],
];

/// The colour of a cluster; negative labels are in none. The colours repeat after the twelfth.
pub fn cluster(label: i32) -> Rgb {
    usize::try_from(label).map_or(NO_CLUSTER, |k| CLUSTERS[k % CLUSTERS.len()])
}

/// The name of a cluster in legends.
pub fn cluster_name(label: i32) -> String {
    if label < 0 { "no cluster".to_owned() } else { format!("cluster {label}") }
}

/// A continuous scale by the name of a colour map that comes with the program, as 256 colours from low to high.
pub fn ramp(name: &str) -> [Rgb; 256] {
    // The maps are compiled in and tested; grey is what an unknown name falls back to.
    let map = Colormap::builtin(name).unwrap_or(Colormap::Gray);
    table(&map)
}

/// Blue over white to red, for values on both sides of zero (ends and middle of ColorBrewer's RdBu; C. Brewer 2003).
pub fn diverging() -> [Rgb; 256] {
    const STOPS: [[f64; 3]; 5] = [
        [33.0, 102.0, 172.0],
        [146.0, 197.0, 222.0],
        [247.0, 247.0, 247.0],
        [244.0, 165.0, 130.0],
        [178.0, 24.0, 43.0],
    ];
    std::array::from_fn(|i| {
        let at = i as f64 / 255.0 * 4.0;
        let low = (at.floor() as usize).min(3);
        std::array::from_fn(|c| (STOPS[low][c] + (STOPS[low + 1][c] - STOPS[low][c]) * (at - low as f64)).round() as u8)
    })
}

/// All colours of a map, lowest index first.
pub fn table(map: &Colormap) -> [Rgb; 256] {
    let mut colors = [[0; 3]; 256];
    for (index, color) in (0..=u8::MAX).zip(colors.iter_mut()) {
        *color = map.color(index);
    }
    colors
}

/// The colour of `value` on a scale from `low` to `high`; values outside take the end's colour, NaN the lowest.
pub fn shade(colors: &[Rgb; 256], value: f64, low: f64, high: f64) -> Rgb {
    let position = (value - low) / (high - low).max(f64::MIN_POSITIVE) * 255.0;
    colors[usize::from(position.round() as u8)]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a reader without one kind of cone sees (Machado, Oliveira, Fernandes 2009, severity 1, linear RGB).
    fn seen(rgb: Rgb, matrix: [[f64; 3]; 3]) -> [f64; 3] {
        let linear = rgb.map(|c| (f64::from(c) / 255.0).powf(2.2));
        matrix
            .map(|row| row.iter().zip(linear).map(|(m, c)| m * c).sum::<f64>().clamp(0.0, 1.0).powf(1.0 / 2.2) * 255.0)
    }

    #[test]
    fn the_first_clusters_stay_apart_for_colour_blind_readers() {
        let deuteranopia = [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]];
        let protanopia = [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]];
        let distance =
            |a: Rgb, b: Rgb, m| seen(a, m).iter().zip(seen(b, m)).map(|(x, y)| (x - y).powi(2)).sum::<f64>().sqrt();
        for matrix in [deuteranopia, protanopia] {
            for (a, &one) in CLUSTERS[..8].iter().enumerate() {
                for (b, &other) in CLUSTERS[..a].iter().enumerate() {
                    let d = distance(one, other, matrix);
                    // 8-bit units; the red and the green below, which such a reader mixes up, are 14 apart.
                    assert!(d > 40.0, "clusters {a} and {b} look alike: {d:.1}");
                }
            }
        }
        let (red, green) = ([200, 60, 40], [105, 130, 40]);
        assert!(distance(red, green, deuteranopia) < 20.0, "the measure must catch a red and a green that look alike");
    }

    #[test]
    fn shades_saturate() {
        let colors = ramp("viridis");
        assert_eq!(shade(&colors, 0.0, 0.0, 1.0), colors[0], "low end");
        assert_eq!(shade(&colors, 9.0, 0.0, 1.0), colors[255], "above the high end");
        assert_eq!(shade(&colors, f64::NAN, 0.0, 1.0), colors[0], "not a number");
        assert_eq!(shade(&colors, 5.0, 5.0, 5.0), colors[0], "an empty scale");
        assert_ne!(colors[0], colors[255], "the ends differ");
    }

    #[test]
    fn labels_below_zero_are_grey() {
        assert_eq!(cluster(-1), NO_CLUSTER, "noise");
        assert_eq!(cluster(12), cluster(0), "colours repeat");
        assert_eq!(cluster_name(-1), "no cluster", "its name");
    }
}
