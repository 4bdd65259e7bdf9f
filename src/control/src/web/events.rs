//! Server-sent events (HTML Living Standard, section 9.2). A channel keeps its last events, so that a page whose
//! connection broke goes on where it was; each subscriber has a bounded queue, and one that does not keep up is dropped: its
//! page connects again, and resumes.

use core::fmt;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};

use hyper::body::Bytes;

/// How long a page waits before it connects again, in milliseconds.
const RETRY_MS: u32 = 1000;

/// The bounds of a channel.
#[derive(Clone, Copy, Debug)]
pub struct ChannelLimits {
    /// Events that a page can catch up with.
    pub history: usize,
    /// Events that wait for one subscriber.
    pub queue: usize,
    /// Subscribers at a time.
    pub subscribers: usize,
}

impl Default for ChannelLimits {
    fn default() -> Self {
        ChannelLimits { history: 64, queue: 64, subscribers: 8 }
    }
}

/// Events for whoever subscribes. Clones are the same channel.
#[derive(Clone, Debug)]
pub struct Channel(Rc<RefCell<Inner>>);

#[derive(Debug)]
struct Inner {
    limits: ChannelLimits,
    /// Tells the numbers of this channel from those of another that a page may remember.
    epoch: u64,
    last: u64,
    history: VecDeque<(u64, Bytes)>,
    subscribers: Vec<Weak<RefCell<Queue>>>,
}

#[derive(Debug, Default)]
struct Queue {
    events: VecDeque<Bytes>,
    end: Option<End>,
    waker: Option<Waker>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    Closed,
    Dropped,
}

/// The channel has all the subscribers that it may have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Full;

/// A subscriber did not keep up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Dropped;

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the subscriber does not keep up")
    }
}

impl core::error::Error for Dropped {}

impl Channel {
    /// A channel without events. `epoch` is never that of another channel: the time in nanoseconds, or random.
    pub fn new(limits: ChannelLimits, epoch: u64) -> Self {
        let (history, subscribers) = (VecDeque::new(), Vec::new());
        Channel(Rc::new(RefCell::new(Inner { limits, epoch, last: 0, history, subscribers })))
    }

    /// Sends an event to all subscribers. Line breaks in `data` reach the page as they are; those in `name` are left out.
    pub fn publish(&self, name: &str, data: &str) {
        let mut inner = self.0.borrow_mut();
        inner.last += 1;
        let event = written(&inner.id(inner.last), name, data);
        let number = inner.last;
        inner.history.push_back((number, event.clone()));
        while inner.history.len() > inner.limits.history {
            inner.history.pop_front();
        }
        let most = inner.limits.queue;
        inner.subscribers.retain(|subscriber| {
            let Some(queue) = subscriber.upgrade() else { return false };
            queue.borrow_mut().push(event.clone(), most)
        });
    }

    /// Sends an event that says nothing but its name, and means nothing later.
    pub fn tell(&self, name: &str) {
        let event = Bytes::from(format!("event: {name}\ndata:\n\n"));
        let mut inner = self.0.borrow_mut();
        let most = inner.limits.queue;
        inner.subscribers.retain(|subscriber| {
            let Some(queue) = subscriber.upgrade() else { return false };
            queue.borrow_mut().push(event.clone(), most)
        });
    }

    /// Keeps no more than the last event: nothing more comes that a page could have missed.
    pub fn forget_all_but_last(&self) {
        let mut inner = self.0.borrow_mut();
        let last = inner.history.pop_back();
        inner.history = last.into_iter().collect();
    }

    /// The id of the last event: what a page that shows all of it subscribes with.
    pub fn last_id(&self) -> String {
        let inner = self.0.borrow();
        inner.id(inner.last)
    }

    /// The events from now on, and those after `last_id` before. Where they are not known any more, or `last_id` is not of
    /// this channel, the first event is one named `reset`: the page has to be loaded again.
    ///
    /// # Errors
    /// When there are too many subscribers.
    pub fn subscribe(&self, last_id: Option<&str>) -> Result<Subscription, Full> {
        let mut inner = self.0.borrow_mut();
        inner.subscribers.retain(|subscriber| subscriber.strong_count() > 0);
        if inner.subscribers.len() >= inner.limits.subscribers {
            return Err(Full);
        }
        let mut events = VecDeque::from([Bytes::from(format!("retry: {RETRY_MS}\n\n"))]);
        match last_id.map(|id| inner.after(id)) {
            None => {}
            Some(Some(first)) => {
                events.extend(
                    inner.history.iter().filter(|(at, _)| *at > first).map(|(_, event)| event.clone()),
                );
            }
            Some(None) => events.push_back(written(&inner.id(inner.last), "reset", "")),
        }
        let queue = Rc::new(RefCell::new(Queue { events, ..Queue::default() }));
        inner.subscribers.push(Rc::downgrade(&queue));
        Ok(Subscription(queue))
    }

    /// Sends all subscribers away: they are given what waits for them, and then the end. Who may subscribe again does.
    pub fn close(&self) {
        for queue in self.0.borrow_mut().subscribers.drain(..).filter_map(|queue| queue.upgrade()) {
            queue.borrow_mut().finish(End::Closed);
        }
    }

    /// Events that wait for the subscriber that has most to read.
    #[cfg(test)]
    pub(crate) fn backlog(&self) -> usize {
        let inner = self.0.borrow();
        let queues = inner.subscribers.iter().filter_map(Weak::upgrade);
        queues.map(|queue| queue.borrow().events.len()).max().unwrap_or(0)
    }

    /// How many subscribe.
    pub fn subscribers(&self) -> usize {
        self.0.borrow().subscribers.iter().filter(|queue| queue.strong_count() > 0).count()
    }
}

impl Inner {
    fn id(&self, number: u64) -> String {
        format!("{:x}-{number}", self.epoch)
    }

    /// The number of `id`, if all events after it are still known.
    fn after(&self, id: &str) -> Option<u64> {
        let (epoch, number) = id.split_once('-')?;
        let number: u64 = number.parse().ok()?;
        let oldest = self.history.front().map_or(self.last + 1, |(oldest, _)| *oldest);
        let known = u64::from_str_radix(epoch, 16) == Ok(self.epoch) && number <= self.last;
        (known && number + 1 >= oldest).then_some(number)
    }
}

/// An event as it goes over the wire.
fn written(id: &str, name: &str, data: &str) -> Bytes {
    let name = name.replace(['\r', '\n'], "");
    let mut event = format!("id: {id}\nevent: {name}\n");
    // A lone CR would end a line as well.
    for line in data.replace("\r\n", "\n").replace('\r', "\n").split('\n') {
        event.push_str("data: ");
        event.push_str(line);
        event.push('\n');
    }
    event.push('\n');
    Bytes::from(event)
}

impl Queue {
    /// False when it is full: then it is over.
    fn push(&mut self, event: Bytes, most: usize) -> bool {
        if self.events.len() >= most {
            self.events.clear();
            self.finish(End::Dropped);
            return false;
        }
        self.events.push_back(event);
        self.wake();
        true
    }

    fn finish(&mut self, end: End) {
        self.end.get_or_insert(end);
        self.wake();
    }

    fn wake(&mut self) {
        // It stays: who cannot send now does not ask again, and has to be told all the same when it is dropped.
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }
}

/// One subscriber's end of a channel. When it is dropped the channel forgets it.
#[derive(Debug)]
pub struct Subscription(Rc<RefCell<Queue>>);

impl Subscription {
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Dropped>> {
        let mut queue = self.0.borrow_mut();
        if !queue.waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            queue.waker = Some(context.waker().clone());
        }
        match (queue.events.pop_front(), queue.end) {
            (Some(event), _) => Poll::Ready(Ok(Some(event))),
            (None, Some(End::Closed)) => Poll::Ready(Ok(None)),
            (None, Some(End::Dropped)) => Poll::Ready(Err(Dropped)),
            (None, None) => Poll::Pending,
        }
    }

    pub(crate) fn pulse(&self) -> Pulse {
        Pulse(Rc::downgrade(&self.0))
    }
}

/// What keeps a subscriber's stream alive.
#[derive(Debug)]
pub(crate) struct Pulse(Weak<RefCell<Queue>>);

impl Pulse {
    /// Sends a comment, unless something is on its way already.
    pub(crate) fn beat(&self) {
        if let Some(queue) = self.0.upgrade() {
            let mut queue = queue.borrow_mut();
            if queue.events.is_empty() && queue.end.is_none() {
                queue.events.push_back(Bytes::from_static(b": \n\n"));
                queue.wake();
            }
        }
    }

    /// Whether the subscriber was dropped because it did not keep up.
    pub(crate) fn was_dropped(&self) -> bool {
        self.0.upgrade().is_some_and(|queue| queue.borrow().end == Some(End::Dropped))
    }
}

#[cfg(test)]
mod tests;
