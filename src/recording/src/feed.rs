//! Packets on their way from the lcores to the recorder: a fixed number of boxes, made at the start, which go round.
//!
//! An lcore takes a free box, writes a packet into it and puts it into the queue: it waits for nobody and allocates nothing. Where no
//! box is free the packet is lost to the recorder, never to the call. What was lost is remembered as one interval, and the recorder
//! is told of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crossbeam::queue::ArrayQueue;

use crate::frame::{Frame, HeldFrame};
use crate::store::Key;

/// After so many packets what was lost is told, though more wait.
const TELLS_EVERY: u32 = 1_024;

/// A packet and whose it is.
struct Boxed {
    key: Key,
    frame: HeldFrame,
}

struct Shared {
    free: ArrayQueue<Box<Boxed>>,
    full: ArrayQueue<Box<Boxed>>,
    lost: Lost,
}

/// What was lost since the recorder was told. A packet's time is in the interval before it is said that there is one, so that
/// whoever is told that sees it, and an interval is never too short.
struct Lost {
    from: AtomicU64,
    to: AtomicU64,
    is_any: AtomicBool,
}

impl Lost {
    const NOTHING: u64 = u64::MAX;

    #[cold]
    fn note(&self, arrived: u64) {
        self.from.fetch_min(arrived, Ordering::Relaxed);
        self.to.fetch_max(arrived, Ordering::Relaxed);
        self.is_any.store(true, Ordering::Release);
    }

    fn take(&self) -> Option<LostPackets> {
        if !self.is_any.load(Ordering::Relaxed) || !self.is_any.swap(false, Ordering::Acquire) {
            return None;
        }
        let from = self.from.swap(Self::NOTHING, Ordering::Relaxed);
        let to = self.to.swap(0, Ordering::Relaxed);
        // One that is lost meanwhile may have told half of its time, and the rest comes with the next interval; or all of it.
        match (from, to) {
            (Self::NOTHING, 0) => None,
            (Self::NOTHING, to) => Some(LostPackets { from: to, to }),
            (from, to) => Some(LostPackets { from, to: to.max(from) }),
        }
    }
}

/// No box was free: the packet is not recorded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Full;

/// Packets that no box was free for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LostPackets {
    /// When the first of them came, by the clock of [`Frame::arrived`].
    pub from: u64,
    /// And the last.
    pub to: u64,
}

/// The lcores' end. Every lcore has one.
#[derive(Clone)]
pub struct Feed(Arc<Shared>);

/// The recorder's end.
pub struct Intake {
    shared: Arc<Shared>,
    until_told: u32,
}

/// A feed with room for `packets`, 1.5 KB each.
pub fn feed(packets: usize) -> (Feed, Intake) {
    let packets = packets.max(1);
    let free = ArrayQueue::new(packets);
    for _ in 0..packets {
        // There is room for as many as are made.
        let _ = free.push(Box::new(Boxed { key: 0, frame: HeldFrame::empty() }));
    }
    let lost = Lost { from: Lost::NOTHING.into(), to: 0.into(), is_any: false.into() };
    let shared = Arc::new(Shared { free, full: ArrayQueue::new(packets), lost });
    (Feed(Arc::clone(&shared)), Intake { shared, until_told: TELLS_EVERY })
}

impl Feed {
    /// Takes a copy of a packet of a recording. Its time is by whatever clock all lcores share.
    ///
    /// # Errors
    /// [`Full`] where no box is free, or the packet is longer than [`HeldFrame::CAPACITY`]. It is lost then, and remembered.
    #[inline]
    pub fn offer(&self, key: Key, frame: &Frame<'_>) -> Result<(), Full> {
        let Shared { free, full, lost } = &*self.0;
        let Some(mut boxed) = free.pop() else {
            lost.note(frame.arrived());
            return Err(Full);
        };
        boxed.key = key;
        let is_held = boxed.frame.hold(frame);
        // There are no more boxes than the queues have room for.
        let refused = if is_held { full.push(boxed).err() } else { Some(boxed) };
        let Some(boxed) = refused else { return Ok(()) };
        let _ = free.push(boxed);
        lost.note(frame.arrived());
        Err(Full)
    }
}

impl Intake {
    /// The next packet, or what was lost: of that the recorder is told when it has caught up, or after 1024 packets.
    pub fn take(&mut self) -> Option<Taken<'_>> {
        self.until_told -= 1;
        let next = if self.until_told == 0 { None } else { self.shared.full.pop() };
        if let Some(boxed) = next {
            return Some(Taken::Frame(TakenFrame { boxed: Some(boxed), free: &self.shared.free }));
        }
        self.until_told = TELLS_EVERY;
        if let Some(lost) = self.shared.lost.take() {
            return Some(Taken::Lost(lost));
        }
        let boxed = self.shared.full.pop()?;
        Some(Taken::Frame(TakenFrame { boxed: Some(boxed), free: &self.shared.free }))
    }

    /// How many packets wait.
    pub fn waiting(&self) -> usize {
        self.shared.full.len()
    }
}

/// What the recorder takes.
pub enum Taken<'a> {
    /// A packet.
    Frame(TakenFrame<'a>),
    /// Packets were lost.
    Lost(LostPackets),
}

/// A packet in its box, which is free again when this is dropped.
pub struct TakenFrame<'a> {
    boxed: Option<Box<Boxed>>,
    free: &'a ArrayQueue<Box<Boxed>>,
}

impl TakenFrame<'_> {
    /// Whose packet it is.
    pub fn key(&self) -> Key {
        self.boxed.as_ref().map_or(0, |boxed| boxed.key)
    }

    /// The packet, its time as the lcore had it.
    pub fn frame(&self) -> Frame<'_> {
        self.boxed.as_ref().map_or(Frame::EMPTY, |boxed| boxed.frame.frame())
    }
}

impl Drop for TakenFrame<'_> {
    fn drop(&mut self) {
        if let Some(boxed) = self.boxed.take() {
            // It was there before.
            let _ = self.free.push(boxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Channel, Format};

    fn offer(feed: &Feed, arrived: u64, rtp: &[u8]) -> Result<(), Full> {
        feed.offer(arrived % 7, &Frame::invented(Channel::Agent, arrived, Format::Pcmu, rtp).secured(true))
    }

    #[test]
    fn packets_come_out_as_and_in_the_order_in_which_they_went_in_while_boxes_go_round() {
        let (feed, mut intake) = feed(3);
        let mut next = 0;
        for round in 0..100 {
            for nth in 0..3 {
                assert_eq!(offer(&feed, round * 3 + nth, &[nth as u8; 172]), Ok(()));
            }
            assert_eq!(intake.waiting(), 3);
            while let Some(Taken::Frame(taken)) = intake.take() {
                let frame = taken.frame();
                assert_eq!((taken.key(), frame.arrived(), frame.is_secured()), (next % 7, next, true));
                assert_eq!((frame.channel(), frame.rtp()), (Channel::Agent, &[(next % 3) as u8; 172][..]));
                next += 1;
            }
        }
        assert_eq!(next, 300);
    }

    #[test]
    fn what_finds_no_box_is_told_as_one_interval_once_the_recorder_has_caught_up() {
        let (feed, mut intake) = feed(2);
        let taken = [5, 6, 9, 8, 12].map(|arrived| offer(&feed, arrived, b"rtp"));
        assert_eq!(taken, [Ok(()), Ok(()), Err(Full), Err(Full), Err(Full)]);
        assert!(matches!(intake.take(), Some(Taken::Frame(_))));
        assert!(matches!(intake.take(), Some(Taken::Frame(_))));
        let lost = LostPackets { from: 8, to: 12 };
        assert!(matches!(intake.take(), Some(Taken::Lost(told)) if told == lost));
        assert!(intake.take().is_none());
        assert_eq!(offer(&feed, 13, b"rtp"), Ok(()), "the boxes are free again");
    }

    #[test]
    fn what_is_lost_is_told_though_the_recorder_never_catches_up() {
        let (feed, mut intake) = feed(2);
        let mut told = 0;
        for arrived in 0..10_000 {
            while offer(&feed, arrived, b"rtp").is_ok() {}
            told += u32::from(matches!(intake.take(), Some(Taken::Lost(_))));
        }
        assert_eq!(told, 10_000 / TELLS_EVERY);
    }

    #[test]
    fn a_packet_that_fits_no_box_is_lost_alone() {
        let (feed, mut intake) = feed(1);
        assert_eq!(offer(&feed, 1, &[0; HeldFrame::CAPACITY + 1]), Err(Full));
        assert_eq!(offer(&feed, 2, &[0; HeldFrame::CAPACITY]), Ok(()));
        assert!(matches!(intake.take(), Some(Taken::Frame(_))));
        assert!(matches!(intake.take(), Some(Taken::Lost(LostPackets { from: 1, to: 1 }))));
    }

    /// Four lcores offer as fast as they can to a recorder that is slower.
    #[test]
    fn every_packet_of_several_threads_that_found_a_box_comes_out_once_and_losses_are_told() {
        let (feed, mut intake) = feed(64);
        let each = 50_000_u64;
        let lcores = (0..4_u64).map(|lcore| {
            let feed = feed.clone();
            std::thread::spawn(move || {
                let offered =
                    (0..each).filter(|nth| offer(&feed, lcore * each + nth, &nth.to_be_bytes()).is_ok());
                offered.count() as u64
            })
        });
        let lcores: Vec<_> = lcores.collect();
        let (mut out, mut lost, mut last) = (0_u64, false, [None; 4]);
        let mut take = |intake: &mut Intake| {
            while let Some(taken) = intake.take() {
                match taken {
                    Taken::Lost(packets) => {
                        assert!(packets.from <= packets.to && packets.to < 4 * each);
                        lost = true;
                    }
                    Taken::Frame(taken) => {
                        let (arrived, rtp) = (taken.frame().arrived(), taken.frame().rtp().to_vec());
                        let (lcore, nth) = ((arrived / each) as usize, arrived % each);
                        assert_eq!(rtp, nth.to_be_bytes());
                        assert!(last[lcore] < Some(nth), "in order");
                        last[lcore] = Some(nth);
                        out += 1;
                    }
                }
            }
            (out, lost)
        };
        while !lcores.iter().all(|lcore| lcore.is_finished()) {
            take(&mut intake);
        }
        let offered: u64 = lcores.into_iter().map(|lcore| lcore.join().unwrap()).sum();
        let (out, lost) = take(&mut intake);
        assert_eq!((out, lost), (offered, offered < 4 * each));
    }
}
