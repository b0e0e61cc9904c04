//! Pictures made here, with known plots, maps and directions; `validation/make_pictures.py` makes many more, and larger ones.

use scatterfall_recognize::{ColourMap, Confidence, Findings, Picture, Rect, TimeAxis, recognize};

type Rgb = [u8; 3];

/// A reproducible random number from 0 to 1.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as f64 / (1u64 << 31) as f64
    }
}

fn map(name: &str, points: &[(f64, Rgb)], diverging: bool) -> ColourMap {
    let colour = |i: usize| {
        let at = i as f64 / 255.0;
        let k = points.windows(2).position(|w| at <= w[1].0).unwrap_or(points.len() - 2);
        let share = (at - points[k].0) / (points[k + 1].0 - points[k].0);
        std::array::from_fn(|c| {
            (f64::from(points[k].1[c]) * (1.0 - share) + f64::from(points[k + 1].1[c]) * share) as u8
        })
    };
    ColourMap { name: name.into(), colours: Box::new(std::array::from_fn(colour)), diverging }
}

fn maps() -> Vec<ColourMap> {
    vec![
        map("gray", &[(0.0, [0; 3]), (1.0, [255; 3])], false),
        map("rainbow", &[(0.0, [0, 0, 128]), (0.4, [0, 220, 220]), (0.7, [255, 255, 0]), (1.0, [128, 0, 0])], false),
        map("fire", &[(0.0, [0, 0, 0]), (0.4, [200, 0, 0]), (0.8, [255, 220, 0]), (1.0, [255, 255, 220])], false),
        map("signed", &[(0.0, [0, 0, 160]), (0.5, [250, 250, 250]), (1.0, [160, 0, 0])], true),
    ]
}

/// One long record (time, distance) of places with a level of their own and things that move, cut into pictures.
fn fields(count: usize, rows: usize, columns: usize) -> Vec<Vec<u8>> {
    let mut random = Random(7);
    let level: Vec<f64> = (0..columns).map(|_| 50.0 + 30.0 * random.next()).collect();
    let movers: Vec<(f64, f64, f64)> = (0..3 * count)
        .map(|_| (random.next() * (count * rows) as f64, random.next() * columns as f64, 2.0 * random.next() - 1.0))
        .collect();
    let mut value = |t: usize, x: usize| {
        let moving = movers.iter().any(|(t0, x0, v)| {
            let since = t as f64 - t0;
            (0.0..2.0 * rows as f64).contains(&since) && (x0 + v * since - x as f64).abs() < 2.0
        });
        (level[x] + 30.0 * random.next() + if moving { 110.0 } else { 0.0 }).min(255.0) as u8
    };
    (0..count).map(|k| (0..rows * columns).map(|i| value(k * rows + i / columns, i % columns)).collect()).collect()
}

/// A picture with its values' plot turned along `axis`.
fn draw(field: &[u8], (rows, columns): (usize, usize), map: &ColourMap, axis: TimeAxis) -> (usize, usize, Vec<Rgb>) {
    let turned = matches!(axis, TimeAxis::Right | TimeAxis::Left);
    let (h, w) = if turned { (columns, rows) } else { (rows, columns) };
    let value = |x: usize, y: usize| match axis {
        TimeAxis::Down => field[y * columns + x],
        TimeAxis::Up => field[(rows - 1 - y) * columns + x],
        TimeAxis::Right => field[x * columns + y],
        TimeAxis::Left => field[(rows - 1 - x) * columns + y],
    };
    (w, h, (0..w * h).map(|i| map.colours[usize::from(value(i % w, i / w))]).collect())
}

/// The plot on a ground with a frame line, some "text" and a colour bar on the right.
fn framed((w, h, plot): (usize, usize, Vec<Rgb>), map: &ColourMap, ground: Rgb, ink: Rgb) -> (Picture, Rect) {
    let (left, top, width, height) = (31, 24, w + 130, h + 70);
    let mut pixels = vec![ground; width * height];
    let mut put = |x: usize, y: usize, colour: Rgb| pixels[y * width + x] = colour;
    for x in left - 1..=left + w {
        (put)(x, top - 1, ink);
        (put)(x, top + h, ink);
    }
    for y in top - 1..=top + h {
        (put)(left - 1, y, ink);
        (put)(left + w, y, ink);
    }
    for (i, &color) in plot.iter().enumerate().take(w * h) {
        (put)(left + i % w, top + i / w, color);
    }
    for i in 0..40 {
        (put)(left + 2 * i, 8 + i % 5, ink);
        (put)(8 + i % 7, top + i, ink);
    }
    for y in 0..h {
        (0..14).for_each(|x| put(left + w + 40 + x, top + y, map.colours[255 - y * 255 / (h - 1)]));
    }
    let rect = Rect { top, bottom: top + h, left, right: left + w };
    (Picture::new(width, height, pixels.into_flattened()).expect("lengths fit"), rect)
}

const SIZE: (usize, usize) = (100, 300);

fn look(pictures: &[Picture]) -> Findings {
    recognize(pictures, &vec![true; pictures.len()], &maps()).expect("pictures of one size")
}

#[test]
fn bare_plots_in_every_direction() {
    for (name, axis) in TimeAxis::NAMES {
        let pictures: Vec<Picture> = fields(8, SIZE.0, SIZE.1)
            .iter()
            .map(|f| draw(f, SIZE, &maps()[1], axis))
            .map(|(w, h, p)| Picture::new(w, h, p.into_flattened()).expect("lengths fit"))
            .collect();
        let found = look(&pictures);
        let whole = Rect { top: 0, bottom: pictures[0].height(), left: 0, right: pictures[0].width() };
        assert_eq!((found.plot.value, found.plot.confidence), (whole, Confidence::Sure), "{name}: the whole picture");
        assert_eq!(found.map.value.as_ref().and_then(|m| m.name.as_deref()), Some("rainbow"), "{name}: map");
        assert_eq!(found.time_axis.value, axis, "{name}: {}", found.time_axis.why);
        assert!(found.time_axis.confidence >= Confidence::Likely, "{name}: {}", found.time_axis.why);
    }
}

#[test]
fn frames_are_left_outside_on_light_and_dark_ground() {
    for (ground, ink) in [([255; 3], [0; 3]), ([30; 3], [255; 3]), ([0; 3], [255; 3])] {
        for k in 0..3 {
            let map = &maps()[k];
            let fields = fields(6, SIZE.0, SIZE.1);
            let all: Vec<(Picture, Rect)> =
                fields.iter().map(|f| framed(draw(f, SIZE, map, TimeAxis::Down), map, ground, ink)).collect();
            let pictures: Vec<Picture> = all.iter().map(|a| a.0.clone()).collect();
            for (some, said) in [(&pictures[..], "six pictures"), (&pictures[..1], "one picture")] {
                let found = look(some);
                assert_eq!(found.plot.value, all[0].1, "{} on {ground:?}, {said}: {}", map.name, found.plot.why);
                let chosen = found.map.value.expect("a map");
                assert_eq!((chosen.name.as_deref(), chosen.reversed), (Some(map.name.as_str()), false), "{said}");
                assert!(found.bar.is_some_and(|b| b.vertical), "{} on {ground:?}, {said}: the colour bar", map.name);
            }
        }
    }
}

#[test]
fn a_bar_tells_which_end_is_high() {
    let map = &maps()[2];
    let mut backwards = map.clone();
    backwards.colours.reverse();
    let fields = fields(4, SIZE.0, SIZE.1);
    let pictures: Vec<Picture> = fields
        .iter()
        .map(|f| framed(draw(f, SIZE, &backwards, TimeAxis::Down), &backwards, [255; 3], [0; 3]).0)
        .collect();
    let chosen = look(&pictures).map.value.expect("a map");
    assert_eq!((chosen.name.as_deref(), chosen.reversed), (Some("fire"), true), "backwards");
}

#[test]
fn an_unknown_map_comes_from_the_bar_or_is_doubtful() {
    let unknown = map("unknown", &[(0.0, [90, 0, 90]), (0.5, [0, 120, 0]), (1.0, [255, 170, 255])], false);
    let fields = fields(4, SIZE.0, SIZE.1);
    let with_bar: Vec<Picture> =
        fields.iter().map(|f| framed(draw(f, SIZE, &unknown, TimeAxis::Down), &unknown, [255; 3], [0; 3]).0).collect();
    let found = look(&with_bar);
    let chosen = found.map.value.expect("the bar's");
    assert!(chosen.name.is_none() && found.map.confidence >= Confidence::Likely, "{}", found.map.why);
    let far = (0..256).map(|i| chosen.colours[i][0].abs_diff(unknown.colours[i][0])).max();
    assert!(far.is_some_and(|f| f <= 6), "the bar's colours are the map's: {far:?}");
    let bare: Vec<Picture> = fields
        .iter()
        .map(|f| draw(f, SIZE, &unknown, TimeAxis::Down))
        .map(|(w, h, p)| Picture::new(w, h, p.into_flattened()).expect("lengths fit"))
        .collect();
    let found = look(&bare);
    assert_eq!(found.map.confidence, Confidence::Doubtful, "nothing shows it: {}", found.map.why);
}

#[test]
fn signed_values_are_told_from_levels() {
    let map = &maps()[3];
    let mut random = Random(3);
    let mut noise = || {
        let field: Vec<u8> = (0..SIZE.0 * SIZE.1)
            .map(|_| (128.0 + 60.0 * (random.next() + random.next() + random.next() - 1.5)) as u8)
            .collect();
        let (w, h, p) = draw(&field, SIZE, map, TimeAxis::Down);
        Picture::new(w, h, p.into_flattened()).expect("lengths fit")
    };
    let found = look(&[noise(), noise(), noise()]);
    assert!(found.diverging.value && found.diverging.confidence >= Confidence::Likely, "{}", found.diverging.why);
    assert_eq!(found.time_axis.confidence, Confidence::Doubtful, "noise has no direction: {}", found.time_axis.why);
}

#[test]
fn pictures_without_a_plot_do_no_harm() {
    assert_eq!(recognize(&[], &[], &maps()), None, "no picture");
    for (w, h) in [(1, 1), (2, 1), (1, 40), (40, 1), (3, 3), (17, 5)] {
        for colour in [[0; 3], [255, 0, 255]] {
            let picture = Picture::new(w, h, vec![colour; w * h].into_flattened()).expect("lengths fit");
            let found = look(&[picture.clone(), picture]);
            assert_eq!(found.time_axis.confidence, Confidence::Doubtful, "{w} x {h}");
        }
    }
    assert_eq!(Picture::new(2, 2, vec![0; 11]), None, "a byte too few");
}
