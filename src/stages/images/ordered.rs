//! Work that many threads claim item by item, and that one gets back in order.
//!
//! A batch is no barrier: while its slowest item is worked on, the other threads go on with items of the batches after it, as
//! far ahead as memory allows.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use rayon::ThreadPool;

use crate::error::{Error, Result};

/// What the thread that hands out items hears.
enum Message<T> {
    /// An item is done; `None` where the work panicked.
    Done(usize, Option<T>),
    /// So many items left the queue.
    Taken(usize),
    /// Nobody wants more.
    Stop,
}

/// Items on their way from the workers to whoever takes them.
pub(super) struct Ordered<T> {
    to_own: Sender<Message<T>>,
    messages: Receiver<Message<T>>,
}

/// Tells that items were taken, so that others may be begun in their place; dropped, it ends the work.
pub(super) struct Taker<T>(Sender<Message<T>>);

impl<T> Taker<T> {
    /// So many more items left the queue.
    pub(super) fn taken(&self, items: usize) {
        // Fails only where all items are done.
        let _ = self.0.send(Message::Taken(items));
    }
}

impl<T> Drop for Taker<T> {
    fn drop(&mut self) {
        let _ = self.0.send(Message::Stop);
    }
}

/// How the threads fared.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Fared {
    /// Time during which not one item was being worked on, because as many as may wait did.
    pub(super) waited: Duration,
    /// Items that were begun while an earlier one was not done: on one thread none.
    pub(super) overtaking: usize,
}

impl<T: Send> Ordered<T> {
    /// A queue, and what tells it that items were taken out of it.
    pub(super) fn new() -> (Self, Taker<T>) {
        let (to_own, messages) = channel();
        let taker = Taker(to_own.clone());
        (Self { to_own, messages }, taker)
    }

    /// Does `work` on the items 0, 1, ... on the pool's threads, hands the results to `deliver` in this order, and returns how the
    /// threads fared. At most `ahead` items are begun before they are taken. Ends early where `deliver` says false, or the
    /// taker is gone.
    ///
    /// # Errors
    /// That of `deliver`; [`Error::Worker`] where the work panics.
    pub(super) fn run(
        self,
        pool: &ThreadPool,
        items: usize,
        ahead: usize,
        work: impl Fn(usize) -> T + Sync,
        mut deliver: impl FnMut(usize, T) -> Result<bool>,
    ) -> Result<Fared> {
        let Self { to_own, messages } = self;
        // One item for each thread, and one more that it finds when it is done. Not more: others share the threads.
        let at_once = 2 * pool.current_num_threads();
        let mut fared = Fared::default();
        let (mut claimed, mut delivered, mut taken, mut running) = (0, 0, 0, 0);
        let mut done: VecDeque<Option<T>> = VecDeque::new();
        let work = &work;
        pool.in_place_scope_fifo(|scope| {
            while delivered < items {
                while running < at_once && claimed < items && claimed - taken < ahead.max(1) {
                    let (item, to_own) = (claimed, to_own.clone());
                    fared.overtaking += usize::from(running > 0);
                    scope.spawn_fifo(move |_| {
                        let result = catch_unwind(AssertUnwindSafe(|| work(item))).ok();
                        // Fails only where nobody wants it any more.
                        let _ = to_own.send(Message::Done(item, result));
                    });
                    done.push_back(None);
                    (claimed, running) = (claimed + 1, running + 1);
                }
                let start = Instant::now();
                let message = messages.recv().unwrap_or(Message::Stop);
                if running == 0 {
                    fared.waited += start.elapsed();
                }
                match message {
                    Message::Taken(items) => taken += items,
                    Message::Stop => return Ok(fared),
                    Message::Done(_, None) => return Err(Error::Worker),
                    Message::Done(item, result) => {
                        running -= 1;
                        done[item - delivered] = result;
                    }
                }
                while let Some(result) = done.front_mut().and_then(Option::take) {
                    done.pop_front();
                    if !deliver(delivered, result)? {
                        return Ok(fared);
                    }
                    delivered += 1;
                }
            }
            Ok(fared)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Condvar, Mutex};

    use super::*;

    fn pool(threads: usize) -> ThreadPool {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads")
    }

    /// Items that are being waited for by others.
    #[derive(Default)]
    struct Begun(Mutex<Vec<usize>>, Condvar);

    impl Begun {
        fn begin(&self, item: usize) {
            self.0.lock().expect("no panic").push(item);
            self.1.notify_all();
        }

        fn waits_for(&self, item: usize, long: Duration) -> bool {
            let list = self.0.lock().expect("no panic");
            let (list, _) = self.1.wait_timeout_while(list, long, |l| !l.contains(&item)).expect("no panic");
            list.contains(&item)
        }
    }

    #[test]
    fn results_come_in_order() {
        for threads in [1, 3] {
            let (queue, taker) = Ordered::new();
            let mut got = Vec::new();
            let work = |item: usize| {
                // Every third takes longer than those after it.
                std::thread::sleep(Duration::from_micros(if item.is_multiple_of(3) { 300 } else { 0 }));
                item * item
            };
            let deliver = |item, result| {
                got.push((item, result));
                taker.taken(1);
                Ok(true)
            };
            queue.run(&pool(threads), 50, 4, work, deliver).expect("no error");
            assert_eq!(got, (0..50).map(|i| (i, i * i)).collect::<Vec<_>>(), "{threads} threads");
        }
    }

    /// The slowest item of a batch keeps nobody from the next two: with a barrier after each batch of four this would wait for
    /// ever.
    #[test]
    fn a_slow_item_holds_nobody_up() {
        let begun = Begun::default();
        let (queue, taker) = Ordered::new();
        let work = |item: usize| {
            begun.begin(item);
            item != 0 || begun.waits_for(7, Duration::from_secs(30))
        };
        let deliver = |_, went_on: bool| {
            assert!(went_on, "seven others are begun while the first is not done");
            taker.taken(1);
            Ok(true)
        };
        let fared = queue.run(&pool(2), 40, 8, work, deliver).expect("no error");
        assert!(fared.overtaking >= 7, "they overtake it: {fared:?}");
    }

    /// The negative control: with room for one batch of four alone its slowest item is waited for.
    #[test]
    fn without_room_it_does() {
        let begun = Begun::default();
        let (queue, taker) = Ordered::new();
        let work = |item: usize| {
            begun.begin(item);
            item != 0 || begun.waits_for(4, Duration::from_millis(100))
        };
        let deliver = |item: usize, went_on: bool| {
            assert!(went_on == (item != 0), "the fifth is not begun before the batch is taken");
            if item % 4 == 3 {
                taker.taken(4);
            }
            Ok(true)
        };
        queue.run(&pool(2), 12, 4, work, deliver).expect("no error");
    }

    #[test]
    fn no_more_than_the_room_is_begun() {
        let (queue, taker) = Ordered::new();
        let begun = AtomicUsize::new(0);
        let mut delivered = 0usize;
        let deliver = |_, ()| {
            delivered += 1;
            assert!(begun.load(Ordering::Relaxed) <= 4 * delivered.div_ceil(4), "at most a batch of four is begun");
            if delivered.is_multiple_of(4) {
                taker.taken(4);
            }
            Ok(true)
        };
        let work = |_| {
            begun.fetch_add(1, Ordering::Relaxed);
        };
        queue.run(&pool(2), 40, 4, work, deliver).expect("no error");
        assert_eq!(begun.into_inner(), 40, "all are done in the end");
    }

    #[test]
    fn it_ends_with_its_taker_and_with_a_panic() {
        let (queue, taker) = Ordered::new();
        drop(taker);
        queue.run(&pool(2), 100, 2, |item| item, |_, _| Ok(true)).expect("nobody wants more");
        let (queue, _taker) = Ordered::new();
        let work = |item: usize| assert!(item != 3, "a mistake");
        let result = queue.run(&pool(2), 100, 100, work, |_, ()| Ok(true));
        assert!(matches!(result, Err(Error::Worker)), "a panic is an error of the program: {result:?}");
    }
}
