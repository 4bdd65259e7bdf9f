//! What is known of the whole box: counters summed over the threads, depths of rings, and whether it can take calls. Served on
//! the management address as metrics in Prometheus' text format, and to the console.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use handover::{Counter, Counters, LcoreLink};
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{
    CounterVec, Encoder, Gauge as Gauge64, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

use crate::Gauge;
use crate::desk::figures::DeskFigures;
use crate::recordings::RecorderFigures;

/// The counters of every thread, and the rings.
pub(crate) struct Overview {
    counters: Vec<Counters>,
    gauges: Vec<Gauge>,
    lcores: Vec<LcoreLink>,
    /// Connections of clients by HTTP.
    open: AtomicUsize,
    /// What the loop told of payments and presses when it was asked for the metrics.
    told: Mutex<Told>,
    recorder: Option<Arc<RecorderFigures>>,
}

/// What only the loop knows.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) desk: DeskFigures,
    pub(crate) presses: Vec<(&'static str, u64)>,
    pub(crate) merged: u64,
    pub(crate) signed_in: u64,
    pub(crate) sign_ins_refused: u64,
}

impl Overview {
    pub(crate) fn new(counters: Vec<Counters>, gauges: Vec<Gauge>, lcores: Vec<LcoreLink>) -> Self {
        Overview {
            counters,
            gauges,
            lcores,
            open: AtomicUsize::new(0),
            told: Mutex::default(),
            recorder: None,
        }
    }

    /// The recorder's figures among them, where there is one.
    pub(crate) fn recording(self, recorder: Option<Arc<RecorderFigures>>) -> Self {
        Overview { recorder, ..self }
    }

    /// A counter, summed over the threads.
    pub(crate) fn sum(&self, counter: Counter) -> u64 {
        self.counters.iter().fold(0, |sum, own| sum.wrapping_add(own.get(counter)))
    }

    /// Each ring: its name, how many values wait in it, how many it can hold.
    pub(crate) fn rings(&self) -> impl Iterator<Item = (&str, usize, usize)> {
        self.gauges.iter().map(|gauge| (gauge.name.as_str(), (gauge.depth)(), gauge.capacity))
    }

    /// So many clients are connected.
    pub(crate) fn connected(&self, clients: usize) {
        self.open.store(clients, Ordering::Relaxed);
    }

    /// What only the loop knows, for the next who asks.
    pub(crate) fn tell(&self, told: Told) {
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = told;
    }

    /// Why calls should rather go through another box: nothing where this one is well.
    pub(crate) fn faults(&self) -> Vec<&'static str> {
        let lost = self.sum(Counter::LcoresLost) > self.sum(Counter::LcoresBack);
        let panicked = self.sum(Counter::LcorePanics) > 0;
        let faults = [
            (lost, "an lcore stands still: lcores_lost is above lcores_back"),
            (panicked, "an lcore panicked: calls in SecureMode are silenced, see lcore_panics"),
        ];
        faults.into_iter().filter(|(holds, _)| *holds).map(|(_, text)| text).collect()
    }
}

/// The overview as Prometheus reads it.
#[derive(Clone)]
pub(crate) struct Metrics(Registry);

impl Metrics {
    pub(crate) fn new(overview: Arc<Overview>) -> prometheus::Result<Self> {
        let registry = Registry::new();
        let counters = Counter::ALL.iter().map(|&counter| {
            let name = format!("keyhush_{}_total", counter.name());
            Ok((counter, IntCounter::with_opts(Opts::new(name, counter.help()))?))
        });
        let gauge = |name: &str, help: &str| IntGaugeVec::new(Opts::new(name, help), &["ring"]);
        let busy = "Time in which an lcore had something to do.";
        let busy = CounterVec::new(Opts::new("keyhush_lcore_busy_seconds_total", busy), &["lcore"])?;
        let beats = "Turns of an lcore's loop: it lives while they rise.";
        let beats = IntCounterVec::new(Opts::new("keyhush_lcore_beats_total", beats), &["lcore"])?;
        registry.register(Box::new(Collected {
            overview,
            counters: counters.collect::<prometheus::Result<_>>()?,
            open: IntGauge::new(
                "keyhush_web_open_connections",
                "Connections to the pages and to the management address that are open.",
            )?,
            depth: gauge("keyhush_ring_depth", "Values that wait in a ring between threads.")?,
            capacity: gauge("keyhush_ring_capacity", "Values that a ring between threads can hold.")?,
            busy,
            beats,
        }))?;
        Ok(Metrics(registry))
    }

    /// All of it, in Prometheus' text format 0.0.4.
    pub(crate) fn text(&self) -> prometheus::Result<Vec<u8>> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.0.gather(), &mut text)?;
        Ok(text)
    }
}

/// Copies the overview when it is asked for.
struct Collected {
    overview: Arc<Overview>,
    counters: Vec<(Counter, IntCounter)>,
    open: IntGauge,
    depth: IntGaugeVec,
    capacity: IntGaugeVec,
    busy: CounterVec,
    beats: IntCounterVec,
}

impl Collector for Collected {
    fn desc(&self) -> Vec<&Desc> {
        let counters = self.counters.iter().flat_map(|(_, metric)| metric.desc());
        let rings = [self.open.desc(), self.depth.desc(), self.capacity.desc()];
        let lcores = [self.busy.desc(), self.beats.desc()];
        counters.chain(rings.into_iter().flatten()).chain(lcores.into_iter().flatten()).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        for (counter, metric) in &self.counters {
            metric.reset();
            metric.inc_by(self.overview.sum(*counter));
        }
        for (name, depth, capacity) in self.overview.rings() {
            let label = [name.strip_prefix("ring_").unwrap_or(name)];
            self.depth.with_label_values(&label).set(i64::try_from(depth).unwrap_or(i64::MAX));
            self.capacity.with_label_values(&label).set(i64::try_from(capacity).unwrap_or(i64::MAX));
        }
        self.busy.reset();
        self.beats.reset();
        for (number, link) in self.overview.lcores.iter().enumerate() {
            let label = [number.to_string()];
            self.busy.with_label_values(&label).inc_by(link.busy_nanos() as f64 / 1e9);
            self.beats.with_label_values(&label).inc_by(link.beats());
        }
        self.open.set(i64::try_from(self.overview.open.load(Ordering::Relaxed)).unwrap_or(i64::MAX));
        let counters = self.counters.iter().flat_map(|(_, metric)| metric.collect());
        let gauges = [self.open.collect(), self.depth.collect(), self.capacity.collect()];
        let lcores = [self.busy.collect(), self.beats.collect()];
        let told = self.overview.told.lock().unwrap_or_else(PoisonError::into_inner);
        let ours = counters.chain(gauges.into_iter().flatten()).chain(lcores.into_iter().flatten());
        let recorder = self.overview.recorder.iter().flat_map(|figures| recorded(figures));
        ours.chain(told.families()).chain(recorder).collect()
    }
}

/// A count as Prometheus reads it. What cannot be a metric is left out: the names are ours.
fn count(name: &str, help: &str, value: u64) -> Vec<MetricFamily> {
    let made = IntCounter::with_opts(Opts::new(format!("keyhush_{name}_total"), help));
    made.map_or_else(
        |_| Vec::new(),
        |metric| {
            metric.inc_by(value);
            metric.collect()
        },
    )
}

/// What rises and falls.
fn level(name: &str, help: &str, value: u64) -> Vec<MetricFamily> {
    let made = IntGauge::new(format!("keyhush_{name}"), help);
    made.map_or_else(
        |_| Vec::new(),
        |metric| {
            metric.set(i64::try_from(value).unwrap_or(i64::MAX));
            metric.collect()
        },
    )
}

fn recorded(figures: &RecorderFigures) -> Vec<MetricFamily> {
    let counts = figures.counts();
    let counts = counts.iter().flat_map(|(name, help, value)| count(name, help, *value));
    let now = figures.now();
    let now = now.iter().flat_map(|(name, help, value)| level(name, help, *value));
    counts.chain(now).collect()
}

impl Told {
    /// As Prometheus reads it. What cannot be a metric is left out: the names are ours.
    fn families(&self) -> Vec<MetricFamily> {
        let mut families = Vec::new();
        let labelled = |name: &str, help: &str, label: &str, values: &[(&'static str, u64)]| {
            let made = IntCounterVec::new(Opts::new(format!("keyhush_{name}_total"), help), &[label]);
            made.map_or_else(
                |_| Vec::new(),
                |metric| {
                    for (value, count) in values {
                        metric.with_label_values(&[value]).inc_by(*count);
                    }
                    metric.collect()
                },
            )
        };
        for (name, help, value) in &self.desk.counts {
            families.extend(count(name, help, *value));
        }
        for (name, help, value) in &self.desk.now {
            families.extend(level(name, help, *value));
        }
        let age = "How long the slowest lcore has not beaten.";
        if let Ok(metric) = Gauge64::new("keyhush_heartbeat_age_seconds", age) {
            metric.set(self.desk.heartbeat_age);
            families.extend(metric.collect());
        }
        let help =
            "What became of payments sent to a PSP; one that was unknown counts again when it is known.";
        families.extend(labelled("payment_outcomes", help, "outcome", &self.desk.outcomes));
        let help = "Reports of callers' keys, by the transport that carried them.";
        families.extend(labelled("caller_key_reports", help, "transport", &self.presses));
        families.extend(count("caller_keys", "Callers' keys, each once over all transports.", self.merged));
        families.extend(count("sign_ins", "Agents who signed in.", self.signed_in));
        families.extend(count("sign_ins_refused", "Sign-ins refused.", self.sign_ins_refused));
        families
    }
}

#[cfg(test)]
mod tests {
    use handover::rings::Ring;

    use super::*;

    #[test]
    fn metrics_are_summed_named_and_helped() {
        let (one, two) = (Counters::default(), Counters::default());
        one.add(Counter::MaskedEvent, 3);
        two.add(Counter::MaskedEvent, 4);
        let ring: Ring<u8> = Ring::new(16);
        ring.push(1).expect("room");
        let gauges = vec![Gauge::new("ring_presses", &ring)];
        let links = [LcoreLink::new(1), LcoreLink::new(1)];
        let overview = Arc::new(Overview::new(vec![one.clone(), two], gauges, links.to_vec()));
        let metrics = Metrics::new(Arc::clone(&overview)).expect("names are right");
        links[1].beat();
        links[1].was_busy(1_250_000_000);
        for _ in 0..2 {
            let text = String::from_utf8(metrics.text().expect("it can be written")).expect("text");
            assert!(
                text.contains("\n# TYPE keyhush_masked_event_total counter\nkeyhush_masked_event_total 7\n")
            );
            assert!(text.contains("# HELP keyhush_masked_event_total Packets whose telephone-events were"));
            assert!(text.contains("\nkeyhush_ring_depth{ring=\"presses\"} 1\n"), "{text}");
            assert!(text.contains("\nkeyhush_ring_capacity{ring=\"presses\"} 16\n"), "{text}");
            assert!(text.contains("\nkeyhush_lcore_busy_seconds_total{lcore=\"0\"} 0\n"), "{text}");
            assert!(text.contains("\nkeyhush_lcore_busy_seconds_total{lcore=\"1\"} 1.25\n"), "{text}");
            assert!(text.contains("\nkeyhush_lcore_beats_total{lcore=\"1\"} 1\n"), "{text}");
            assert!(
                Counter::ALL
                    .iter()
                    .all(|counter| text.contains(&format!("keyhush_{}_total", counter.name())))
            );
        }
        one.add(Counter::MaskedEvent, 1);
        let text = metrics.text().expect("it can be written");
        assert!(String::from_utf8_lossy(&text).contains("\nkeyhush_masked_event_total 8\n"));
    }

    #[test]
    fn faults_are_told_until_they_are_over() {
        let counters = Counters::default();
        let overview = Overview::new(vec![counters.clone()], Vec::new(), Vec::new());
        assert!(overview.faults().is_empty());
        counters.count(Counter::LcoresLost);
        assert!(overview.faults()[0].contains("lcores_lost"));
        counters.count(Counter::LcoresBack);
        assert!(overview.faults().is_empty());
        counters.count(Counter::LcorePanics);
        assert!(overview.faults()[0].contains("lcore_panics"));
    }
}
