//! The pictures: pure functions from data in memory to a [`Canvas`], which is then saved as a PNG.
//!
//! Every picture has a plain input struct of slices and numbers and a function that draws it; nothing here reads a
//! file or a configuration. `plotters` rasterises lines and shapes; layout, ticks and text are done here, because its
//! charts can neither break a time axis at days nor reserve exactly the room that the labels need.

pub mod axis;
pub mod canvas;
pub mod counts;
pub mod palette;
pub mod scattergram;
pub mod time_axis;

pub use canvas::Canvas;
