//! One screenshot with its crop, and what was recognised inside it: shows whether crop and colour map are right.

use image::RgbImage;

use super::axis::{Axis, Panel, color_bar, header};
use super::canvas::{Canvas, Rect, Stroke};
use super::palette::{Rgb, SOFT, WHITE, table};
use super::text::{Text, fit_text};
use scatterfall_colormap::Colormap;
use scatterfall_recognize::TimeAxis;
use scatterfall_timestamps::{Micros, iso};

/// Height of the title, the second line, and the ruler's numbers below them.
const HEADER: f64 = 104.0;
const WIDTH: u32 = 1600;
const LEFT: f64 = 100.0;
const RIGHT: f64 = 1440.0;
const RECOGNISED_HEIGHT: f64 = 430.0;

/// The frame is magenta on white: no usual colour map holds it, and it stands out from both ends of all of them.
const FRAME: Rgb = [255, 0, 200];

/// What the preview shows.
#[derive(Clone, Copy, Debug)]
pub struct Preview<'a> {
    /// Name of the file.
    pub name: &'a str,
    /// Its start, UTC.
    pub time: Micros,
    /// The whole screenshot.
    pub screenshot: &'a RgbImage,
    /// The plot area: first row, row after the last, first column, column after the last.
    pub crop: [usize; 4],
    /// Recognised index of every pixel of the plot area, row by row.
    pub indices: &'a [u8],
    /// The map that the colours were looked up in.
    pub colormap: &'a Colormap,
    /// Decibels of the first and the last colour.
    pub db: (f64, f64),
    /// Mean distance of the plot area's pixels to the map (8-bit RGB units).
    pub residual: f64,
    /// The residual above which an image is left out.
    pub max_residual: f64,
    /// Seconds from the first to the last row.
    pub duration_s: f64,
    /// Kilometres at the left and at the right edge.
    pub distance_km: (f64, f64),
    /// Where time runs in the screenshot.
    pub time_axis: TimeAxis,
    /// What is wrong, in words.
    pub problem: Option<&'a str>,
}

/// Draws the screenshot with the crop rectangle, and below it the plot area as it was recognised.
pub fn preview(input: &Preview<'_>) -> Canvas {
    let (width, height) = (f64::from(input.screenshot.width()), f64::from(input.screenshot.height()));
    // As wide as the panel below; portrait screenshots are limited by their height instead.
    let zoom = ((RIGHT - LEFT) / width.max(1.0)).min(900.0 / height.max(1.0));
    let shot = Rect::new(LEFT, HEADER, LEFT + width * zoom, HEADER + height * zoom);
    let top = shot.bottom + 100.0;
    let mut canvas = Canvas::new(WIDTH, (top + RECOGNISED_HEIGHT + 80.0) as u32);
    header(&mut canvas, LEFT, &format!("Preview of {}", input.name), &format!("start {}", iso(input.time)));
    canvas.cells(shot, (width as usize, height as usize), |x, y| {
        let place = (u32::try_from(x).ok()?, u32::try_from(y).ok()?);
        input.screenshot.get_pixel_checked(place.0, place.1).map(|p| p.0)
    });
    canvas.outline(shot, Stroke::new(SOFT, 1.0));
    let [first_row, end_row, first_column, end_column] = input.crop.map(|v| v as f64 * zoom);
    let frame = Rect::new(LEFT + first_column, HEADER + first_row, LEFT + end_column, HEADER + end_row);
    canvas.outline(frame, Stroke::new(WHITE, 5.0));
    canvas.outline(frame, Stroke::new(FRAME, 3.0));
    rulers(&mut canvas, shot, (width, height));
    arrow(&mut canvas, frame, input.time_axis);

    let [first_row, end_row, first_column, end_column] = input.crop;
    let (high, wide) = (end_row.saturating_sub(first_row), end_column.saturating_sub(first_column));
    let turned = matches!(input.time_axis, TimeAxis::Right | TimeAxis::Left);
    let (rows, columns) = if turned { (wide, high) } else { (high, wide) };
    let words = format!(
        "Recognised: rows {first_row} to {end_row}, columns {first_column} to {end_column} ({rows} x {columns} pixels)"
    );
    canvas.text(&words, (LEFT, top - 62.0), Text::new(23.0));
    let verdict = match input.residual {
        r if r > input.max_residual => "above the limit: such an image is left out",
        r if r > input.max_residual / 4.0 => "high: check the crop rectangle and the colour map",
        _ => "good",
    };
    let residual = input.problem.map(ToOwned::to_owned).unwrap_or_else(|| {
        format!(
            "mean distance to the colour map {:.2} (8-bit RGB; limit {}): {verdict}",
            input.residual, input.max_residual
        )
    });
    canvas.text(&fit_text(&residual, 19.0, RIGHT - LEFT), (LEFT, top - 28.0), Text::new(19.0).color(SOFT));
    let panel = Panel {
        rect: Rect::new(LEFT, top, RIGHT, top + RECOGNISED_HEIGHT),
        x: Axis::linear(input.distance_km.0, input.distance_km.1),
        y: Axis::linear(input.duration_s, 0.0),
    };
    panel.draw_x(&mut canvas, &panel.x.ticks(12), "distance (km)");
    panel.draw_y(&mut canvas, &panel.y.ticks(7), "time (s)");
    let colors = table(input.colormap);
    canvas.cells(panel.rect, (columns, rows), |x, y| Some(colors[usize::from(*input.indices.get(y * columns + x)?)]));
    panel.frame(&mut canvas);
    color_bar(
        &mut canvas,
        Rect::new(RIGHT + 26.0, panel.rect.top, RIGHT + 50.0, panel.rect.bottom),
        &colors,
        input.db,
        "dB",
    );
    canvas
}

/// Marks pixels along the top and the left edge of the screenshot, so that edges can be read off.
fn rulers(canvas: &mut Canvas, shot: Rect, (width, height): (f64, f64)) {
    let (across, down) = (Axis::linear(0.0, width.max(1.0)), Axis::linear(0.0, height.max(1.0)));
    // As many numbers as there is room for.
    let room = |length: f64, each: f64, most: usize| ((length / each) as usize).clamp(1, most);
    for tick in across.ticks(room(shot.width(), 70.0, 14)) {
        let x = shot.left + across.place(tick.at) * shot.width();
        canvas.line(&[(x, shot.top - 7.0), (x, shot.top)], Stroke::new(SOFT, 1.5));
        if x > shot.left + 1.0 && x < shot.right - 30.0 {
            canvas.text(&tick.label, (x + 3.0, shot.top - 16.0), Text::new(13.0).color(SOFT));
        }
    }
    for tick in down.ticks(room(shot.height(), 40.0, 8)) {
        let y = shot.top + down.place(tick.at) * shot.height();
        canvas.line(&[(shot.left - 7.0, y), (shot.left, y)], Stroke::new(SOFT, 1.5));
        canvas.text(&tick.label, (shot.left - 48.0, y - 7.0), Text::new(13.0).color(SOFT));
    }
}

/// An arrow in the plot's middle, from earlier to later.
fn arrow(canvas: &mut Canvas, frame: Rect, axis: TimeAxis) {
    let middle = ((frame.left + frame.right) / 2.0, (frame.top + frame.bottom) / 2.0);
    let half = 0.3 * frame.width().min(frame.height());
    let (dx, dy) = match axis {
        TimeAxis::Down => (0.0, 1.0),
        TimeAxis::Up => (0.0, -1.0),
        TimeAxis::Right => (1.0, 0.0),
        TimeAxis::Left => (-1.0, 0.0),
    };
    let at = |along: f64, across: f64| {
        (middle.0 + dx * along * half - dy * across * half, middle.1 + dy * along * half + dx * across * half)
    };
    for stroke in [Stroke::new(WHITE, 7.0), Stroke::new(FRAME, 4.0)] {
        canvas.line(&[at(-1.0, 0.0), at(1.0, 0.0)], stroke);
        canvas.line(&[at(0.7, 0.2), at(1.0, 0.0), at(0.7, -0.2)], stroke);
    }
}

#[cfg(test)]
mod tests {
    use super::super::canvas::tests::{check_texts, count, says};
    use super::*;

    #[test]
    fn crop_and_indices_are_shown() {
        let map = Colormap::builtin("jet").expect("comes with the program");
        for (width, height) in [(1920, 800), (300, 200), (200, 1400)] {
            let screenshot = RgbImage::from_pixel(width, height, image::Rgb([250, 250, 250]));
            let (w, h) = (width as usize, height as usize);
            let crop = [h / 5, h * 4 / 5, w / 10, w * 9 / 10];
            let indices = vec![128; (crop[1] - crop[0]) * (crop[3] - crop[2])];
            let canvas = preview(&Preview {
                name: "<img src=x onerror=alert(1)>_20250515_000000.png",
                time: 0,
                screenshot: &screenshot,
                crop,
                indices: &indices,
                colormap: &map,
                db: (-113.0, -35.0),
                residual: 11.0,
                max_residual: 40.0,
                duration_s: 60.0,
                distance_km: (0.0, 20.0),
                time_axis: TimeAxis::Down,
                problem: None,
            });
            check_texts(&canvas);
            assert!(says(&canvas, "distance (km)") && says(&canvas, "time (s)") && says(&canvas, "dB"), "axes");
            assert!(says(&canvas, "check the crop"), "11 is above a quarter of 40");
            let picture = canvas.finish().expect("drawn");
            assert!(count(&picture, map.color(128)) > 400_000, "the recognised area: 1340 x 430 pixels");
            assert!(count(&picture, FRAME) > 500, "the frame");
        }
    }
}
