//! The compiled program on tiny archives, and its numbers against other implementations.
//!
//! - [`book`]: links, commands, options and keys that the documents name
//! - [`cli`]: what every command accepts, says and returns
//! - [`apply`]: new images through a fitted model, and models that are refused
//! - [`bad_input`]: what is left out, and what ends a run, without harm to what is there
//! - [`bench`]: figures of a benchmark
//! - [`stages`]: `run` and its stages write the same bytes, however they are stopped, split or repeated
//! - [`pictures`]: pictures and the report, from stored files, drawn once
//! - [`logs`]: logs and results that nobody can read, and lines that are not ours
//! - [`numerics`]: clusters, hierarchies, densities and components of scikit-learn and SciPy
//! - [`reference`]: golden values of NumPy, scikit-image, scatseisnet and scikit-learn
//! - [`seismograms`]: channels and times that are chosen, bad records, the way to events and the report
//! - [`properties`]: what must hold for any input
//! - [`rank`]: components of coefficients that hold fewer directions
//! - [`crash_recovery`]: kills, full disks, odd files, archives that change: nothing is lost, nothing hangs
//! - [`untrusted`]: what fuzzing reads, and what it found
//! - [`watch`]: a folder that grows: every event once, over kills and restarts
//!
//! [`fixture`] makes archives and runs the program, [`compare`] holds arrays against each other.

mod apply;
mod bad_input;
mod bench;
mod book;
mod cli;
mod compare;
mod crash_recovery;
mod fixture;
mod logs;
mod numerics;
mod pictures;
mod properties;
mod rank;
mod reference;
mod seismograms;
mod stages;
mod untrusted;
mod watch;
