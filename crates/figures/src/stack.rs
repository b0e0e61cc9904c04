//! Waterfalls of several images under each other, with the rows of one cluster marked.

use super::axis::{Axis, HEADER, Panel, color_bar, header};
use super::canvas::{Canvas, Rect, Stroke};
use super::palette::{SOFT, WHITE, cluster_name, table};
use super::text::{Anchor, Text};
use super::time_axis::counted;
use super::waterfall::{Scene, Waterfall, capital};
use scatterfall_timestamps::iso;

/// One row: which image of the group it is in, where its segment begins, its cluster.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mark {
    /// Index into the group's images.
    pub image: usize,
    /// Start of the segment, km.
    pub distance_km: f64,
    /// Cluster; negative: none.
    pub label: i32,
}

/// A group of images under each other, on which the rows of single clusters are marked.
///
/// The waterfalls are drawn once; [`Stack::marked`] then makes one picture a cluster.
pub struct Stack<'a> {
    scene: Scene<'a>,
    sheet: Canvas,
    panels: Vec<Panel>,
    name: String,
}

const STACK_LEFT: f64 = 130.0;
const STACK_RIGHT: f64 = 1430.0;

impl<'a> Stack<'a> {
    /// Draws the waterfalls of a group, the earliest on top.
    pub fn new(images: &[Waterfall<'_>], scene: Scene<'a>) -> Self {
        let each = (900.0 / images.len().max(1) as f64).clamp(60.0, 300.0);
        let bottom = HEADER + each * images.len().max(1) as f64;
        let mut sheet = Canvas::new(1600, (bottom + 80.0) as u32);
        let colors = table(scene.colormap);
        let mut panels = Vec::new();
        for (i, image) in images.iter().enumerate() {
            let top = HEADER + each * i as f64;
            let rect = Rect::new(STACK_LEFT, top, STACK_RIGHT, top + each - 5.0);
            let x = Axis::linear(scene.distance_km.0, scene.distance_km.1);
            let panel = Panel { rect, x, y: Axis::linear(scene.duration_s, 0.0) };
            image.paint(&mut sheet, rect, &colors);
            panel.frame(&mut sheet);
            let clock = iso(image.time);
            let middle = (rect.top + rect.bottom) / 2.0;
            let (date, time) = clock.split_once('T').unwrap_or((&clock, ""));
            let style = Text::new(18.0).anchor(Anchor::End);
            sheet.text(time.trim_end_matches('Z'), (rect.left - 12.0, middle - 11.0), style);
            sheet.text(date, (rect.left - 12.0, middle + 12.0), style.color(SOFT));
            panels.push(panel);
        }
        if let Some(last) = panels.last() {
            let below = Panel { rect: Rect { top: last.rect.bottom, ..last.rect }, ..*last };
            below.draw_x(&mut sheet, &below.x.ticks(12), "distance (km)");
        }
        let bar = Rect::new(STACK_RIGHT + 26.0, HEADER, STACK_RIGHT + 48.0, bottom - 5.0);
        color_bar(&mut sheet, bar, &colors, scene.db, "dB");
        let name = match (images.first(), images.last()) {
            (Some(a), Some(b)) if images.len() > 1 => {
                format!("{} images, {} to {}", images.len(), iso(a.time), iso(b.time))
            }
            (Some(a), _) => iso(a.time),
            _ => "no images".to_owned(),
        };
        Self { scene, sheet, panels, name }
    }

    /// The picture with the rows of cluster `label` marked: a dot at the start of each segment, a line along it.
    pub fn marked(&self, marks: &[Mark], label: i32) -> Canvas {
        let mut canvas = self.sheet.clone();
        let mut count = 0;
        for mark in marks.iter().filter(|m| m.label == label && m.distance_km.is_finite()) {
            let Some(panel) = self.panels.get(mark.image) else { continue };
            count += 1;
            let y = (panel.rect.top + panel.rect.bottom) / 2.0;
            let right = panel.px(mark.distance_km + self.scene.segment_km).min(panel.rect.right);
            let start = (panel.px(mark.distance_km).clamp(panel.rect.left, panel.rect.right), y);
            canvas.line(&[start, (right, y)], Stroke::new(WHITE, 5.0));
            canvas.line(&[start, (right, y)], Stroke::new([0; 3], 2.5));
            canvas.dot(start, 10.0, WHITE, 1.0);
            canvas.dot(start, 7.5, [0; 3], 1.0);
        }
        let title = format!("{}: {}", capital(&cluster_name(label)), counted(count, "row"));
        header(&mut canvas, STACK_LEFT, &title, &format!("{}; dot: start of the segment, line: its extent", self.name));
        canvas
    }
}

#[cfg(test)]
mod tests {
    use super::super::canvas::tests::{check_texts, count, says};
    use super::super::waterfall::tests::{SCENE, image};
    use super::*;

    #[test]
    fn stacks_mark_one_cluster() {
        let indices = vec![128; 53 * 200];
        for n in [0, 1, 5, 40] {
            let stack = Stack::new(&vec![image(&indices); n], SCENE);
            let mark = |i: usize, label| Mark { image: i, distance_km: 2.4 * i as f64, label };
            let marks: Vec<Mark> = (0..n).flat_map(|i| [mark(i, 0), mark(i, 1)]).chain([mark(99, 0)]).collect();
            let canvas = stack.marked(&marks, 0);
            check_texts(&canvas);
            assert!(says(&canvas, &counted(n, "row")) && says(&canvas, "dB"), "the marks are counted");
            let black = count(&canvas.finish().expect("drawn"), [0; 3]);
            let unmarked = count(&stack.marked(&marks, 7).finish().expect("drawn"), [0; 3]);
            assert!(n == 0 || black > unmarked + 100, "marks are drawn");
        }
    }
}
