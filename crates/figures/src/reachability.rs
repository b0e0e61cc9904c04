//! The order of OPTICS: valleys are kinds of events, and eps is chosen as a level above them.

use super::axis::{Axis, HEADER, Panel, header, legend};
use super::canvas::{Canvas, Rect, Stroke};
use super::palette::{INK, NO_CLUSTER, cluster};
use super::time_axis::counted;

/// Kinds that the legend names.
const MAX_NAMED: usize = 12;

/// Bars of the reachability of each event in its order (`None`: the first of a heap, drawn to the top) in the colour of
/// its kind (from 1 on; noise is grey), and the level `eps` at which the kinds were cut.
pub fn reachability(order: &[(Option<f64>, Option<usize>)], eps: f64) -> Canvas {
    let mut canvas = Canvas::new(1600, 640);
    let top = order.iter().filter_map(|(r, _)| *r).fold(eps, f64::max) * 1.08;
    let panel = Panel {
        rect: Rect::new(110.0, HEADER + 34.0, 1560.0, 560.0),
        x: Axis::linear(0.0, order.len().max(1) as f64),
        y: Axis::linear(0.0, top),
    };
    let mut kinds: Vec<Option<usize>> = Vec::new();
    for (i, &(reached, kind)) in order.iter().enumerate() {
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
        let (left, right) = (panel.px(i as f64), panel.px((i + 1) as f64));
        let height = panel.py(reached.unwrap_or(top).min(top));
        canvas.fill(Rect::new(left, height, right.max(left + 1.0), panel.rect.bottom), color(kind), 1.0);
    }
    panel.line(&mut canvas, [(0.0, eps), (order.len().max(1) as f64, eps)], Stroke::new(INK, 2.0));
    panel.draw_x(&mut canvas, &panel.x.ticks(10), "event, in the order of OPTICS");
    panel.draw_y(&mut canvas, &panel.y.ticks(6), "reachability");
    panel.frame(&mut canvas);
    kinds.sort_unstable_by_key(|k| k.unwrap_or(usize::MAX));
    let found = kinds.iter().flatten().count();
    let named: Vec<_> = kinds.iter().take(MAX_NAMED).map(|&k| (color(k), name(k))).collect();
    legend(&mut canvas, (panel.rect.left, HEADER + 10.0), panel.rect.right, &named);
    let subtitle = format!(
        "{} in {} at eps = {eps}; valleys are kinds, a full bar begins one",
        counted(order.len(), "event"),
        counted(found, "kind")
    );
    header(&mut canvas, panel.rect.left, "Reachability of the events", &subtitle);
    canvas
}

fn color(kind: Option<usize>) -> super::palette::Rgb {
    kind.map_or(NO_CLUSTER, |k| cluster(i32::try_from(k).unwrap_or(i32::MAX)))
}

fn name(kind: Option<usize>) -> String {
    kind.map_or_else(|| "none".to_owned(), |k| format!("kind {k}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valleys_have_the_colours_of_their_kinds() {
        let mut order = vec![(None, Some(1)); 1];
        order.extend([(Some(0.1), Some(1)); 9]);
        order.extend([(None, None), (Some(0.9), None)]);
        let image = reachability(&order, 0.5).finish().expect("drawn");
        let count = |colour: super::super::palette::Rgb| image.pixels().filter(|p| p.0[..3] == colour).count();
        assert!(count(cluster(1)) > 1000, "the kind");
        assert!(count(NO_CLUSTER) > 1000, "what has none");
        assert!(count(cluster(2)) < 50, "no other");
    }

    #[test]
    fn nothing_is_drawn_as_an_empty_panel() {
        reachability(&[], 0.5);
    }
}
