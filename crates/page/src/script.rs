//! Script and style of the page, put together from files by job.

/// The page's script: one function scope, so that nothing leaks into the page.
pub(crate) const SCRIPT: &str = concat!(
    "\"use strict\";\n(() => {\n",
    include_str!("../assets/js/data.js"),
    include_str!("../assets/js/words.js"),
    include_str!("../assets/js/color.js"),
    include_str!("../assets/js/axis.js"),
    include_str!("../assets/js/state.js"),
    include_str!("../assets/js/marks.js"),
    include_str!("../assets/js/timeline.js"),
    include_str!("../assets/js/map_cells.js"),
    include_str!("../assets/js/map.js"),
    include_str!("../assets/js/map_input.js"),
    include_str!("../assets/js/filter.js"),
    include_str!("../assets/js/list.js"),
    include_str!("../assets/js/kinds.js"),
    include_str!("../assets/js/calendar.js"),
    include_str!("../assets/js/waterfall.js"),
    include_str!("../assets/js/detail.js"),
    include_str!("../assets/js/export.js"),
    include_str!("../assets/js/main.js"),
    "})();\n"
);

/// The page's style.
pub(crate) const STYLE: &str = concat!(
    include_str!("../assets/css/base.css"),
    include_str!("../assets/css/map.css"),
    include_str!("../assets/css/events.css"),
    include_str!("../assets/css/print.css"),
);
